/* Stops whoever touches a piece of memory next: see held_read.py. */

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

static char *start;
static size_t length;
static int stopped, go_on;

static void touched(int number, siginfo_t *info, void *context)
{
    char *address = info->si_addr;
    char byte = 0;

    (void)number, (void)context;
    if (address < start || address >= start + length) {
        signal(SIGSEGV, SIG_DFL);  /* somebody else's fault: it happens again, and ends the process */
        return;
    }
    mprotect(start, length, PROT_READ);
    if (write(stopped, &byte, 1) != 1 || read(go_on, &byte, 1) != 1)
        _exit(99);
}

/* From now on the first access to the memory says so to one descriptor, and waits for the other. */
int hold(void *memory, size_t size, int to_say, int to_wait)
{
    struct sigaction action = {.sa_sigaction = touched, .sa_flags = SA_SIGINFO};

    start = memory, length = size, stopped = to_say, go_on = to_wait;
    return sigaction(SIGSEGV, &action, NULL) ? -1 : mprotect(memory, size, PROT_NONE);
}
