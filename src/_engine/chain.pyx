# cython: language_level=3, boundscheck=False, cdivision=True
"""Chain: the versions of one key, and where they stand in the index.

The current version is the object's row. The ones before it, and delete markers, are rows of the table
``versions``, under the object's place, a NUL and a stamp of when they were made: so they stand side by side, the
oldest first, and a listing of objects never meets them. There is no current version where the newest is a marker.

A version's id is its stamp in hexadecimal digits. A version that was made while versioning was off has the id "", and
there is one of it at most: where it is not current, a row under the place and a NUL alone has its stamp.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from trove.errors import CorruptStoreError

from .codec cimport MARKER, STAMP
from .index cimport Index, row as row_in
from .info cimport EngineInfo, attributes_of, info_of


cdef int flags_of(object row):
    """The flags (BucketFlag) in a bucket's row."""
    return row[8] if len(row) > 8 else 0


cdef bytes expiry_key(int64_t instant, bytes place):
    """Where the table ``expiry`` says that the object at ``place`` is gone from that instant on: in order of time."""
    return (<uint64_t>instant ^ <uint64_t>1 << 63).to_bytes(8, "big") + place


cdef bytes stamp(uint64_t sequence, uint32_t counter):
    """Of a version that the commit ``sequence`` makes by its change number ``counter``."""
    # Even, so that there is one before it.
    return sequence.to_bytes(8, "big") + (2 * counter + 2).to_bytes(4, "big")


cdef bytes stamp_before(bytes stamp):
    """Of the version that was current until the one with ``stamp`` was made, and has no stamp itself."""
    return (int.from_bytes(stamp, "big") - 1).to_bytes(STAMP, "big")


cdef bytes id_of(object row):
    """The version id in an object's row."""
    cdef EngineInfo info = info_of("", bytes(row), 0)
    decoder = attributes_of(info)
    decoder.skip_text()
    decoder.skip_text()
    return decoder.text()


cdef bytes stamp_of(bytes row):
    """The stamp of a version that has one: by its id, or as a delete marker."""
    return check_stamp(info_of("", row, 0).content()) if row[0] == MARKER else stamp_of_id(id_of(row))


cdef bytes stamp_of_id(bytes version_id):
    """The same by the version's id alone."""
    try:
        return check_stamp(bytes.fromhex(version_id.decode()))
    except ValueError as error:
        raise CorruptStoreError("the row of a version has an id that can't be; run `trove repair`") from error


cdef bytes check_stamp(bytes found):
    if len(found) != STAMP:
        raise CorruptStoreError("the row of a version does not say when it was made; run `trove repair`")
    return found


cdef bytes version_key(bytes place, bytes stamp):
    """Where the version of that stamp stands in the table ``versions``; ``b""`` for what says where the one without id is."""
    return place + b"\0" + stamp


cdef tuple version_in(Index index, object txn, bytes place, bytes version_id):
    """A version that is not current: (its key in the table, its row), ``(None, None)`` where there is none."""
    if version_id:
        try:
            when = bytes.fromhex(version_id.decode())
        except ValueError:
            when = b""
        if len(when) != STAMP or when.hex().encode() != version_id:
            return None, None
    else:
        pointer = row_in(txn, index.versions, version_key(place, b""), "versions")
        if pointer is None:
            return None, None
        when = stamp_of(bytes(pointer))
    key = version_key(place, when)
    body = row_in(txn, index.versions, key, "versions")
    if body is None or id_of(body) != version_id:
        return None, None
    return key, bytes(body)


def oldest_first(Index index, txn, bytes place):
    """The versions that are not current, and all delete markers, oldest first: (key, row) each."""
    cdef bytes prefix = version_key(place, b"")
    with txn.cursor(index.versions) as walk:
        there = walk.set_range(prefix)
        while there:
            key = bytes(walk.key())
            if not key.startswith(prefix):
                break
            if len(key) == len(prefix) + STAMP:
                yield key, bytes(row_in(txn, index.versions, key, "versions"))
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
    return key, bytes(row_in(txn, index.versions, key, "versions"))
