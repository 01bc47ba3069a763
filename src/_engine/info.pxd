from libc.stdint cimport int64_t, uint8_t, uint64_t

from .codec cimport Decoder

# An object's row:
#   0  1  how its content is held (codec.ContentKind)
#   1  1  flags
#   2  8  size in bytes
#  10  8  last modification, microseconds since 1970, signed
#  18 16  etag
#  34  8  expiry, microseconds since 1970, signed; only with HAS_EXPIRY
#         content type, storage class ("" is STANDARD), version id: texts
#         metadata, tags: a count and that many pairs of texts
#         the content: bytes to the end; or a count and that many references; or a list's id and its count
cdef enum:
    ROW_SIZE = 2
    ROW_TIME = 10
    ROW_ETAG = 18
    ROW_HEAD = 34
    HAS_EXPIRY = 1


cdef class EngineInfo:
    cdef readonly str key
    cdef bytes _held                  # the row, from `_base` on
    cdef Py_ssize_t _base
    cdef Py_ssize_t _content
    cdef object _parsed
    cdef tuple _fields(self)
    cdef const uint8_t *head(self) noexcept
    cdef bint expired(self, int64_t now) noexcept
    cdef int64_t expiry(self) noexcept
    cdef Py_ssize_t content_start(self) except -1
    cdef bytes content(self)
    cdef bytes references(self)


cdef EngineInfo info_of(str key, bytes held, Py_ssize_t base)
cdef bint row_expired(const uint8_t *row, int64_t now) noexcept nogil
cdef bytes attributes_block(object content_type, object storage_class, object metadata, object tags)
cdef bytes with_version_id(bytes attributes, bytes version_id)
cdef bytes with_time(bytes row, int64_t time)
cdef Decoder attributes_of(EngineInfo info)
cdef int64_t microseconds(object moment) except? -1
cdef int64_t now_us() noexcept nogil
