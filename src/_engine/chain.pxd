from libc.stdint cimport int64_t, uint32_t, uint64_t

from .index cimport Index

# A bucket's row: when it was made (u64, microseconds since 1970); and, unless it is 0, its flags (u8) and what they say.
cdef enum BucketFlag:
    VERSIONED = 1       # its objects keep their versions
    HAS_CHAINS = 2      # they did at some time
    HAS_RULES = 4       # its lifecycle rules follow, as JSON


cdef int flags_of(object row)
cdef bytes expiry_key(int64_t instant, bytes place)
cdef bytes stamp(uint64_t sequence, uint32_t counter)
cdef bytes id_of_stamp(bytes stamp)
cdef bytes stamp_before(bytes stamp)
cdef bytes id_of(bytes row)
cdef bytes stamp_of(bytes row)
cdef bytes stamp_of_id(bytes version_id)
cdef bytes version_key(bytes place, bytes stamp)
cdef tuple version_in(Index index, object txn, bytes place, bytes version_id)
cdef list older_versions(Index index, object txn, bytes place)
cdef tuple newest_older(Index index, object txn, bytes place)
