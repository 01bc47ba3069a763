# cython: language_level=3, boundscheck=False, cdivision=True
"""EngineInfo: an ObjectInfo over an object's row, decoded as far as it is asked for."""

from datetime import UTC, datetime, timedelta

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from trove.driver.types import EMPTY, STANDARD, ObjectInfo, ReadOnlyDict
from trove.errors import CorruptStoreError, shown

from .codec cimport REFERENCE, Decoder, Encoder, load64

cdef extern from "<time.h>" nogil:
    cdef struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *now)
    enum: CLOCK_REALTIME

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


cdef int64_t now_us() noexcept nogil:
    """The present in microseconds since 1970."""
    cdef timespec now
    clock_gettime(CLOCK_REALTIME, &now)
    return <int64_t>now.tv_sec * 1000000 + now.tv_nsec // 1000


cdef int64_t microseconds(object moment) except? -1:
    """An aware datetime in microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


cdef bint row_expired(const uint8_t *row, int64_t now) noexcept nogil:
    return row[1] & HAS_EXPIRY and <int64_t>load64(row + ROW_HEAD) <= now


cdef bytes attributes_block(object content_type, object storage_class, object metadata, object tags):
    """What a row holds between its head and its content."""
    cdef Encoder out = Encoder()
    out.text((<str>content_type).encode())
    out.text(b"" if storage_class == STANDARD else (<str>storage_class).encode())
    out.text(b"")
    for mapping in (metadata, tags):
        out.varint(len(mapping))
        for name, value in mapping.items():
            out.text((<str>name).encode())
            out.text((<str>value).encode())
    return out.taken()


cdef bytes with_time(bytes row, int64_t time):
    """A row with another last modification."""
    return row[:ROW_TIME] + (<uint64_t>time).to_bytes(8, "little") + row[ROW_ETAG:]


cdef bytes with_version_id(bytes attributes, bytes version_id):
    """What ``attributes_block`` makes, with a version id."""
    cdef Decoder decoder = decoder_of(attributes, 0)
    cdef Py_ssize_t length = PyBytes_GET_SIZE(version_id)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, PyBytes_GET_SIZE(attributes) + length)
    cdef uint8_t *p = <uint8_t *>PyBytes_AS_STRING(made)
    decoder.skip_text()
    decoder.skip_text()
    memcpy(p, decoder.data, decoder.position)
    p += decoder.position
    p[0] = <uint8_t>length
    memcpy(p + 1, PyBytes_AS_STRING(version_id), length)
    decoder.take(1)  # the empty text in its place
    memcpy(p + 1 + length, decoder.data + decoder.position, decoder.size - decoder.position)
    return made


cdef EngineInfo info_of(str key, bytes held, Py_ssize_t base):
    """The info over the row that begins at ``base`` in ``held``."""
    cdef EngineInfo info = EngineInfo.__new__(EngineInfo)
    cdef Py_ssize_t length = PyBytes_GET_SIZE(held) - base
    if length < ROW_HEAD + 5 or (PyBytes_AS_STRING(held)[base + 1] & HAS_EXPIRY and length < ROW_HEAD + 8):
        raise CorruptStoreError("the row of an object is cut short; run `trove repair`")
    info.key = key
    info._held = held
    info._base = base
    return info


cdef Decoder decoder_of(bytes held, Py_ssize_t start):
    """Reads ``held``, which must outlive it, from ``start`` on."""
    # Not by the constructor: to take a buffer costs more than all that there is to read.
    cdef Decoder decoder = Decoder.__new__(Decoder)
    decoder.data = <const uint8_t *>PyBytes_AS_STRING(held)
    decoder.size = PyBytes_GET_SIZE(held)
    decoder.take(start)
    return decoder


cdef Decoder attributes_of(EngineInfo info):
    """Reads the row of ``info``, which must outlive it, behind its head."""
    return decoder_of(info._held, info._base + ROW_HEAD + (8 if info.head()[1] & HAS_EXPIRY else 0))


cdef object pairs_of(Decoder decoder):
    """The metadata or the tags that stand next."""
    pairs = {}
    count = decoder.varint()
    for _ in range(count):
        name = decoder.text().decode()
        pairs[name] = decoder.text().decode()
    return ReadOnlyDict(pairs) if pairs else EMPTY


cdef Py_ssize_t after_attributes(EngineInfo info) except -1:
    """Where the attributes end."""
    cdef Decoder decoder = attributes_of(info)
    cdef uint64_t count
    for _ in range(3):
        decoder.skip_text()
    for _ in range(2):
        count = decoder.varint()
        while count:
            decoder.skip_text()
            decoder.skip_text()
            count -= 1
    return decoder.position


cdef Py_ssize_t after_plain_attributes(EngineInfo info) noexcept:
    """The same for what most objects have, short texts and no metadata or tags; 0 for all others."""
    cdef const uint8_t *row = <const uint8_t *>PyBytes_AS_STRING(info._held)
    cdef Py_ssize_t end = PyBytes_GET_SIZE(info._held)
    cdef Py_ssize_t at = info._base + ROW_HEAD + (8 if info.head()[1] & HAS_EXPIRY else 0)
    for _ in range(3):
        if at >= end or row[at] >= 0x80:
            return 0
        at += 1 + row[at]
    return at + 2 if at + 2 <= end and row[at] == 0 and row[at + 1] == 0 else 0


cdef class EngineInfo:
    """See :class:`trove.ObjectInfo`; registered with it."""

    cdef const uint8_t *head(self) noexcept:
        return <const uint8_t *>PyBytes_AS_STRING(self._held) + self._base

    cdef bint expired(self, int64_t now) noexcept:
        return row_expired(self.head(), now)

    cdef int64_t expiry(self) noexcept:
        """When it expires, in microseconds since 1970; 0 for never."""
        return <int64_t>load64(self.head() + ROW_HEAD) if self.head()[1] & HAS_EXPIRY else 0

    cdef tuple _fields(self):
        """Content type, storage class, version id, metadata, tags."""
        cdef Decoder decoder
        if self._parsed is None:
            decoder = attributes_of(self)
            try:
                content_type = decoder.text().decode()
                storage_class = decoder.text().decode() or STANDARD
                version_id = decoder.text().decode()
                mappings = [pairs_of(decoder), pairs_of(decoder)]
            except UnicodeDecodeError as error:
                raise CorruptStoreError(
                    f"the row of the object {shown(self.key)} holds what is no text; run `trove repair`"
                ) from error
            self._content = decoder.position
            self._parsed = (content_type, storage_class, version_id, mappings[0], mappings[1])
        return self._parsed

    cdef Py_ssize_t content_start(self) except -1:
        """Where in the bytes that hold the row its content begins."""
        if not self._content:
            self._content = after_plain_attributes(self) or after_attributes(self)
        return self._content

    cdef bytes content(self):
        return self._held[self.content_start():]

    cdef bytes references(self):
        """The chunk references that the row holds itself, end to end. Raises CorruptStoreError if some are missing."""
        cdef bytes content = self.content()
        cdef Decoder decoder = Decoder(content)
        cdef uint64_t count = decoder.varint()
        if count > <uint64_t>(decoder.size - decoder.position) // REFERENCE:
            raise CorruptStoreError("the chunk references of an object are cut short; run `trove repair`")
        return content[decoder.position : decoder.position + count * REFERENCE]

    @property
    def row(self):
        return self._held[self._base :]

    @property
    def size(self):
        return load64(self.head() + ROW_SIZE)

    @property
    def etag(self):
        return self.head()[ROW_ETAG:ROW_HEAD].hex()

    @property
    def last_modified(self):
        try:
            return _EPOCH + timedelta(microseconds=<int64_t>load64(self.head() + ROW_TIME))
        except OverflowError as error:
            raise CorruptStoreError(
                f"the row of the object {shown(self.key)} holds what is no time; run `trove repair`"
            ) from error

    @property
    def content_type(self):
        return self._fields()[0]

    @property
    def storage_class(self):
        return self._fields()[1]

    @property
    def version_id(self):
        return self._fields()[2]

    @property
    def metadata(self):
        return self._fields()[3]

    @property
    def tags(self):
        return self._fields()[4]

    def plain(self):
        """The same as an ``ObjectInfo`` of the contract's own class."""
        return ObjectInfo(
            self.key,
            self.size,
            self.content_type,
            self.etag,
            self.last_modified,
            self.metadata,
            self.tags,
            self.version_id,
            self.storage_class,
        )

    def __eq__(self, other):
        if isinstance(other, EngineInfo):
            return self.key == other.key and self.plain() == other.plain()
        return self.plain() == other if isinstance(other, ObjectInfo) else NotImplemented

    def __hash__(self):
        return hash(self.plain())

    def __repr__(self):
        return repr(self.plain())

    def __reduce__(self):
        return info_of_row, (self.key, self.row)


def info_of_row(key, row):
    return info_of(key, row, 0)


ObjectInfo.register(EngineInfo)
