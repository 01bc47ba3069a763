# cython: language_level=3, boundscheck=False, cdivision=True
"""Records: small objects of a bucket, read and written whole by the shortest way.

What they are called, and what their attributes mean, is the business of ``trove.store``. Here they are objects
as any others: what another way writes this one reads, and the other way round.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.datetime cimport (
    datetime_day,
    datetime_hour,
    datetime_microsecond,
    datetime_minute,
    datetime_month,
    datetime_second,
    datetime_year,
    PyDateTime_CheckExact,
    import_datetime,
    timedelta_new,
)
from cpython.unicode cimport PyUnicode_AsUTF8AndSize
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from datetime import UTC, datetime, timedelta

from trove.driver.types import EMPTY, STANDARD

from .changes cimport PutChange
from .codec cimport INLINE, load64
from .content cimport ingest
from .core cimport Core
from .engine cimport Engine
from .info cimport HAS_EXPIRY, ROW_HEAD, ROW_SIZE, EngineInfo, attributes_block, microseconds, now_us
from .objects cimport current_object
from .content import INLINE_LIMIT

cdef extern from "Python.h":
    object PyType_GenericAlloc(type kind, Py_ssize_t items)
    int PyObject_GenericSetAttr(object owner, object name, object value) except -1

import_datetime()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ELSEWHERE = object()
"""What is returned for what has to go another way: a key of another kind, or content that is not in its row."""

cdef int64_t DAY = 86_400_000_000
cdef int64_t SECOND = 1_000_000
_TIME = "0000-00-00T00:00:00.000000+00:00"
cdef enum:
    INSTANT = 26  # the digits of that, without the zone


cdef class Records:
    """The records whose names are ``before``, a key, ``behind``, in a bucket of an engine that is open.

    Keys have at most ``longest`` bytes. ``kind`` is the class of what is read, with the slots ``key``, ``value``
    and ``expiry``. The metadata named ``expires_at`` has the instant of what expires, too. ``clock`` tells the
    time, ``None`` is the machine's.
    """

    cdef Engine _engine
    cdef type _kind
    cdef str _bucket
    cdef bytes _bucket_name
    cdef str _before
    cdef str _behind
    cdef bytes _place_before
    cdef bytes _place_behind
    cdef Py_ssize_t _longest
    cdef bytes _attributes
    cdef bytes _expiring              # the attributes of what expires, and where in them the instant stands
    cdef Py_ssize_t _instant_at
    cdef object _clock

    def __init__(
        self, Engine engine, type kind, str bucket, str before, str behind, Py_ssize_t longest, content_type,
        expires_at, clock
    ):
        self._engine, self._kind, self._clock = engine, kind, clock
        self._bucket, self._before, self._behind = bucket, before, behind
        self._bucket_name = bucket.encode()
        self._place_before = self._bucket_name + b"\0" + before.encode()
        self._place_behind = behind.encode()
        self._longest = longest
        self._attributes = attributes_block(content_type, STANDARD, EMPTY, EMPTY)
        self._expiring = attributes_block(content_type, STANDARD, {expires_at: _TIME}, EMPTY)
        self._instant_at = self._expiring.index(_TIME.encode())

    cdef bytes _place(self, object key):
        """Where the record of ``key`` stands in the index, ``None`` for a key that is none or needs more care."""
        cdef Py_ssize_t size = 0, before, behind
        cdef const char *text
        cdef bytes place
        cdef char *p
        if type(key) is not str:
            return None
        try:
            text = PyUnicode_AsUTF8AndSize(key, &size)
        except UnicodeEncodeError:
            return None
        if not 0 < size <= self._longest or memchr(text, 0, size) != NULL or memchr(text, 1, size) != NULL:
            return None
        before, behind = PyBytes_GET_SIZE(self._place_before), PyBytes_GET_SIZE(self._place_behind)
        place = PyBytes_FromStringAndSize(NULL, before + size + behind)
        p = PyBytes_AS_STRING(place)
        memcpy(p, PyBytes_AS_STRING(self._place_before), before)
        memcpy(p + before, text, size)
        memcpy(p + before + size, PyBytes_AS_STRING(self._place_behind), behind)
        return place

    def read(self, key):
        """The record of ``key`` as one of ``kind``, ``None`` where there is none, or ELSEWHERE."""
        cdef Core core = self._engine.core()
        cdef bytes place = self._place(key)
        cdef tuple found
        cdef EngineInfo info
        cdef int64_t expiry, left = 0
        cdef Py_ssize_t start
        if place is None:
            return ELSEWHERE
        # Of the info nothing is used that tells its key.
        found = current_object(core, self._bucket, key, (place, self._bucket_name), False)
        if found is None:
            return None
        info = <EngineInfo>found[0]
        start = self._content_start(info)
        if not start:
            return ELSEWHERE
        value = PyBytes_FromStringAndSize(
            PyBytes_AS_STRING(info._held) + start, PyBytes_GET_SIZE(info._held) - start
        )
        expiry = info.expiry()
        if expiry:
            left = expiry - (now_us() if self._clock is None else microseconds(self._clock()))
            if left <= 0:
                return None
        # As the class makes itself, without its constructor: it is frozen, which that has to write around.
        record = PyType_GenericAlloc(self._kind, 0)
        PyObject_GenericSetAttr(record, "key", key)
        PyObject_GenericSetAttr(record, "value", value)
        PyObject_GenericSetAttr(
            record, "expiry", timedelta_new(left // DAY, left % DAY // SECOND, left % SECOND) if expiry else None
        )
        return record

    def is_own(self, EngineInfo info not None):
        """Whether the attributes of an object are those of a record, so that its row tells when it expires."""
        return self._attributes_end(info) != 0

    def instant_of(self, EngineInfo info not None):
        """When an object expires by its row, ``None`` for never: its attributes need not say so."""
        cdef int64_t expiry = info.expiry()
        return _EPOCH + timedelta(microseconds=expiry) if expiry else None

    cdef Py_ssize_t _content_start(self, EngineInfo info) noexcept:
        """Where in what holds the row of a record its content begins, which goes to the end; 0 where it is not so."""
        cdef Py_ssize_t start = self._attributes_end(info) if info.head()[0] == INLINE else 0
        cdef uint64_t size = load64(info.head() + ROW_SIZE)
        return start if start and <uint64_t>(PyBytes_GET_SIZE(info._held) - start) == size else 0

    cdef Py_ssize_t _attributes_end(self, EngineInfo info) noexcept:
        """Where the attributes end that a record has; 0 where an object has others: what they mean is not known here."""
        cdef bint expires = info.head()[1] & HAS_EXPIRY != 0
        cdef bytes own = self._expiring if expires else self._attributes
        cdef Py_ssize_t size = PyBytes_GET_SIZE(own)
        cdef Py_ssize_t start = info._base + ROW_HEAD + (8 if expires else 0)
        cdef Py_ssize_t behind
        cdef const char *there = PyBytes_AS_STRING(info._held) + start
        cdef const char *p = PyBytes_AS_STRING(own)
        if PyBytes_GET_SIZE(info._held) - start < size:
            return 0
        if not expires:
            return start + size if memcmp(there, p, size) == 0 else 0
        behind = self._instant_at + INSTANT
        if memcmp(there, p, self._instant_at) or memcmp(there + behind, p + behind, size - behind):
            return 0
        return start + size

    def write(self, key, value, expires_at):
        """Put ``value`` under ``key``, gone at the instant ``expires_at`` if that is not ``None``; whether it was.

        It is not where the key or the instant is of another kind, or the content would not be in its row.
        """
        cdef Core core = self._engine.writable()
        cdef bytes place = self._place(key)
        cdef PutChange change
        if place is None or type(value) is not bytes or PyBytes_GET_SIZE(<bytes>value) > INLINE_LIMIT:
            return False
        change = PutChange.__new__(PutChange)
        change.core = core
        change.durable, change.alone = self._engine._durable, True
        change.bucket, change.key = self._bucket, self._before + key + self._behind
        change.place, change.bucket_name = place, self._bucket_name
        change.attributes = self._attributes
        if expires_at is not None:
            if not PyDateTime_CheckExact(expires_at) or (<object>expires_at).tzinfo is not UTC:
                return False
            change.expiry = microseconds(expires_at) or -1  # 0 is "never"
            change.attributes = self._attributes_until(expires_at)
        change.content = ingest(core, value)
        core.submit(change)
        return True

    cdef bytes _attributes_until(self, object expires_at):
        cdef bytes made = PyBytes_FromStringAndSize(
            PyBytes_AS_STRING(self._expiring), PyBytes_GET_SIZE(self._expiring)
        )
        cdef char *p = PyBytes_AS_STRING(made) + self._instant_at
        # Digit by digit: ``isoformat`` takes longer than all else that is done for the expiry here.
        digits(p, 4, datetime_year(expires_at))
        digits(p + 5, 2, datetime_month(expires_at))
        digits(p + 8, 2, datetime_day(expires_at))
        digits(p + 11, 2, datetime_hour(expires_at))
        digits(p + 14, 2, datetime_minute(expires_at))
        digits(p + 17, 2, datetime_second(expires_at))
        digits(p + 20, 6, datetime_microsecond(expires_at))
        return made


cdef void digits(char *p, int count, int number) noexcept nogil:
    while count:
        count -= 1
        p[count] = c"0" + number % 10
        number //= 10
