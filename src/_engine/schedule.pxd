from libc.stdint cimport int64_t

from .index cimport Index


cdef class Schedule:
    cdef readonly Index index
    cdef readonly object txn
    cdef dict _before                 # place -> its row in ``due`` as the changes began, None for none
    cdef dict _ruled                  # bucket -> what `ruled_by` says of it

    cdef int touch(self, bytes place) except -1
    cdef object _due(self, bytes place)
    cdef list moved(self)


cdef int64_t time_of(bytes body) noexcept
cdef bytes last_key(bytes name)
cdef bint has_rules(Index index, object txn) except -1
