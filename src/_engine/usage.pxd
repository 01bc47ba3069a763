from libc.stdint cimport uint64_t

from .index cimport Index

cdef enum:
    LIMITS = 16         # bytes of the limits of a quota, bytes u64 and objects u64; what is used of them follows


cdef class Usage:
    """What is used of each quota, as the changes of one transaction move it."""

    cdef Index index
    cdef object txn
    cdef dict _quotas                 # key of a quota -> [limits, used], four numbers; None where there is no quota
    cdef set _touched                 # those whose rows change
    cdef dict _moved                  # key of a quota -> [bytes, objects] more since the last check
    cdef bytes _place                 # what came last
    cdef list _quota(self, bytes key)
    cdef int move(self, bytes place, bytes row, bint holds, int sign) except -1
    cdef int check(self) except -1
    cdef int require(self, str table, bytes key, uint64_t size) except -1
    cdef int limit(self, bytes name, bytes limits) except -1
    cdef int drop(self, bytes name) except -1
    cdef list rows(self)


cdef class Room:
    """Whether data that is still coming can be kept: asked before it is written, to refuse it early."""

    cdef Index index
    cdef str table
    cdef bytes key
    cdef int require(self, uint64_t size) except -1


cdef bint has_quotas(Index index, object txn) except -1
cdef bytes packed_limits(object max_bytes, object max_objects)
cdef tuple limits_in(object body)
cdef dict all_limits(Index index, object txn)
cdef bytes quota_key(bytes name)
cdef tuple counted(Index index, object txn, bytes key)
cdef str whose(bytes key)
