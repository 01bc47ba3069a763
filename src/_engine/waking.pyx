# cython: language_level=3, boundscheck=False
"""Waking: that nobody waits for the write lock of an index which is free.

LMDB's lock between writers is a robust mutex, which a process that is killed lets go of. But it can lose a
wake-up: one who waits is woken, somebody else takes the lock first and knows of nobody who waits, and the one
that was woken is killed before it looks again. Then nobody wakes the others. So processes count in ``state``
that they wait, and whoever lets go of the lock while one does wakes one. A count that is too high, because
somebody was killed while waiting, costs a call to the system for each commit until the store is closed.
"""

import os

from libc.errno cimport errno
from libc.stdint cimport uint32_t, uint64_t

from trove.errors import StorageIOError

from .state cimport STATE_WAITING, State

cdef extern from "futex.h" nogil:
    void futex_wake(const uint32_t *word, int count)
    bint futex_is_own(uint32_t word)

cdef extern from * nogil:
    int __ATOMIC_SEQ_CST
    uint64_t __atomic_load_n(uint64_t *word, int order)
    uint64_t __atomic_fetch_add(uint64_t *word, uint64_t more, int order)

cdef extern from "<sys/mman.h>" nogil:
    void *mmap(void *where, size_t length, int protection, int flags, int fd, long offset)
    int munmap(void *where, size_t length)
    void *MAP_FAILED
    enum: MAP_SHARED
    enum: PROT_READ

cdef enum:
    LOCKS = 256  # bytes at the front of LMDB's lock file, among them its locks


cdef class Waking:
    def __init__(self, str lock_file):
        """For the index with that lock file, which this process has not opened: a descriptor of it that is
        closed, which one of Python's mappings keeps, takes LMDB's locks with it."""
        try:
            fd = os.open(lock_file, os.O_RDONLY | os.O_CLOEXEC)
            self._page = mmap(NULL, LOCKS, PROT_READ, MAP_SHARED, fd, 0)
            error = errno
            os.close(fd)
            if self._page == MAP_FAILED:
                self._page = NULL
                raise OSError(error, os.strerror(error))
        except OSError as error:
            raise StorageIOError.of(error, f"mapping {lock_file}") from error

    def __dealloc__(self):
        if self._page != NULL:
            munmap(self._page, LOCKS)

    cdef int count_in(self, State state) except -1:
        """From now on there may be others."""
        self._state = state
        self._waiting = <uint64_t *>state._words + (<int>STATE_WAITING >> 3)
        return 0

    cdef void comes(self) noexcept:
        """This process is about to take the lock."""
        if self._waiting != NULL:
            __atomic_fetch_add(self._waiting, 1, __ATOMIC_SEQ_CST)

    cdef void has_it(self) noexcept:
        """This thread has it."""
        cdef const uint32_t *words = <const uint32_t *>self._page
        cdef Py_ssize_t i
        self.gives_up()
        if self._lock != NULL:
            return
        for i in range(LOCKS // 4 - 2):
            # A mutex begins with its word, and has its owner in the next but one.
            if futex_is_own(words[i]) and futex_is_own(words[i + 2]):
                self._lock = words + i
                return

    cdef void gives_up(self) noexcept:
        """This process waits no longer."""
        if self._waiting != NULL:
            __atomic_fetch_add(self._waiting, <uint64_t>-1, __ATOMIC_SEQ_CST)

    cdef void let_go(self) noexcept:
        """This process has just let go of the lock, or somebody may have."""
        if self._lock != NULL and self._waiting != NULL and __atomic_load_n(self._waiting, __ATOMIC_SEQ_CST):
            futex_wake(self._lock, 1)
