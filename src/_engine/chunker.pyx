# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Where an object is cut into chunks, so that equal content is cut alike wherever it stands.

A gear hash rolls over the bytes, and a chunk ends where chosen bits of it are zero. So a cut depends on
the 64 bytes before it and on where its chunk began: after an insertion the cuts fall back into step. This is
FastCDC (Xia et al., USENIX ATC 2016; "The Design of Fast Content-Defined Chunking", IEEE TPDS 2020):
nothing is cut, or scanned, below a minimum; up to the normal size more bits must be zero than after it
(normalised chunking), which draws the lengths together; at the maximum a chunk is cut whatever it holds.
The table and the masks are in gear.h and differ from the paper's so that vector instructions can look for
cuts; the cuts are a part of the store's format and the same on every machine and in every kernel.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint64_t

from trove.errors import InvalidArgumentError

__all__ = ["KERNELS", "MAXIMUM_LIMIT", "Chunker", "parameters"]


cdef extern from "gear.h" nogil:
    enum:
        GEAR_WINDOW
    void gear_fill_tables() noexcept
    uint64_t gear_mask(unsigned bits) noexcept
    size_t gear_scan_portable(const unsigned char *data, size_t first, size_t last, uint64_t mask) noexcept
    size_t gear_scan_avx2(const unsigned char *data, size_t first, size_t last, uint64_t mask) noexcept
    size_t gear_scan_avx512(const unsigned char *data, size_t first, size_t last, uint64_t mask) noexcept
    int gear_avx2_works() noexcept
    int gear_avx512_works() noexcept


gear_fill_tables()

KERNELS = tuple(
    name
    for name, works in (("avx512", gear_avx512_works()), ("avx2", gear_avx2_works()), ("portable", True))
    if works
)
MAXIMUM_LIMIT = 1 << 24

cdef enum:
    HIGHEST_LEVEL = 4
    BATCH = 256  # cuts that are collected without the GIL


def parameters(chunk_size):
    cdef object minimum, maximum
    if not isinstance(chunk_size, int) or isinstance(chunk_size, bool):
        raise InvalidArgumentError(f"chunk_size is {chunk_size!r}: give a whole number of bytes.")
    minimum = chunk_size // 2
    maximum = chunk_size * 4
    if minimum < GEAR_WINDOW or maximum >= MAXIMUM_LIMIT:
        raise InvalidArgumentError(
            f"chunk_size is {chunk_size}: choose from {2 * GEAR_WINDOW} to {(MAXIMUM_LIMIT - 1) // 4} bytes."
        )
    return minimum, chunk_size * 25 // 32, maximum, 2


@cython.final
cdef class Chunker:
    def __cinit__(self, minimum, normal, maximum, level, *, kernel=None):
        for name, value in (("minimum", minimum), ("normal", normal), ("maximum", maximum), ("level", level)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise InvalidArgumentError(f"The chunker's {name} is {value!r}: give a whole number.")
        if not GEAR_WINDOW <= minimum <= normal <= maximum < MAXIMUM_LIMIT:
            raise InvalidArgumentError(
                f"The chunker's sizes are minimum {minimum}, normal {normal}, maximum {maximum}: they must rise"
                f" in this order, from at least {GEAR_WINDOW} to less than {MAXIMUM_LIMIT} bytes."
            )
        if not 0 <= level <= HIGHEST_LEVEL:
            raise InvalidArgumentError(f"The chunker's level is {level}: choose from 0 to {HIGHEST_LEVEL}.")
        if kernel is None:
            kernel = KERNELS[0]
        if kernel not in KERNELS:
            raise InvalidArgumentError(f"This machine has no kernel {kernel!r}: choose from {', '.join(KERNELS)}.")
        self.minimum, self.normal, self.maximum, self.level = minimum, normal, maximum, level
        # log2(normal), rounded, in whole numbers: a float could round differently elsewhere.
        bits = (normal * normal).bit_length() // 2
        self.strict_mask = gear_mask(bits + level)
        self.loose_mask = gear_mask(bits - level)
        self.kernel = kernel
        if kernel == "avx512":
            self.scan = gear_scan_avx512
        else:
            self.scan = gear_scan_avx2 if kernel == "avx2" else gear_scan_portable

    cdef size_t next_cut(self, const unsigned char *data, size_t length) noexcept nogil:
        cdef size_t cut, last = min(length, self.maximum)
        if last <= self.minimum:
            return last
        cut = self.scan(data, self.minimum, min(last, self.normal - 1), self.strict_mask)
        if cut == 0 and last >= self.normal:
            cut = self.scan(data, self.normal, last, self.loose_mask)
        return cut if cut else last

    def cuts(self, data):
        cdef Py_buffer view
        cdef const unsigned char *at
        cdef size_t left
        cdef size_t found[BATCH]
        cdef int count = 0, i
        cdef list lengths = []
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            at = <const unsigned char *>view.buf
            left = view.len
            while left:
                with nogil:
                    count = 0
                    while left and count < BATCH:
                        found[count] = self.next_cut(at, left)
                        at += found[count]
                        left -= found[count]
                        count += 1
                for i in range(count):
                    lengths.append(found[i])
        finally:
            PyBuffer_Release(&view)
        return lengths

    def __repr__(self):
        return f"Chunker({self.minimum}, {self.normal}, {self.maximum}, {self.level}, kernel={self.kernel!r})"
