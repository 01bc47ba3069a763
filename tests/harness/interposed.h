/* What libraries that are preloaded to stand between a process and its file system have in common: which
 * calls concern one folder, and how to reach the call that is stood in for. Includes need _GNU_SOURCE. */
#ifndef INTERPOSED_H
#define INTERPOSED_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char root[4096]; /* the folder; empty for none */

/* Declares real_name, the function that would be called without us. */
#define REAL(result, name, ...) \
    static result (*real_##name)(__VA_ARGS__); \
    if (!real_##name) \
        real_##name = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name);

/* Whether a path is the root or below it. */
static inline int is_below_root(const char *path)
{
    size_t length = strlen(root);
    return length && !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
}

/* The path of a descriptor, if it is the root or below it. */
static inline int path_of(int fd, char path[4096])
{
    char link[64];
    int saved = errno;
    if (!root[0])
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, 4095);
    errno = saved;
    if (n < 0)
        return 0;
    path[n] = 0;
    return is_below_root(path);
}

/* The mode that an opening call has among its arguments when it may make a file. */
static inline int mode_among(int flags, va_list arguments)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
}

#define OPENING_MODE(flags, mode) \
    va_list arguments; \
    va_start(arguments, flags); \
    int mode = mode_among(flags, arguments); \
    va_end(arguments);

#endif
