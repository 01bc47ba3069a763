/* Preloaded into processes that use a store: writes down, in one order for all of them, every call that
 * changes what is below one folder or flushes it. Python starts it through ctypes, before it forks.
 *
 * Files that are written through a mapping have no calls for it. They are held against a copy: the state at
 * every event, the index whenever something is flushed. What has changed is written down before the event.
 * The index's lock file is left alone: to open and close it would give LMDB's lock of it away, and nobody reads
 * it after a power cut.
 *
 * A write is written down after it was made, a flush before and after. So nothing that a flush may have
 * missed counts as flushed, and whoever knows of a write finds it in the trace. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "interposed.h"

/* The same numbers as in trace.py. */
enum kind { WRITE, EXTEND, CUT, MADE, FOLDER, RENAMED, REMOVED, UNFOLDED, FLUSHING, FLUSHED, FAILED, MARK, MAPPED };

struct header { uint32_t kind, path_length; uint64_t number, data_length; };

enum { SECTOR = 512, BLOCK = 1 << 16, STATE = 0, INDEX = 1, MAPPED_FILES = 2, TRACE_FD = 700 };

static const char *const mapped_names[MAPPED_FILES] = {"state", "index/data.mdb"};
static const size_t room[MAPPED_FILES] = {4096, 256 << 20};

struct known { ino_t inode; size_t size; };

/* What all processes share. */
static struct shared {
    pthread_mutex_t lock;
    uint64_t flushes;
    char failing[256]; /* the next-but-`fail_in`th fdatasync of a path with this in it fails */
    long fail_in;
    struct known known[MAPPED_FILES];
} *shared;

static unsigned char *copies[MAPPED_FILES];
static char mapped_paths[MAPPED_FILES][4096];
static int trace = -1;

static void broken(const char *what)
{
    dprintf(2, "the recorder of writes can't go on: %s\n", what);
    abort();
}

static void lock(void)
{
    int error = pthread_mutex_lock(&shared->lock);
    if (error == EOWNERDEAD)
        pthread_mutex_consistent(&shared->lock);
    else if (error)
        broken("its lock");
}

static void unlock(void) { pthread_mutex_unlock(&shared->lock); }

static const char *below(const char *path) { return path + strlen(root) + (path[strlen(root)] == '/'); }

/* With the lock in hand. */
static void put(enum kind kind, const char *path, uint64_t number, const void *data, size_t length)
{
    struct header header = {kind, strlen(path), number, length};
    struct iovec parts[3] = {{&header, sizeof header}, {(void *)path, header.path_length}, {(void *)data, length}};
    size_t whole = sizeof header + header.path_length + length;
    if (syscall(SYS_writev, trace, parts, 3) != (ssize_t)whole)
        broken("the trace has no room");
}

static void note_changes(int which)
{
    struct known *known = &shared->known[which];
    const char *name = below(mapped_paths[which]);
    unsigned char *copy = copies[which], block[BLOCK];
    struct stat status;
    int fd = syscall(SYS_openat, AT_FDCWD, mapped_paths[which], O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (syscall(SYS_fstat, fd, &status))
        broken("the length of a mapped file");
    if ((size_t)status.st_size > room[which])
        broken("a mapped file is too long");
    int anew = known->inode != status.st_ino;
    known->inode = status.st_ino;
    for (size_t at = 0; at < (size_t)status.st_size; at += BLOCK) {
        ssize_t n = syscall(SYS_pread64, fd, block, BLOCK, at);
        if (n < 0)
            broken("a mapped file can't be read");
        if (!anew && !memcmp(block, copy + at, n))
            continue;
        for (ssize_t from = 0; from < n;) {
            ssize_t to = from;
            while (to < n) {
                ssize_t size = n - to < SECTOR ? n - to : SECTOR;
                if (!anew && !memcmp(block + to, copy + at + to, size))
                    break;
                to += size;
            }
            if (to > from) {
                put(MAPPED, name, at + from, block + from, to - from);
                memcpy(copy + at + from, block + from, to - from);
            }
            from = to == from ? from + SECTOR : to;
        }
    }
    syscall(SYS_close, fd);
}

static void note(enum kind kind, const char *path, uint64_t number, const void *data, size_t length)
{
    int saved = errno;
    lock();
    note_changes(STATE);
    put(kind, path, number, data, length);
    unlock();
    errno = saved;
}

static uint64_t flush_begins(const char *path)
{
    lock();
    uint64_t number = ++shared->flushes;
    for (int which = 0; which < MAPPED_FILES; which++)
        note_changes(which);
    put(FLUSHING, path, number, NULL, 0);
    unlock();
    return number;
}

static int fails(const char *path)
{
    lock();
    int now = shared->fail_in && strstr(path, shared->failing) && --shared->fail_in == 0;
    unlock();
    return now;
}

/* For Python. */

int recorder_start(const char *folder, const char *store, const char *file)
{
    pthread_mutexattr_t kind;
    int fd = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    trace = fcntl(fd, F_DUPFD_CLOEXEC, TRACE_FD);
    syscall(SYS_close, fd);
    if (trace < 0)
        return errno;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return errno;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&shared->lock, &kind);
    for (int which = 0; which < MAPPED_FILES; which++) {
        int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
        copies[which] = mmap(NULL, room[which], PROT_READ | PROT_WRITE, flags, -1, 0);
        if (copies[which] == MAP_FAILED)
            return errno;
        snprintf(mapped_paths[which], sizeof mapped_paths[which], "%s/%s", store, mapped_names[which]);
    }
    strncpy(root, folder, sizeof root - 1);
    return 0;
}

/* Once nobody changes anything any more. */
void recorder_stop(void)
{
    lock();
    for (int which = 0; which < MAPPED_FILES; which++)
        note_changes(which);
    unlock();
    root[0] = 0;
    for (int which = 0; which < MAPPED_FILES; which++)
        munmap(copies[which], room[which]);
    munmap(shared, sizeof *shared);
    syscall(SYS_close, trace);
    trace = -1;
}

void recorder_mark(const char *text, size_t length) { note(MARK, "", 0, text, length); }

void recorder_fail(const char *path_part, long in)
{
    lock();
    strncpy(shared->failing, path_part, sizeof shared->failing - 1);
    shared->fail_in = in;
    unlock();
}

/* Bytes. */

static ssize_t written(int fd, const void *data, ssize_t n, off_t offset)
{
    char path[4096];
    if (n > 0 && path_of(fd, path))
        note(WRITE, below(path), offset, data, n);
    return n;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
    return written(fd, data, real_pwrite(fd, data, size, offset), offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset) { return pwrite(fd, data, size, offset); }

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, write, int, const void *, size_t)
    ssize_t n = real_write(fd, data, size);
    return root[0] ? written(fd, data, n, lseek(fd, 0, SEEK_CUR) - n) : n;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(ssize_t, writev, int, const struct iovec *, int)
    char path[4096];
    ssize_t n = real_writev(fd, parts, count), left = n;
    if (n > 0 && path_of(fd, path)) {
        off_t at = lseek(fd, 0, SEEK_CUR) - n;
        for (int i = 0; i < count && left > 0; i++) {
            ssize_t size = (ssize_t)parts[i].iov_len < left ? (ssize_t)parts[i].iov_len : left;
            if (size)
                note(WRITE, below(path), at, parts[i].iov_base, size);
            at += size;
            left -= size;
        }
    }
    return n;
}

/* Lengths. */

static int lengthened(enum kind kind, int fd, off_t length, int result)
{
    char path[4096];
    if (!result && path_of(fd, path))
        note(kind, below(path), length, NULL, 0);
    return result;
}

int ftruncate(int fd, off_t size)
{
    REAL(int, ftruncate, int, off_t)
    return lengthened(CUT, fd, size, real_ftruncate(fd, size));
}
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

int truncate(const char *path, off_t size)
{
    REAL(int, truncate, const char *, off_t)
    int result = real_truncate(path, size);
    if (!result && is_below_root(path))
        note(CUT, below(path), size, NULL, 0);
    return result;
}
int truncate64(const char *path, off_t size) { return truncate(path, size); }

int posix_fallocate(int fd, off_t offset, off_t length)
{
    REAL(int, posix_fallocate, int, off_t, off_t)
    return lengthened(EXTEND, fd, offset + length, real_posix_fallocate(fd, offset, length));
}
int posix_fallocate64(int fd, off_t offset, off_t length) { return posix_fallocate(fd, offset, length); }

/* Names. Made with the lock in hand, so that they are written down in the order in which they came about. */

static const char *place(int folder, const char *path, char whole[8192])
{
    if (path[0] == '/' || !path_of(folder, whole))
        return path;
    strcat(whole, "/");
    return strncat(whole, path, 4095);
}

static int opened(int folder, const char *name, int flags, mode_t mode)
{
    char whole[8192];
    struct stat status;
    const char *path = place(folder, name, whole);
    if (!is_below_root(path) || !(flags & (O_CREAT | O_TRUNC)))
        return syscall(SYS_openat, folder, name, flags, mode);
    lock();
    note_changes(STATE);
    int was_there = !syscall(SYS_newfstatat, AT_FDCWD, path, &status, 0);
    int fd = syscall(SYS_openat, folder, name, flags, mode);
    int saved = errno;
    if (fd >= 0 && !was_there)
        put(MADE, below(path), 0, NULL, 0);
    else if (fd >= 0 && (flags & O_TRUNC))
        put(CUT, below(path), 0, NULL, 0);
    unlock();
    errno = saved;
    return fd;
}

int open(const char *path, int flags, ...) { OPENING_MODE(flags, mode) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { OPENING_MODE(flags, mode) return opened(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { OPENING_MODE(flags, mode) return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { OPENING_MODE(flags, mode) return opened(folder, path, flags, mode); }

#define NAMED(kind, path, other, call) \
    if (!is_below_root(path)) \
        return call; \
    lock(); \
    note_changes(STATE); \
    int result = call, saved = errno; \
    if (!result) \
        put(kind, below(path), 0, other, strlen(other)); \
    unlock(); \
    errno = saved; \
    return result;

int rename(const char *from, const char *to) { NAMED(RENAMED, from, below(to), syscall(SYS_rename, from, to)) }
int renameat(int f, const char *from, int t, const char *to)
{
    char a[8192], b[8192];
    const char *source = place(f, from, a), *target = place(t, to, b);
    NAMED(RENAMED, source, below(target), syscall(SYS_renameat, f, from, t, to))
}
int mkdir(const char *path, mode_t mode) { NAMED(FOLDER, path, "", syscall(SYS_mkdir, path, mode)) }
int mkdirat(int folder, const char *name, mode_t mode)
{
    char whole[8192];
    const char *path = place(folder, name, whole);
    NAMED(FOLDER, path, "", syscall(SYS_mkdirat, folder, name, mode))
}
int unlink(const char *path) { NAMED(REMOVED, path, "", syscall(SYS_unlink, path)) }
int rmdir(const char *path) { NAMED(UNFOLDED, path, "", syscall(SYS_rmdir, path)) }
int unlinkat(int folder, const char *name, int flags)
{
    char whole[8192];
    const char *path = place(folder, name, whole);
    NAMED(flags & AT_REMOVEDIR ? UNFOLDED : REMOVED, path, "", syscall(SYS_unlinkat, folder, name, flags))
}

/* Flushes. */

#define FLUSHES(path, call) \
    uint64_t number = flush_begins(path); \
    int failing = fails(path), result = failing ? -1 : call; \
    int saved = failing ? EIO : errno; \
    note(result ? FAILED : FLUSHED, path, number, NULL, 0); \
    errno = saved; \
    return result;

int fdatasync(int fd)
{
    REAL(int, fdatasync, int)
    char path[4096];
    if (!path_of(fd, path))
        return real_fdatasync(fd);
    FLUSHES(below(path), real_fdatasync(fd))
}
int fsync(int fd)
{
    REAL(int, fsync, int)
    char path[4096];
    if (!path_of(fd, path))
        return real_fsync(fd);
    FLUSHES(below(path), real_fsync(fd))
}

/* Which file is mapped at an address. */
static int path_at(const void *address, char path[4096])
{
    char line[4352];
    unsigned long from, to;
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    if (!maps)
        broken("/proc/self/maps");
    while (!found && fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %4095[^\n]", &from, &to, path) == 3)
            found = (unsigned long)address >= from && (unsigned long)address < to;
    fclose(maps);
    return found && is_below_root(path);
}

int msync(void *start, size_t size, int flags)
{
    REAL(int, msync, void *, size_t, int)
    char path[4096];
    if (!root[0] || !(flags & MS_SYNC) || !path_at(start, path))
        return real_msync(start, size, flags);
    FLUSHES(below(path), real_msync(start, size, flags))
}
