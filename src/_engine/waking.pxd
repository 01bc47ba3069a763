from libc.stdint cimport uint32_t, uint64_t

from .state cimport State


cdef class Waking:
    """Sees to it that whoever waits for the write lock of an index is woken when it is let go of."""

    cdef void *_page                  # the beginning of LMDB's lock file, mapped
    cdef const uint32_t *_lock        # where in it the write lock is; NULL until this process had it
    cdef State _state
    cdef uint64_t *_waiting           # the count in it; NULL while nobody else can be there
    cdef int count_in(self, State state) except -1
    cdef void comes(self) noexcept
    cdef void has_it(self) noexcept
    cdef void gives_up(self) noexcept
    cdef void let_go(self) noexcept
