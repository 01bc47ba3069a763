from .commit cimport Commit


cdef class Change:
    """Something to commit: `stage` checks its preconditions and makes its changes."""

    cdef public bint durable          # must be on disk before it is acknowledged
    cdef bint done                    # some thread has committed it, or tried to
    cdef object turn                  # a lock that is let go when this change is done or may lead
    cdef object result
    cdef object error
    cdef int stage(self, Commit commit) except -1
    cdef bint frees(self) except -1   # whether it only takes away: then it may use the reserve
