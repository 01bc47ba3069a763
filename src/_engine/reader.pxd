from libc.stdint cimport uint8_t, uint64_t

from .codec cimport Reference
from .core cimport Core
from .info cimport EngineInfo
from .pack cimport Pack


cdef class Session:
    """One opening of a handle: its readers end with it."""

    cdef public bint closed


cdef class EngineReader:
    cdef readonly EngineInfo info
    cdef Core _core
    cdef bytes _inline                # the row, when the content is in it
    cdef Py_ssize_t _inline_at
    cdef bytes _references            # else the chunk references
    cdef uint64_t *_starts            # and where in the object each chunk begins, and the end
    cdef Py_ssize_t _chunks
    cdef list _packs                  # the pack of each chunk in the range, open
    cdef Py_ssize_t _first            # the chunk that _packs begins with
    cdef tuple _unpacked              # the number and the bytes of a chunk that is stored compressed, if one was read in part
    cdef int _verify
    cdef uint64_t _start
    cdef uint64_t _size
    cdef uint64_t _position
    cdef object _far                  # the position, where it is past all that can be counted
    cdef bint _closed
    cdef Session _session
    cdef object __weakref__
    cdef int prepare(self, bytes references) except -1
    cdef int check(self, Pack pack, Reference reference, const uint8_t *data) except -1
    cdef object damaged(self, Pack pack, Reference reference)
    cdef bytes unpacked(self, Py_ssize_t i, Pack pack, Reference reference, bint keep)
    cdef int fill(self, uint8_t *target, uint64_t offset, uint64_t length) except -1
    cdef Py_ssize_t chunk_at(self, uint64_t offset) noexcept
    cdef int _check_open(self) except -1


cdef enum Verify:
    FIRST
    ALWAYS
    NEVER


cdef Py_ssize_t inline_start(EngineInfo info) except -1
cdef bytes references_now(Core core, object txn, EngineInfo info)
cdef EngineReader reader_of(Core core, Session session, EngineInfo info, bytes references, uint64_t start, uint64_t size, int verify)
