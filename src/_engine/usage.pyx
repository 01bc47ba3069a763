# cython: language_level=3, boundscheck=False, cdivision=True
"""Usage: what is used of the quotas, and whether a change goes beyond one.

A bucket with a quota has a row of its limits and of what it holds; so has the whole store. The row is made by
counting once, when the quota is set, and moved with every row that comes or goes afterwards, in the same
transaction. What has no quota is not counted.

A change is held against the limits when it is made; where it goes beyond one, the transaction begins again without
it. A put is asked about before, while its data comes and when nothing is changed yet: where many are refused, nobody
has to begin again.
"""

import struct

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memchr

from trove.errors import CorruptStoreError, QuotaExceededError

from .chain cimport version_in
from .codec cimport MARKER, load64, unsealed
from .index cimport Index, Reading
from .info cimport ROW_SIZE
from .rows cimport row as row_in

NO_LIMIT = 0xFFFFFFFFFFFFFFFF
STORE = b"\0"  # the key of the store's quota: no bucket's name
_ROW = struct.Struct("<QQQQ")
_COUNTED = ("objects", "versions", "uploads")
_MAX_BYTES, _MAX_OBJECTS, _BYTES, _OBJECTS = range(4)


cdef class Usage:
    def __init__(self, Index index, txn):
        self.index = index
        self.txn = txn
        self._quotas = {}
        self._touched = set()
        self._moved = {}

    cdef list _quota(self, bytes key):
        if key in self._quotas:
            return self._quotas[key]
        body = row_in(self.txn, self.index.quotas, key, "quotas")
        found = self._quotas[key] = None if body is None else [*_ROW.unpack(body)]
        return found

    cdef int move(self, bytes place, bytes row, bint holds, int sign) except -1:
        """A row of an object, a version or an upload comes to ``place``, or goes; ``holds``: it counts as an object.

        What follows the key in ``place`` is not looked at.
        """
        cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(row)
        cdef const char *start = PyBytes_AS_STRING(place)
        cdef const char *nul
        if p[0] == MARKER:
            return 0
        nul = <const char *>memchr(start, 0, PyBytes_GET_SIZE(place))
        if nul == NULL:
            raise CorruptStoreError("a row of the index says no bucket; run `trove repair` to rebuild the index")
        size = load64(p + ROW_SIZE)
        for key in (PyBytes_FromStringAndSize(start, nul - start), STORE):
            quota = self._quota(key)
            if quota is None:
                continue
            moved = self._moved.setdefault(key, [0, 0])
            moved[0] += sign * size
            moved[1] += sign * holds
            quota[_BYTES] += sign * size
            quota[_OBJECTS] += sign * holds
            self._touched.add(key)
        if sign > 0:
            self._place = place
        return 0

    cdef int check(self) except -1:
        """Raise QuotaExceededError if what was done since the last check is more than a quota allows.

        What does not grow is allowed, however far beyond a quota it is.
        """
        if not self._moved:
            return 0
        for key, moved in self._moved.items():
            quota = self._quota(key)
            for i in range(2):
                if quota is not None and moved[i] > 0 and quota[_BYTES + i] > quota[i]:
                    raise exceeded(key, self._place, i, quota[_BYTES + i], quota[i])
        self._moved = {}
        return 0

    cdef int require(self, str table, bytes key, uint64_t size) except -1:
        """Raise QuotaExceededError if a row of ``size`` bytes in ``table`` is surely more than a quota allows.

        Whatever it may replace counts as replaced. Nothing is changed.
        """
        before = [row_in(self.txn, getattr(self.index, table), key, table)]
        if table == "objects":
            before.append(version_in(self.index, self.txn, key, b"")[1])
        replaced = [each for each in before if each is not None]
        freed = sum(int.from_bytes(each[ROW_SIZE : ROW_SIZE + 8], "little") for each in replaced)
        for name in (key.partition(b"\0")[0], STORE):
            quota = self._quota(name)
            if quota is None:
                continue
            used = quota[_BYTES] - freed + size
            if size > freed and used > quota[_MAX_BYTES]:
                raise exceeded(name, key, 0, used, quota[_MAX_BYTES])
            if table == "objects" and not replaced and quota[_OBJECTS] >= quota[_MAX_OBJECTS]:
                raise exceeded(name, key, 1, quota[_OBJECTS] + 1, quota[_MAX_OBJECTS])
        return 0

    cdef int limit(self, bytes name, bytes limits) except -1:
        """Set the quota of a bucket, or of the store if ``name`` is empty; no limits remove it."""
        cdef bytes key = quota_key(name)
        quota = self._quota(key)
        max_bytes, max_objects = struct.unpack("<QQ", limits)
        if max_bytes == max_objects == NO_LIMIT:
            return self.drop(key)
        used = counted(self.index, self.txn, key) if quota is None else quota[_BYTES:]
        self._quotas[key] = [max_bytes, max_objects, *used]
        self._touched.add(key)
        return 0

    cdef int drop(self, bytes name) except -1:
        """Remove the quota with the key ``name``, if there is one."""
        if self._quota(name) is not None:
            self._quotas[name] = None
            self._touched.add(name)
        return 0

    cdef list rows(self):
        """The rows that changed: [(key, row or ``None`` for none)]."""
        found = []
        for key in self._touched:
            quota = self._quotas[key]
            if quota is not None and not all(0 <= number <= NO_LIMIT for number in quota):
                raise CorruptStoreError(
                    f"the index counts less in {whose(key)} than what leaves it; run `trove repair` to rebuild the index"
                )
            found.append((key, None if quota is None else _ROW.pack(*quota)))
        return found


cdef class Room:
    def __init__(self, Index index, table, bytes key):
        """For the data of the row of ``key`` in ``table``."""
        self.index = index
        self.table = table
        self.key = key

    cdef int require(self, uint64_t size) except -1:
        """Raise QuotaExceededError if so much data is surely more than a quota allows now."""
        cdef Usage usage
        with Reading(self.index) as txn:
            if has_quotas(self.index, txn):
                usage = Usage(self.index, txn)
                usage.require(self.table, self.key, size)
        return 0


cdef bint has_quotas(Index index, object txn) except -1:
    return txn.stat(index.quotas)["entries"] != 0


cdef bytes quota_key(bytes name):
    """Where the quota of a bucket stands; the store's if ``name`` is empty."""
    return name or STORE


cdef bytes packed_limits(object max_bytes, object max_objects):
    """The limits as a row has them; ``None`` is none."""
    return struct.pack("<QQ", *(NO_LIMIT if each is None else each for each in (max_bytes, max_objects)))


cdef tuple limits_in(object body):
    """The limits in the row of a quota: (bytes, objects)."""
    return tuple(None if each == NO_LIMIT else each for each in struct.unpack("<QQ", body[:LIMITS]))


cdef dict all_limits(Index index, object txn):
    """The limits of all quotas: key -> as a row has them."""
    with txn.cursor(index.quotas) as walk:
        keys = [bytes(key) for key, _ in walk]
    return {key: row_in(txn, index.quotas, key, "quotas")[:LIMITS] for key in keys}


cdef tuple counted(Index index, object txn, bytes key):
    """What a bucket, or the store, holds: (bytes, objects). Parts of uploads are no objects, but have bytes."""
    cdef bytes prefix = b"" if key == STORE else key + b"\0"
    size = number = 0
    for name in _COUNTED:
        with txn.cursor(getattr(index, name)) as walk:
            there = walk.set_range(prefix) if prefix else walk.first()
            while there:
                at = bytes(walk.key())
                if not at.startswith(prefix):
                    break
                body = unsealed(at, walk.value(), name)
                if body[0] != MARKER:
                    size += int.from_bytes(body[ROW_SIZE : ROW_SIZE + 8], "little")
                    number += name != "uploads"
                there = walk.next()
    return size, number


cdef str whose(bytes key):
    return "the store" if key == STORE else f"bucket {key.decode('utf-8', 'replace')!r}"


cdef object exceeded(bytes quota, bytes place, int which, object wanted, object limit):
    """The error for a change to the object at ``place`` that is beyond a quota."""
    bucket, key = (each.decode("utf-8", "replace") for each in place.split(b"\0", 2)[:2])
    return QuotaExceededError.of(
        bucket, key, ("bytes", "objects")[which], wanted=wanted, limit=limit, whole_store=quota == STORE
    )
