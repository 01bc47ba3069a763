# Where a stream of bytes is cut into chunks. chunker.pyx says how, gear.h holds the loops.

cimport cython
from libc.stdint cimport uint64_t

ctypedef size_t (*Scan)(const unsigned char *data, size_t first, size_t last, uint64_t mask) noexcept nogil


@cython.final
cdef class Chunker:
    cdef readonly size_t minimum
    cdef readonly size_t normal
    cdef readonly size_t maximum
    cdef readonly int level
    cdef readonly str kernel
    cdef uint64_t strict_mask
    cdef uint64_t loose_mask
    cdef Scan scan

    # The length of the first chunk of `data`. `length` is at least `maximum`, or all that is left: so long
    # as that holds, the cuts of a stream don't depend on the buffers that it comes in.
    cdef size_t next_cut(self, const unsigned char *data, size_t length) noexcept nogil
