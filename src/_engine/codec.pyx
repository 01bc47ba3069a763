# cython: language_level=3, boundscheck=False, cdivision=True
"""What stands in which byte: encoding and decoding of everything that the engine writes.

Decoders never trust a length: it is held against what is there before anything is allocated or read,
and what does not fit is CorruptStoreError.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from xxhash import xxh3_64_intdigest, xxh3_128_digest

from trove.errors import CorruptStoreError


cdef class Encoder:
    """Bytes under construction."""

    def __dealloc__(self):
        free(self.data)

    cdef int reserve(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t room
        cdef uint8_t *data
        if self.size + more > self.room:
            room = max(512, self.room * 2, self.size + more)
            data = <uint8_t *>realloc(self.data, room)
            if data == NULL:
                raise MemoryError
            self.data, self.room = data, room
        return 0

    cdef int u8(self, uint8_t value) except -1:
        self.reserve(1)
        self.data[self.size] = value
        self.size += 1
        return 0

    cdef int u32(self, uint32_t value) except -1:
        self.reserve(4)
        store32(self.data + self.size, value)
        self.size += 4
        return 0

    cdef int u64(self, uint64_t value) except -1:
        self.reserve(8)
        store64(self.data + self.size, value)
        self.size += 8
        return 0

    cdef int varint(self, uint64_t value) except -1:
        self.reserve(10)
        while value >= 0x80:
            self.data[self.size] = (value & 0x7F) | 0x80
            self.size += 1
            value >>= 7
        self.data[self.size] = <uint8_t>value
        self.size += 1
        return 0

    cdef int raw(self, const uint8_t *source, Py_ssize_t length) except -1:
        self.reserve(length)
        memcpy(self.data + self.size, source, length)
        self.size += length
        return 0

    cdef int text(self, bytes value) except -1:
        """A length and that many bytes."""
        self.varint(PyBytes_GET_SIZE(value))
        return self.raw(<const uint8_t *>PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value))

    cdef bytes taken(self):
        return PyBytes_FromStringAndSize(<const char *>self.data, self.size)


cdef class Decoder:
    """Reads what an Encoder wrote, out of any buffer, and no byte past its end."""

    def __init__(self, const uint8_t[::1] view):
        self.view = view
        self.size = view.shape[0]
        self.data = &view[0] if self.size else NULL

    cdef const uint8_t *take(self, Py_ssize_t length) except NULL:
        cdef const uint8_t *start = self.data + self.position
        if self.data == NULL or length < 0 or length > self.size - self.position:
            raise CorruptStoreError("a record or row of the store is cut short; run `trove repair`")
        self.position += length
        return start

    cdef uint8_t u8(self) except? 0:
        return self.take(1)[0]

    cdef uint32_t u32(self) except? 0:
        return load32(self.take(4))

    cdef uint64_t u64(self) except? 0:
        return load64(self.take(8))

    cdef uint64_t varint(self) except? 0:
        cdef uint64_t value = 0
        cdef int shift = 0
        cdef uint8_t byte
        while shift < 64:
            byte = self.take(1)[0]
            value |= <uint64_t>(byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise CorruptStoreError("a number in a record or row of the store is too long; run `trove repair`")

    cdef int skip_text(self) except -1:
        self.take(<Py_ssize_t>min(self.varint(), <uint64_t>self.size + 1))
        return 0

    cdef bytes text(self):
        cdef uint64_t length = self.varint()
        if length > <uint64_t>(self.size - self.position):
            raise CorruptStoreError("a text in a record or row of the store is cut short; run `trove repair`")
        if length == 0:
            return b""
        return PyBytes_FromStringAndSize(<const char *>self.take(length), length)


cdef uint64_t fnv1a(const uint8_t *data, Py_ssize_t length, uint64_t seed) noexcept nogil:
    """FNV-1a, begun from ``seed``: for a handful of bytes that a checksum is bound to as its seed."""
    cdef Py_ssize_t i
    for i in range(length):
        seed = (seed ^ data[i]) * 0x100000001B3ULL
    return seed


cdef uint64_t key_seed(const uint8_t *key, Py_ssize_t length) noexcept nogil:
    """Binds a row's checksum to its place without a second pass over the value."""
    return fnv1a(key, length, 0xCBF29CE484222325ULL)


cdef bytes sealed(bytes key, bytes body):
    """The value of an index row: the checksum of ``body`` under ``key``, then ``body``."""
    cdef uint64_t seed = key_seed(<const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
    cdef Py_ssize_t length = PyBytes_GET_SIZE(body)
    cdef bytes value = PyBytes_FromStringAndSize(NULL, SEAL + length)
    cdef uint8_t *out = <uint8_t *>PyBytes_AS_STRING(value)
    store64(out, xxh3_64_intdigest(body, seed))
    memcpy(out + SEAL, PyBytes_AS_STRING(body), length)
    return value


@cython.freelist(8)
cdef class Window:
    """Lends memory that somebody else keeps to a call that takes a buffer, without a copy."""

    cdef const uint8_t *start
    cdef Py_ssize_t length

    def __getbuffer__(self, Py_buffer *buffer, int flags):
        PyBuffer_FillInfo(buffer, self, <void *>self.start, self.length, 1, flags)


cdef uint64_t hash64(const uint8_t *start, Py_ssize_t length, uint64_t seed) except? 0:
    """XXH3-64."""
    cdef Window window = Window.__new__(Window)
    window.start, window.length = start, length
    return xxh3_64_intdigest(window, seed)


cdef bytes hash128(const uint8_t *start, Py_ssize_t length):
    """XXH3-128, most significant byte first."""
    cdef Window window = Window.__new__(Window)
    window.start, window.length = start, length
    return xxh3_128_digest(window)


cdef int check_seal(bytes key, const uint8_t *value, Py_ssize_t length, str table) except -1:
    """Raise CorruptStoreError unless a row's checksum fits."""
    cdef uint64_t seed = key_seed(<const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
    if length < SEAL or hash64(value + SEAL, length - SEAL, seed) != load64(value):
        raise CorruptStoreError(
            f"a row of the index's table {table!r} does not match its checksum; the log is the truth: "
            "run `trove repair` to rebuild the index"
        )
    return 0


# The bytes that a row's body has at least: whoever reads it takes them to be there.
_LEAST = {"objects": 39, "versions": 39, "uploads": 39, "list_uses": 8, "chunks": 24, "packs": 8, "quotas": 32, "meta": 24}


cdef bytes unsealed(bytes key, object value, str table):
    """The body of an index row. Raises CorruptStoreError unless its checksum and its length fit."""
    cdef Py_ssize_t least = _LEAST.get(table, 0)
    cdef Py_buffer held  # for a copy: a view on it would cost more than most rows do
    PyObject_GetBuffer(value, &held, PyBUF_SIMPLE)
    try:
        check_seal(key, <const uint8_t *>held.buf, held.len, table)
        if held.len - SEAL < least:
            raise CorruptStoreError(
                f"a row of the index's table {table!r} is cut short; the log is the truth: run `trove repair` to "
                "rebuild the index"
            )
        return PyBytes_FromStringAndSize(<const char *>held.buf + SEAL, held.len - SEAL)
    finally:
        PyBuffer_Release(&held)
