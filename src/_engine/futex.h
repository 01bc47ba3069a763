/* Waiting for a word of memory that processes share to change, and waking who waits. Only Linux can; elsewhere waiting
   is a short sleep, and waking is nothing. */
#include <stdint.h>
#include <time.h>

#if defined(__linux__)
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline void futex_wake(const volatile uint32_t *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

/* Until the word is not `seen`, somebody wakes, a signal comes, or that many microseconds are over. */
static inline void futex_wait(const volatile uint32_t *word, uint32_t seen, long microseconds)
{
    struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
    syscall(SYS_futex, word, FUTEX_WAIT, seen, &time, NULL, 0);
}

/* Whether the word of a robust mutex says that this thread holds it. */
static inline int futex_is_own(uint32_t word)
{
    return (word & FUTEX_TID_MASK) == ((uint32_t)syscall(SYS_gettid) & FUTEX_TID_MASK);
}
#else
static inline void futex_wake(const volatile uint32_t *word, int count)
{
    (void)word, (void)count;
}

static inline void futex_wait(const volatile uint32_t *word, uint32_t seen, long microseconds)
{
    struct timespec time = {0, (microseconds < 5000 ? microseconds : 5000) * 1000};
    (void)word, (void)seen;
    nanosleep(&time, NULL);
}

static inline int futex_is_own(uint32_t word)
{
    (void)word;
    return 0;
}
#endif
