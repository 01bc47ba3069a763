from libc.stdint cimport uint64_t

from .codec cimport Encoder
from .commit cimport Commit
from .index cimport Index
from .pack cimport Packs, PackWriter
from .state cimport State


cdef class Amendment:
    """Commits that a repair adds to the log: none of them counts before all of them are on disk."""

    cdef Index index
    cdef Packs packs
    cdef PackWriter writer
    cdef object txn
    cdef Commit commit
    cdef Encoder _first               # the record that links the others to the chain, kept back
    cdef uint64_t _predecessor
    cdef uint64_t _sequence           # of the first
    cdef Commit room(self)
    cdef int _complete(self, bint last) except -1
