from libc.stdint cimport uint8_t, uint64_t

from .codec cimport Encoder
from .commit cimport Commit
from .core cimport Core
from .pack cimport Pack
from .usage cimport Room


cdef class Content:
    """An object's bytes, as its row will hold them."""

    cdef readonly uint64_t size
    cdef readonly bytes etag
    cdef bint cold                    # whether its chunks are compressed
    cdef readonly bytes inline        # the bytes themselves, or None
    cdef uint8_t *references          # else chunk references, end to end
    cdef readonly Py_ssize_t count
    cdef Py_ssize_t _room
    cdef list _packs                  # for each chunk: the pack it is pinned in, None where it is new
    cdef list _extents                # what was appended for it: (pack number, start, end)
    cdef dict _written                # the packs of these, open, by number
    cdef Encoder _digests
    cdef int append(
        self, bytes digest, Py_ssize_t length, uint64_t raw, object pack, uint64_t offset, bint shared
    ) except -1
    cdef int _wrote(self, Pack pack, uint64_t start, uint64_t end) except -1
    cdef int settle(self, Core core, Commit commit) except -1
    cdef bytes tail(self, Commit commit)
    cdef int kind(self) noexcept


cdef Content ingest(Core core, object data, bint inline=*, Room room=*, bint cold=*)
cdef Content empty(bint cold)
cdef object add_chunks(Core core, Content content, list chunks)
cdef bytes held_tail(Commit commit, bytes references)
cdef bytes extent_head(list chunks, uint64_t seed)
