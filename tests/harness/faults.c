/* Preloaded into a process that uses a store: counts its calls that change files below one folder, and at
 * a chosen one kills the process or makes the call fail. Python arms it through ctypes. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "interposed.h"

enum call { PWRITE, WRITE, FDATASYNC, FSYNC, MSYNC, FTRUNCATE, FALLOCATE, OPEN, RENAME, MKDIR, UNLINK, UNLOCK, PREAD, READ, MMAP, CALLS };
enum mode { OFF, KILL_BEFORE, KILL_AFTER, KILL_HALF, FAIL, SHORT, STOP_AFTER, SLOW };

#define SLOW_MICROSECONDS 3000 /* about what a disk takes */

static char part[256];
static atomic_long counts[CALLS];
static atomic_long seen;
static atomic_long injected;
static struct { dev_t device; ino_t inode; atomic_int dirty; } files[4096];
static atomic_int file_count;
static unsigned armed_calls;
static long armed_from, armed_times;
static int armed_mode, armed_errno;

void fault_root(const char *folder) { strncpy(root, folder, sizeof root - 1); }
long fault_count(int call) { return counts[call]; }
long fault_seen(void) { return seen; }
long fault_injected(void) { return injected; }

/* From the call number `from` on (1 is the next one) `times` calls of those in the mask whose path contains
 * `path_part` meet their fate. */
void fault_arm(unsigned calls, const char *path_part, int mode, int error, long from, long times)
{
    armed_mode = OFF;
    strncpy(part, path_part, sizeof part - 1);
    part[sizeof part - 1] = 0;
    armed_calls = calls;
    armed_errno = error;
    armed_from = from;
    armed_times = times;
    seen = 0;
    injected = 0;
    for (int i = 0; i < CALLS; i++)
        counts[i] = 0;
    armed_mode = mode;
}

static int below(const char *path) { return is_below_root(path) && strstr(path + strlen(root), part); }

static int of_fd(int fd)
{
    char path[4096];
    return path_of(fd, path) && below(path);
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

static void afterwards(int met)
{
    if (met == KILL_AFTER || met == KILL_HALF)
        die();
    if (met == STOP_AFTER)
        kill(getpid(), SIGSTOP);
}

/* Which files of the folder hold bytes of this process that it has not flushed. */
static void mark(int fd, int dirty)
{
    struct stat status;
    int saved = errno;
    if (of_fd(fd) && !fstat(fd, &status)) {
        int i;
        for (i = 0; i < file_count; i++)
            if (files[i].device == status.st_dev && files[i].inode == status.st_ino)
                break;
        if (i == file_count && i < 4096) {
            files[i].device = status.st_dev;
            files[i].inode = status.st_ino;
            file_count++;
        }
        if (i < 4096)
            files[i].dirty = dirty;
    }
    errno = saved;
}

int fault_dirty(void)
{
    int dirty = 0;
    for (int i = 0; i < file_count; i++)
        dirty += files[i].dirty;
    return dirty;
}

/* What this call is to meet; KILL_BEFORE and SLOW are done here. */
static int fate(enum call call)
{
    counts[call]++;
    if (armed_mode == OFF || !(armed_calls >> call & 1))
        return OFF;
    long number = ++seen;
    if (number < armed_from || number >= armed_from + armed_times)
        return OFF;
    injected++;
    if (armed_mode == KILL_BEFORE)
        die();
    if (armed_mode == SLOW)
        usleep(SLOW_MICROSECONDS);
    return armed_mode;
}

#define INT_CALL(call, name, args, on_call) \
    int met = (on_call) ? fate(call) : OFF; \
    if (met == FAIL || met == SHORT) { errno = armed_errno; return -1; } \
    int result = name args; \
    afterwards(met); \
    return result;

static ssize_t written(enum call call, int fd, const void *data, size_t size, off_t offset, int at,
                       ssize_t (*put)(int, const void *, size_t, off_t), ssize_t (*plain)(int, const void *, size_t))
{
    int met = of_fd(fd) ? fate(call) : OFF;
    if (met == FAIL) { errno = armed_errno; return -1; }
    if ((met == KILL_HALF || met == SHORT) && size > 1)
        size = size / 2;
    mark(fd, 1);
    ssize_t n = at ? put(fd, data, size, offset) : plain(fd, data, size);
    afterwards(met);
    return n;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
    return written(PWRITE, fd, data, size, offset, 1, real_pwrite, NULL);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) { return pwrite(fd, data, size, offset); }

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, write, int, const void *, size_t)
    return written(WRITE, fd, data, size, 0, 0, NULL, real_write);
}

static int flushed(int fd, int result)
{
    if (!result)
        mark(fd, 0);
    return result;
}

int fdatasync(int fd)
{
    REAL(int, fdatasync, int)
    INT_CALL(FDATASYNC, flushed, (fd, real_fdatasync(fd)), of_fd(fd))
}
int fsync(int fd)
{
    REAL(int, fsync, int)
    INT_CALL(FSYNC, flushed, (fd, real_fsync(fd)), of_fd(fd))
}
int ftruncate(int fd, off_t size) { REAL(int, ftruncate, int, off_t) INT_CALL(FTRUNCATE, real_ftruncate, (fd, size), of_fd(fd)) }
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }
int msync(void *start, size_t size, int flags)
{
    REAL(int, msync, void *, size_t, int)
    INT_CALL(MSYNC, real_msync, (start, size, flags), root[0] && !part[0])
}

int posix_fallocate(int fd, off_t offset, off_t length)
{
    REAL(int, posix_fallocate, int, off_t, off_t)
    int met = of_fd(fd) ? fate(FALLOCATE) : OFF;
    if (met == FAIL || met == SHORT)
        return armed_errno;
    int result = real_posix_fallocate(fd, offset, length);
    afterwards(met);
    return result;
}
int posix_fallocate64(int fd, off_t offset, off_t length) { return posix_fallocate(fd, offset, length); }

#define OPENING(name, args, first) \
    OPENING_MODE(flags, mode) \
    INT_CALL(OPEN, name, args, first)

int open(const char *path, int flags, ...)
{
    REAL(int, open, const char *, int, ...)
    OPENING(real_open, (path, flags, mode), below(path))
}
int open64(const char *path, int flags, ...)
{
    REAL(int, open64, const char *, int, ...)
    OPENING(real_open64, (path, flags, mode), below(path))
}
int rename(const char *from, const char *to)
{
    REAL(int, rename, const char *, const char *)
    INT_CALL(RENAME, real_rename, (from, to), below(from))
}
int mkdir(const char *path, mode_t mode)
{
    REAL(int, mkdir, const char *, mode_t)
    INT_CALL(MKDIR, real_mkdir, (path, mode), below(path))
}
int unlink(const char *path)
{
    REAL(int, unlink, const char *)
    INT_CALL(UNLINK, real_unlink, (path), below(path))
}

int unlinkat(int folder, const char *path, int flags)
{
    REAL(int, unlinkat, int, const char *, int)
    INT_CALL(UNLINK, real_unlinkat, (folder, path, flags), path[0] == '/' ? below(path) : of_fd(folder))
}
int rmdir(const char *path)
{
    REAL(int, rmdir, const char *)
    INT_CALL(UNLINK, real_rmdir, (path), below(path))
}

/* What only looks at files. A short read is no error either: half of what was asked for. */
#define READING(call, real, fd, ...) \
    int met = of_fd(fd) ? fate(call) : OFF; \
    if (met == FAIL) { errno = armed_errno; return -1; } \
    if (met == SHORT && size > 1) \
        size = size / 2; \
    ssize_t n = real(fd, data, size, ##__VA_ARGS__); \
    afterwards(met); \
    return n;

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
    REAL(ssize_t, pread, int, void *, size_t, off_t)
    READING(PREAD, real_pread, fd, offset)
}
ssize_t pread64(int fd, void *data, size_t size, off_t offset) { return pread(fd, data, size, offset); }

ssize_t read(int fd, void *data, size_t size)
{
    REAL(ssize_t, read, int, void *, size_t)
    READING(READ, real_read, fd)
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    REAL(void *, mmap, void *, size_t, int, int, int, off_t)
    int met = fd >= 0 && of_fd(fd) ? fate(MMAP) : OFF;
    if (met == FAIL || met == SHORT) { errno = armed_errno; return MAP_FAILED; }
    void *result = real_mmap(at, size, protection, flags, fd, offset);
    afterwards(met);
    return result;
}
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    return mmap(at, size, protection, flags, fd, offset);
}

/* A mutex that processes share is the index's: where it is let go, a transaction has just ended. */
int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    REAL(int, pthread_mutex_unlock, pthread_mutex_t *)
    int met = mutex->__data.__kind & 128 ? fate(UNLOCK) : OFF;
    int result = real_pthread_mutex_unlock(mutex);
    afterwards(met);
    return result;
}
