from libc.stdint cimport uint8_t, uint32_t, uint64_t

from .state cimport State


cdef class Pack:
    """One append-only file, open for as long as somebody holds this object."""

    cdef readonly uint32_t number
    cdef readonly str path
    cdef readonly int fd
    cdef object _map                  # a read-only mapping, made for the first view
    cdef bytearray _verified          # a bit for each 64 bytes: was the chunk of at least so many that begins there verified
    cdef int read_into(self, uint8_t *target, Py_ssize_t length, uint64_t offset) except -1
    cdef bint is_dropped(self) except -1
    cdef bint is_verified(self, uint64_t offset, uint32_t length) noexcept
    cdef int set_verified(self, uint64_t offset, uint32_t length) except -1


cdef class Packs:
    """The folder of packs, with the ones in use open."""

    cdef readonly str folder
    cdef readonly bytes store_id
    cdef readonly bytes parameters    # packed, for the header of each pack
    cdef readonly uint64_t seed
    cdef uint64_t dropped             # how many packs had been removed when those that are open were last looked through
    cdef readonly set gone            # numbers of packs that were found missing: places in them are asked the index for
    cdef dict _open
    cdef object _lock
    cdef Pack open_pack(self, uint32_t number)


cdef class PackWriter:
    """Appends to this process's own pack. `lock` is held by the caller only where it says so."""

    cdef readonly Packs packs
    cdef readonly Pack pack           # None until the first append, and after a failure
    cdef readonly uint64_t tail       # where the next record goes
    cdef State _state
    cdef uint64_t _limit
    cdef list _left                   # packs that are not appended to any more, and still locked
    cdef uint64_t _allocated          # up to here the pack's space was asked for, beyond its tail
    cdef object _lock
    cdef tuple append_commit(self, const uint8_t *record, Py_ssize_t length, uint64_t sequence, bint ahead)
    cpdef tuple reserve_extent(self, bytes head, uint64_t data_length)


cdef int write_header(uint8_t *header, uint8_t kind, uint64_t length, uint64_t sequence, const uint8_t *checked,
                      Py_ssize_t checked_length, uint64_t seed) except -1
cdef uint64_t aligned(uint64_t length) noexcept nogil
