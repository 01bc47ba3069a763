from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .pack cimport Pack, Packs


cdef class Blocks:
    """Reads a pack in big blocks for somebody who goes through it in one direction."""

    cdef readonly Pack pack
    cdef readonly uint64_t size       # of the file when this was made, in bytes
    cdef uint8_t *_buffer
    cdef uint64_t _start
    cdef Py_ssize_t _filled
    cdef Py_ssize_t _room
    cdef const uint8_t *at(self, uint64_t offset, Py_ssize_t length) except NULL


cdef class Scan:
    """Goes from one whole record of a pack to the next; the fields are those of the present one."""

    cdef readonly Blocks blocks
    cdef readonly uint8_t kind
    cdef readonly uint64_t sequence
    cdef readonly uint64_t offset     # where its header begins
    cdef readonly uint64_t start      # where its payload begins
    cdef readonly uint64_t length     # of its payload, in bytes
    cdef readonly list holes          # (start, end) of what is no whole record, behind the end of the last one too
    cdef uint64_t _position
    cdef uint64_t _seed
    cdef bint next(self) except -1
    cdef bint whole(self, uint64_t position) except -1
    cdef bint _is_blank(self, uint64_t start, uint64_t end) except -1
    cdef uint64_t _next_magic(self, uint64_t position) except? 0


cdef struct Entry:
    uint64_t sequence
    uint64_t predecessor
    uint64_t offset                   # of the payload
    uint64_t length
    uint32_t pack
    bint settled                      # see codec.SETTLED
    bint chained


cdef class Log:
    """The commits of all packs: which there are, and in which order they follow."""

    cdef readonly Packs packs
    cdef readonly uint64_t highest    # the highest number that any commit has
    cdef readonly dict holes          # pack -> (start, end) of what is no whole record
    cdef readonly dict ends           # pack -> where whoever goes on reading from here begins
    cdef readonly list unreadable     # (pack, error) of packs that could not be read at all
    cdef Entry *entries
    cdef readonly Py_ssize_t count
    cdef Py_ssize_t _room
    cdef Py_ssize_t *chain            # the numbers of the entries that follow each other
    cdef readonly Py_ssize_t length   # of the chain
    cdef object _readers
    cdef uint64_t _raised_from, _raised_to
    cdef int _add(self, Scan scan) except -1
    cdef uint64_t follow(self, uint64_t base, uint64_t until) except? 0
    cdef Py_ssize_t last_settled(self) noexcept
    cdef Py_ssize_t above(self, uint64_t sequence) noexcept
    cdef void cut(self, Py_ssize_t length) noexcept
    cdef bytes payload(self, Py_ssize_t number)
