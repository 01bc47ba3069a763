# cython: language_level=3
"""Forks: how often the line of processes that ends with this one has forked.

A process and its forked child count differently from then on. To ask that at each call is cheaper than to ask
for the process's id.
"""

cdef extern from "<pthread.h>" nogil:
    int pthread_atfork(void (*prepare)() noexcept nogil, void (*parent)() noexcept nogil, void (*child)() noexcept nogil)


cdef int _forks = 0


cdef void _count_fork() noexcept nogil:
    global _forks
    _forks += 1


pthread_atfork(NULL, NULL, _count_fork)


cdef int forks_so_far() noexcept nogil:
    """Differs between a process and its forked child."""
    return _forks
