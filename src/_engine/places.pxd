from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .codec cimport Reference
from .index cimport Index


# A chunk's row:
#   0  4  pack
#   4  4  length
#   8  8  offset of its bytes in the pack
#  16  8  references: how often objects and lists name it
cdef struct Stored:
    uint32_t pack
    uint32_t length
    uint64_t offset
    uint64_t references


cdef bytes chunk_key(Reference reference)
cdef bytes reference_to(bytes key, uint32_t length, uint32_t pack, uint64_t offset)
cdef bytes chunk_row(uint32_t pack, uint64_t offset, uint32_t length, uint64_t references)
cdef Stored stored(bytes body)
cdef bint find_chunk(Index index, object txn, bytes key, Stored *found) except -1
cdef bytes key_at(Index index, object txn, bytes digest, uint32_t pack, uint64_t offset)
cdef bytes placed(Index index, object txn, bytes references, set gone)
cdef bytes all_placed(Index index, object txn, bytes references)
cdef bint place(Index index, object txn, uint8_t *reference) except -1
