# cython: language_level=3, boundscheck=False, cdivision=True
"""Commit: what each kind of change does to the index.

This is the only code that changes the index. The live path makes changes through a Commit, which applies
each at once, inside the caller's transaction, and writes it down for the log; roll-forward and rebuild
replay what was written down through the same methods. So an index that is rebuilt equals the live one.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from trove.errors import CorruptStoreError

from .codec cimport (
    ADD_LIST,
    CHUNKS,
    COMMIT,
    CREATE_BUCKET,
    CUT_LOG,
    DELETE_BUCKET,
    DELETE_OBJECT,
    DELETE_ROW,
    DELETE_ROWS,
    INLINE,
    LIST,
    LIST_ID,
    MARKER,
    MOVE_CHUNKS,
    OUTLIVES,
    PUT_OBJECT,
    PUT_ROW,
    PUT_VERSION,
    RECORD_HEADER,
    REFERENCE,
    REPLACES,
    SET_BUCKET,
    SET_QUOTA,
    VERSIONS,
    Encoder,
    Reference,
    load64,
    reference_at,
    sealed,
    store32,
    store64,
)
from .index import cut_in
from .rows import CUT, HEAD, keys_under
from .chain cimport HAS_RULES, expiry_key, flags_of, id_of, stamp_before, stamp_of, stamp_of_id, version_key
from .info cimport HAS_EXPIRY, ROW_HEAD, EngineInfo, info_of, now_us, row_expired
from .operations cimport operations_of
from .pack cimport aligned, write_header
from .places cimport Stored, chunk_key, chunk_row, find_chunk
from .rows cimport row as row_in
from .schedule cimport Schedule, has_rules
from .usage cimport Usage, has_quotas

cdef enum:
    COMMIT_HEAD = 24
    MOVING = 1 << 18       # references that are noted at once while they move

_PAGE = bytes(3992)  # with its seal too long for a page with other rows, and not for one of its own


cdef bytes pointer_row(bytes stamp):
    """The row that says where the older version without an id stands: like a delete marker's, and no version."""
    return bytes([MARKER]) + bytes(ROW_HEAD + 4) + stamp


cdef str name_of(int table):
    return "versions" if table == VERSIONS else "uploads"


cdef class Commit:
    def __init__(self, index, txn, sequence, replaying=False, limited=True, ruled=True):
        """``limited`` is False where it is known that nothing has a quota, ``ruled`` where nothing has rules: they are not
        looked for then."""
        self.index = index
        self.txn = txn
        self.sequence = sequence
        self._replaying = replaying
        self._record = Encoder()
        if not replaying:
            # Room in front for what is known last; most records are smaller than this at once.
            self._record.reserve(4096)
            self._record.size = RECORD_HEADER + COMMIT_HEAD
        self._live = {}
        if limited and has_quotas(self.index, txn):
            self.limited, self._usage = True, Usage(self.index, txn)
        if ruled and has_rules(self.index, txn):
            self.ruled, self._rules = True, Schedule(self.index, txn)

    # What can change.

    cdef int create_bucket(self, bytes name, bytes row) except -1:
        self._log(CREATE_BUCKET, name, row)
        return self._put_bucket(name, row)

    cdef int delete_bucket(self, bytes name) except -1:
        self._log(DELETE_BUCKET, name, None)
        if self._usage is not None:
            self._usage.drop(name)
        if self._rules is not None:
            self._rule_anew(name, b"")
        self._delete(name, self.index.buckets)
        return 0

    cdef int set_bucket(self, bytes name, bytes row) except -1:
        """Change the row of a bucket that is there."""
        self._log(SET_BUCKET, name, row)
        return self._put_bucket(name, row)

    cdef int _put_bucket(self, bytes name, bytes row) except -1:
        if self._rules is None and flags_of(row) & HAS_RULES:
            self.ruled, self._rules = True, Schedule(self.index, self.txn)
        if self._rules is not None:
            self._rule_anew(name, row)
        self.txn.put(name, sealed(name, row), True, True, False, self.index.buckets)
        return 0

    cdef int _rule_anew(self, bytes name, bytes row) except -1:
        """Note when what is due, by the rules that a bucket's row is about to have."""
        self._reschedule(self._rules.moved())
        before = row_in(self.txn, self.index.buckets, name, "buckets")
        return self._reschedule(self._rules.ruled_anew(name, b"" if before is None else bytes(before), row))

    cdef int _reschedule(self, moved) except -1:
        for gone, comes in moved:
            if gone is not None:
                self._delete(gone, self.index.due)
            if comes is not None:
                self.txn.put(comes, sealed(comes, b""), True, True, False, self.index.due)
        return 0

    cdef int _touch(self, bytes place) except -1:
        """Before anything changes at ``place``, or behind it: note when something was due there."""
        return 0 if self._rules is None else self._rules.touch(b"\0".join(place.split(b"\0", 2)[:2]))

    cdef bytes put_object(self, bytes place, bytes row):
        """Make ``row`` what stands at ``place`` (the bucket's name, NUL, the key); the sealed row."""
        self._log(PUT_OBJECT, place, row)
        self._touch(place)
        # The new content is counted before the old one is let go, so that what they share stays.
        self._retain(row, place, True)
        cdef bytes value = sealed(place, row)
        cdef bytes old
        # Without overwriting first: most objects are new, and that tells so in one call.
        if not self.txn.put(place, value, True, False, False, self.index.objects):
            old = self.current(place)
            self._flag(OUTLIVES if row_expired(<const uint8_t *>PyBytes_AS_STRING(old), now_us()) else REPLACES)
            self._release(old, place, True)
            self._schedule(place, old, False)
            self.txn.put(place, value, True, True, False, self.index.objects)
        self._schedule(place, row, True)
        return value

    cdef bytes current(self, bytes place):
        """The row that stands at ``place``, ``None`` where there is none."""
        return row_in(self.txn, self.index.objects, place, "objects")

    cdef bytes put_version(self, bytes place, bytes row, bytes old):
        """Make ``row`` the newest version at ``place``, and keep ``old``, which is current there; the sealed row, ``None`` of a marker.

        A version without an id takes the place of the other without. A delete marker is never current.
        """
        cdef bytes version_id = id_of(row)
        cdef bytes value
        self._log(PUT_VERSION, place, row)
        self._touch(place)
        self._retain(row, place, True)
        if not version_id:
            self._drop_nameless(place)
        if old is not None:
            self._flag(REPLACES)
            self._schedule(place, old, False)
            old_id = id_of(old)
            if old_id:
                self._keep(place, old, stamp_of_id(old_id), False)
            elif version_id:
                self._keep(place, old, stamp_before(stamp_of_id(version_id)), True)
            else:
                self._release(old, place, True)
        if PyBytes_AS_STRING(row)[0] != MARKER:
            value = sealed(place, row)
            self.txn.put(place, value, True, True, False, self.index.objects)
            self._schedule(place, row, True)
            return value
        if old is not None:
            self._delete(place, self.index.objects)
        self._keep(place, row, stamp_of(row), not version_id)
        return None

    cdef int _keep(self, bytes place, bytes row, bytes stamp, bint nameless) except -1:
        """Make ``row`` an older version, made at ``stamp``; without an id, if ``nameless``. Its content is counted already."""
        cdef bytes key = version_key(place, stamp)
        if nameless:
            pointer = pointer_row(stamp)
            self.txn.put(
                version_key(place, b""), sealed(version_key(place, b""), pointer), True, True, False, self.index.versions
            )
        self.txn.put(key, sealed(key, row), True, True, False, self.index.versions)
        return 0

    cdef int _drop_nameless(self, bytes place) except -1:
        """Drop the older version that has no id, if there is one."""
        cdef bytes at = version_key(place, b"")
        pointer = row_in(self.txn, self.index.versions, at, "versions")
        if pointer is None:
            return 0
        self._drop(version_key(place, stamp_of(pointer)), self.index.versions, "versions")
        self._delete(at, self.index.versions)
        return 0

    cdef int delete_object(self, bytes place) except -1:
        self._log(DELETE_OBJECT, place, None)
        self._touch(place)
        old = self.current(place)
        if old is not None:
            self._schedule(place, old, False)
        return self._drop(place, self.index.objects, "objects")

    cdef int _schedule(self, bytes place, bytes row, bint comes) except -1:
        """Note when the object that ``row`` is, and that comes or goes, expires."""
        cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(row)
        if not p[1] & HAS_EXPIRY:
            return 0
        key = expiry_key(<int64_t>load64(p + ROW_HEAD), place)
        if comes:
            self.txn.put(key, sealed(key, b""), True, True, False, self.index.expiry)
        else:
            self._delete(key, self.index.expiry)
        return 0

    cdef int put_row(self, int table, bytes key, bytes row) except -1:
        """Put a row that is no object's; what it holds is counted as an object's content is."""
        self._log(PUT_ROW, bytes([table]) + key, row)
        if table == VERSIONS:
            self._touch(key)
        self._retain(row, key, table == VERSIONS)
        old = row_in(self.txn, self._side(table), key, name_of(table))
        if old is not None:
            self._release(old, key, table == VERSIONS)
        self.txn.put(key, sealed(key, row), True, True, False, self._side(table))
        return 0

    cdef int delete_row(self, int table, bytes key) except -1:
        self._log(DELETE_ROW, bytes([table]) + key, None)
        if table == VERSIONS:
            self._touch(key)
        return self._drop(key, self._side(table), name_of(table))

    cdef int delete_rows(self, int table, bytes prefix) except -1:
        """Delete all rows whose keys begin with ``prefix``."""
        self._log(DELETE_ROWS, bytes([table]) + prefix, None)
        rows = self._side(table)
        for key in list(keys_under(self.txn, rows, prefix)):
            if table == VERSIONS:
                self._touch(key)
            self._drop(key, rows, name_of(table))
        return 0

    cdef int _drop(self, bytes key, object table, str name) except -1:
        """Delete a row that holds content, if it is there, and let go of the content."""
        old = row_in(self.txn, table, key, name)
        if old is not None:
            self._release(old, key, table is not self.index.uploads)
            self._delete(key, table)
        return 0

    cdef object _side(self, int table):
        return self.index.versions if table == VERSIONS else self.index.uploads

    cdef int add_list(self, bytes list_id, bytes references) except -1:
        """Add a chunk list that objects of this commit and later ones can share."""
        self._log(ADD_LIST, list_id, references)
        self._each(references, True)
        self.txn.put(list_id, sealed(list_id, references), True, True, False, self.index.lists)
        return self._set_uses(list_id, 0)

    cdef int move_chunks(self, bytes references) except -1:
        """Say where these chunks stand now: their bytes are there already. Rows that name them stay as they are."""
        cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(references)
        cdef Reference reference
        cdef Stored chunk
        cdef Py_ssize_t i
        self._log(MOVE_CHUNKS, references, None)
        for i in range(PyBytes_GET_SIZE(references) // REFERENCE):
            reference = reference_at(p + i * REFERENCE)
            key = chunk_key(reference)
            if not find_chunk(self.index, self.txn, key, &chunk) or chunk.length != reference.length:
                raise CorruptStoreError("a chunk that was moved is not in the index; run `trove repair` to rebuild it")
            self._live[chunk.pack] = self._live.get(chunk.pack, 0) - <int64_t>chunk.length
            self._live[reference.pack] = self._live.get(reference.pack, 0) + <int64_t>chunk.length
            chunk.pack, chunk.offset = reference.pack, reference.offset
            self._put_chunk(key, chunk)
        return 0

    cdef int cut_log(self, uint64_t sequence) except -1:
        """Say that commits up to ``sequence`` may be gone from the log from now on."""
        cdef bytes number = sequence.to_bytes(8, "little")
        self._log(CUT_LOG, number, None)
        if sequence > cut_in(self.index, self.txn):
            self.txn.put(CUT, sealed(CUT, number + bytes(16)), True, True, False, self.index.meta)
        return 0

    cdef int set_quota(self, bytes name, bytes limits) except -1:
        """Set the limits of a bucket, or of the store if ``name`` is empty: see `usage`."""
        self._log(SET_QUOTA, name, limits)
        if self._usage is None:
            self.limited, self._usage = True, Usage(self.index, self.txn)
        return self._usage.limit(name, limits)

    cdef int require_room(self, bytes place, uint64_t size) except -1:
        """Raise QuotaExceededError if an object of ``size`` bytes at ``place`` is surely beyond a quota."""
        if self._usage is not None:
            self._usage.require("objects", place, size)
        return 0

    cdef int check_quotas(self) except -1:
        """Raise QuotaExceededError if what was done since the last call goes beyond a quota."""
        return 0 if self._usage is None else self._usage.check()

    cdef int _delete(self, bytes key, object table) except -1:
        """Delete a row, and note how many pages became one with others by that."""
        cdef Py_ssize_t before = self._pages(table)
        self.txn.delete(key, b"", table)
        self._merged += max(0, before - self._pages(table))
        return 0

    cdef Py_ssize_t _pages(self, object table) except -1:
        stat = self.txn.stat(table)
        return stat["branch_pages"] + stat["leaf_pages"]

    cdef int _use_up(self) except -1:
        """Use the pages that this transaction began to use and gave up again, as many as there can be.

        LMDB 1.0 ends the process when a transaction that writes through the map has such pages left and found none
        that were free before, which is so while a reader stands still, or a snapshot is copied.
        """
        cdef uint32_t number
        if self.index.bulk:
            return 0  # not written through the map
        for number in range(self._merged):
            key = number.to_bytes(4, "big")
            self.txn.put(key, sealed(key, _PAGE), True, True, False, self.index.spare)
        self._merged = 0
        return 0

    # References.

    cdef int _retain(self, bytes row, bytes place, bint holds) except -1:
        if self._usage is not None:
            self._usage.move(place, row, holds, 1)
        return 0 if PyBytes_AS_STRING(row)[0] in (INLINE, MARKER) else self._count(row, True)

    cdef int _release(self, bytes row, bytes place, bint holds) except -1:
        if self._usage is not None:
            self._usage.move(place, row, holds, -1)
        return 0 if PyBytes_AS_STRING(row)[0] in (INLINE, MARKER) else self._count(row, False)

    def _count(self, bytes row, bint retain):
        cdef EngineInfo info = info_of("", row, 0)
        cdef uint64_t uses
        if row[0] == CHUNKS:
            return self._each(info.references(), retain)
        if row[0] != LIST:
            raise CorruptStoreError("an object's row holds its content in an unknown way; update Trove")
        list_id = info.content()[:LIST_ID]
        uses = self._uses(list_id)
        if not uses and not retain:
            raise CorruptStoreError("a chunk list is let go of that nobody uses; run `trove repair` to rebuild the index")
        uses += 1 if retain else -1
        if uses:
            return self._set_uses(list_id, uses)
        self._each(self._list(list_id), False)
        self._delete(list_id, self.index.lists)
        self._delete(list_id, self.index.list_uses)
        return 0

    def _list(self, bytes list_id):
        references = row_in(self.txn, self.index.lists, list_id, "lists")
        if references is None:
            raise CorruptStoreError("a chunk list is missing from the index; run `trove repair` to rebuild it")
        return references

    def _uses(self, bytes list_id):
        uses = row_in(self.txn, self.index.list_uses, list_id, "list_uses")
        if uses is None:
            raise CorruptStoreError("a chunk list is missing from the index; run `trove repair` to rebuild it")
        return int.from_bytes(uses[:8], "little")

    def _set_uses(self, bytes list_id, uint64_t uses):
        self.txn.put(
            list_id, sealed(list_id, uses.to_bytes(8, "little")), True, True, False, self.index.list_uses
        )
        return 0

    cdef int _each(self, bytes references, bint retain) except -1:
        cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(references)
        cdef Py_ssize_t i
        for i in range(PyBytes_GET_SIZE(references) // REFERENCE):
            if self._moving is not None:
                self._move(PyBytes_FromStringAndSize(<const char *>p + i * REFERENCE, REFERENCE), 1 if retain else -1)
            elif retain:
                self._add_reference(reference_at(p + i * REFERENCE))
            else:
                self._drop_reference(reference_at(p + i * REFERENCE))
        return 0

    cdef int begin_move(self) except -1:
        """Until ``end_move`` only note which references come and go: what goes from one row to another costs nothing so."""
        self._moving = {}
        return 0

    cdef int end_move(self, bint done) except -1:
        """Count what came and did not go, or the other way round; nothing of it if it was not ``done``."""
        if done:
            self._count_moved()
        self._moving = None
        return 0

    cdef int _move(self, bytes packed, int more) except -1:
        more += <int>self._moving.pop(packed, 0)
        if more:
            self._moving[packed] = more
        if len(self._moving) >= MOVING:
            self._count_moved()
        return 0

    cdef int _count_moved(self) except -1:
        cdef const uint8_t *p
        cdef int more
        moving, self._moving = self._moving, {}
        # What comes is counted before what goes, so that what they share stays.
        for comes in (True, False):
            for packed, more in moving.items():
                p = <const uint8_t *>PyBytes_AS_STRING(<bytes>packed)
                while comes and more > 0:
                    self._add_reference(reference_at(p))
                    more -= 1
                while not comes and more < 0:
                    self._drop_reference(reference_at(p))
                    more += 1
        return 0

    cdef int _add_reference(self, Reference reference) except -1:
        cdef bytes key = chunk_key(reference)
        cdef Stored chunk
        if not find_chunk(self.index, self.txn, key, &chunk):
            chunk.pack, chunk.offset, chunk.length, chunk.references = reference.pack, reference.offset, reference.length, 0
            self._live[reference.pack] = self._live.get(reference.pack, 0) + reference.length
        chunk.references += 1
        return self._put_chunk(key, chunk)

    cdef int _drop_reference(self, Reference reference) except -1:
        cdef bytes key = chunk_key(reference)
        cdef Stored chunk
        if not find_chunk(self.index, self.txn, key, &chunk):
            raise CorruptStoreError("a chunk is missing from the index; run `trove repair` to rebuild it")
        chunk.references -= 1  # an index that says 0 says 2 ** 64 - 1 then, and verify tells
        if chunk.references:
            return self._put_chunk(key, chunk)
        self._live[chunk.pack] = self._live.get(chunk.pack, 0) - <int64_t>chunk.length
        return self._delete(key, self.index.chunks)

    cdef int _put_chunk(self, bytes key, Stored chunk) except -1:
        body = chunk_row(chunk.pack, chunk.offset, chunk.length, chunk.references)
        self.txn.put(key, sealed(key, body), True, True, False, self.index.chunks)
        return 0

    # The log.

    cdef int _log(self, int operation, bytes first, bytes second) except -1:
        self.count += 1
        if self._replaying:
            return 0
        self._operation = self._record.size
        self._record.u8(operation)
        self._record.text(first)
        if second is not None:
            self._record.text(second)
        return 0

    cdef void _flag(self, int flag) noexcept:
        """Say of the last operation what was there before: see OperationFlag."""
        if not self._replaying:
            self._record.data[self._operation] |= flag

    cdef Encoder record(self, uint64_t predecessor, int64_t time, uint32_t flags, uint64_t seed):
        """The whole record for the log, its length a multiple of 8."""
        cdef Encoder record = self._record
        cdef Py_ssize_t payload = record.size - RECORD_HEADER
        cdef uint8_t *start = record.data + RECORD_HEADER
        store64(start, predecessor)
        store64(start + 8, <uint64_t>time)
        store32(start + 16, self.count)
        store32(start + 20, flags)
        write_header(record.data, COMMIT, payload, self.sequence, start, payload, seed)
        record.raw(<const uint8_t *>b"\0\0\0\0\0\0\0\0", aligned(payload) - payload)
        return record

    cdef int replay(self, object payload) except -1:
        """Make the changes that the payload of a commit's record lists."""
        for operation, first, second in operations_of(payload):
            if operation == PUT_OBJECT:
                self.put_object(first, second)
            elif operation == PUT_VERSION:
                self.put_version(first, second, self.current(first))
            elif operation == PUT_ROW:
                self.put_row(first[0], first[1:], second)
            elif operation == DELETE_ROW:
                self.delete_row(first[0], first[1:])
            elif operation == DELETE_ROWS:
                self.delete_rows(first[0], first[1:])
            elif operation == SET_BUCKET:
                self.set_bucket(first, second)
            elif operation == DELETE_OBJECT:
                self.delete_object(first)
            elif operation == ADD_LIST:
                self.add_list(first, second)
            elif operation == CREATE_BUCKET:
                self.create_bucket(first, second)
            elif operation == MOVE_CHUNKS:
                self.move_chunks(first)
            elif operation == CUT_LOG:
                self.cut_log(load64(<const uint8_t *>PyBytes_AS_STRING(<bytes>first)))
            elif operation == SET_QUOTA:
                self.set_quota(first, second)
            else:
                self.delete_bucket(first)
        return 0

    cdef int finish(self, uint32_t pack, uint64_t offset) except -1:
        """Write down which commit the index is at now; nothing of this commit comes after."""
        cdef bytes body = PyBytes_FromStringAndSize(NULL, 24)
        cdef uint8_t *p = <uint8_t *>PyBytes_AS_STRING(body)
        for number, change in self._live.items():
            key = (<uint32_t>number).to_bytes(4, "big")
            old = row_in(self.txn, self.index.packs, key, "packs")
            live = change + (0 if old is None else int.from_bytes(old[:8], "little"))
            if not 0 <= live < 1 << 64:
                raise CorruptStoreError(
                    f"the index counts less in pack {number} than what leaves it; run `trove repair` to rebuild the index"
                )
            self.txn.put(key, sealed(key, live.to_bytes(8, "little")), True, True, False, self.index.packs)
        if self._usage is not None:
            for key, quota in self._usage.rows():
                if quota is None:
                    self._delete(key, self.index.quotas)
                else:
                    self.txn.put(key, sealed(key, quota), True, True, False, self.index.quotas)
        if self._rules is not None:
            self._reschedule(self._rules.moved())
        store64(p, self.sequence)
        store32(p + 8, pack)
        store32(p + 12, self.index.owner)
        store64(p + 16, offset)
        self.txn.put(HEAD, sealed(HEAD, body), True, True, False, self.index.meta)
        return self._use_up()
