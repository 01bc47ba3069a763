# cython: language_level=3, boundscheck=False, cdivision=True
"""Chain: the versions of one key, and where they stand in the index.

The current version is the object's row. The ones before it, and delete markers, are rows of the table
``versions``, under the object's place, a NUL and a stamp of when they were made: so they stand side by side, the
oldest first, and a listing of objects never meets them. There is no current version where the newest is a marker.

A version's id is its stamp in hexadecimal digits. A version that was made while versioning was off has the id "", and
there is one of it at most: where it is not current, a row under the place and a NUL alone has its stamp.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from trove.errors import CorruptStoreError

from .codec cimport MARKER, STAMP
from .index cimport Index
from .info cimport HAS_EXPIRY, ROW_HEAD, attributes_of, info_of
from .rows cimport row as row_in

cdef const char *_DIGITS = "0123456789abcdef"


cdef int flags_of(object row):
    """The flags (BucketFlag) in a bucket's row."""
    return row[8] if len(row) > 8 else 0


cdef bytes expiry_key(int64_t instant, bytes place):
    """Where the table ``expiry`` says that the object at ``place`` is gone from that instant on: in order of time."""
    return (<uint64_t>instant ^ <uint64_t>1 << 63).to_bytes(8, "big") + place


cdef bytes stamp(uint64_t sequence, uint32_t counter):
    """Of a version that the commit ``sequence`` makes by its change number ``counter``."""
    cdef bytes made = PyBytes_FromStringAndSize(NULL, STAMP)
    cdef uint8_t *p = <uint8_t *>PyBytes_AS_STRING(made)
    cdef uint32_t low = 2 * counter + 2  # even, so that there is one before it
    cdef int i
    for i in range(8):
        p[i] = <uint8_t>(sequence >> (56 - 8 * i))
    for i in range(4):
        p[8 + i] = <uint8_t>(low >> (24 - 8 * i))
    return made


cdef bytes id_of_stamp(bytes stamp):
    """The id of the version with that stamp."""
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(stamp)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, 2 * STAMP)
    cdef char *digits = PyBytes_AS_STRING(made)
    cdef int i
    for i in range(STAMP):
        digits[2 * i], digits[2 * i + 1] = _DIGITS[p[i] >> 4], _DIGITS[p[i] & 15]
    return made


cdef bytes stamp_before(bytes stamp):
    """Of the version that was current until the one with ``stamp`` was made, and has no stamp itself."""
    return (int.from_bytes(stamp, "big") - 1).to_bytes(STAMP, "big")


cdef bytes id_of(bytes row):
    """The version id in an object's row."""
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(row)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(row)
    cdef Py_ssize_t at = ROW_HEAD + (8 if size > 1 and p[1] & HAS_EXPIRY else 0)
    cdef int before = 2
    # Of short texts, as nearly all are, without anything in between.
    while before and at < size and p[at] < 0x80:
        at += 1 + p[at]
        before -= 1
    if not before and at < size and p[at] < 0x80 and p[at] < size - at:
        return PyBytes_FromStringAndSize(<const char *>p + at + 1, p[at])
    decoder = attributes_of(info_of("", row, 0))
    decoder.skip_text()
    decoder.skip_text()
    return decoder.text()


cdef bytes stamp_of(bytes row):
    """The stamp of a version that has one: by its id, or as a delete marker."""
    return check_stamp(info_of("", row, 0).content()) if row[0] == MARKER else stamp_of_id(id_of(row))


cdef bytes stamp_of_id(bytes version_id):
    """The same by the version's id alone."""
    found = stamp_said(version_id)
    if found is None:
        raise CorruptStoreError("the row of a version has an id that can't be; run `trove repair`")
    return found


cdef bytes stamp_said(bytes version_id):
    """The stamp whose id that is, ``None`` where it is no stamp's."""
    cdef const uint8_t *digits = <const uint8_t *>PyBytes_AS_STRING(version_id)
    cdef bytes made
    cdef uint8_t *p
    cdef int i, high, low
    if PyBytes_GET_SIZE(version_id) != 2 * STAMP:
        return None
    made = PyBytes_FromStringAndSize(NULL, STAMP)
    p = <uint8_t *>PyBytes_AS_STRING(made)
    for i in range(STAMP):
        high, low = value_of(digits[2 * i]), value_of(digits[2 * i + 1])
        if high < 0 or low < 0:
            return None
        p[i] = <uint8_t>(high << 4 | low)
    return made


cdef inline int value_of(uint8_t digit) noexcept:
    """Of a hexadecimal digit as ids have them, -1 of what is none."""
    if c"0" <= digit <= c"9":
        return digit - c"0"
    return digit - c"a" + 10 if c"a" <= digit <= c"f" else -1


cdef bytes check_stamp(bytes found):
    if len(found) != STAMP:
        raise CorruptStoreError("the row of a version does not say when it was made; run `trove repair`")
    return found


cdef bytes version_key(bytes place, bytes stamp):
    """Where the version of that stamp stands in the table ``versions``; ``b""`` for what says where the one without id is."""
    cdef Py_ssize_t length = PyBytes_GET_SIZE(place)
    cdef bytes key = PyBytes_FromStringAndSize(NULL, length + 1 + PyBytes_GET_SIZE(stamp))
    cdef char *p = PyBytes_AS_STRING(key)
    memcpy(p, PyBytes_AS_STRING(place), length)
    p[length] = 0
    memcpy(p + length + 1, PyBytes_AS_STRING(stamp), PyBytes_GET_SIZE(stamp))
    return key


cdef tuple version_in(Index index, object txn, bytes place, bytes version_id):
    """A version that is not current: (its key in the table, its row), ``(None, None)`` where there is none."""
    if version_id:
        when = stamp_said(version_id)
        if when is None:
            return None, None
    else:
        pointer = row_in(txn, index.versions, version_key(place, b""), "versions")
        if pointer is None:
            return None, None
        when = stamp_of(pointer)
    key = version_key(place, when)
    body = row_in(txn, index.versions, key, "versions")
    if body is None or id_of(body) != version_id:
        return None, None
    return key, body


def oldest_first(Index index, txn, bytes place):
    """The versions that are not current, and all delete markers, oldest first: (key, row) each."""
    cdef bytes prefix = version_key(place, b"")
    # Not through ``keys_under``: each change where rules are asks for the first two, and a second generator costs an eighth.
    with txn.cursor(index.versions) as walk:
        there = walk.set_range(prefix)
        while there:
            key = bytes(walk.key())
            if not key.startswith(prefix):
                break
            if len(key) == len(prefix) + STAMP:
                yield key, row_in(txn, index.versions, key, "versions")
            there = walk.next()


cdef list older_versions(Index index, object txn, bytes place):
    """The same, newest first."""
    return [*oldest_first(index, txn, place)][::-1]


cdef tuple newest_older(Index index, object txn, bytes place):
    """The first of ``older_versions``; ``(None, None)`` where there is none."""
    cdef bytes prefix = version_key(place, b"")
    with txn.cursor(index.versions) as walk:
        there = walk.prev() if walk.set_range(place + b"\1") else walk.last()
        key = bytes(walk.key()) if there else b""
    if not key.startswith(prefix) or len(key) == len(prefix):
        return None, None
    return key, row_in(txn, index.versions, key, "versions")
