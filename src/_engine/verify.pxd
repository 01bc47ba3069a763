from libc.stdint cimport uint32_t, uint64_t

from .index cimport Index
from .pack cimport Packs


cdef struct Place:
    uint32_t pack
    uint32_t length
    uint64_t offset
    unsigned char key[17]


cdef class Chunks:
    """The chunks of an index, in the order in which they stand in the packs."""

    cdef readonly Index index
    cdef readonly Packs packs
    cdef object _name
    cdef object _txn
    cdef Place *_places
    cdef Py_ssize_t _count
    cdef Py_ssize_t _room
