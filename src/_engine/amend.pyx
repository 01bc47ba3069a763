# cython: language_level=3, boundscheck=False, cdivision=True
"""Amend: how a repair changes the log: by further commits, like everybody else.

Where the log has a hole and what came after it could be saved from elsewhere, commits that lead from the
last one before the hole to what was saved take the place of those that are missing: they name that one as
their predecessor, and of two that follow the same commit the one with the higher number counts. Should the
repair die half way, nothing of it counts: the first record of the amendment is written last.
"""

from libc.stdint cimport uint64_t

from .chain cimport id_of, version_key
from .changes cimport promote
from .codec cimport SETTLED, UPLOADS, VERSIONS, Encoder
from .commit cimport Commit
from .index cimport Index, row
from .info cimport now_us
from .pack cimport Pack, PackWriter
from .places cimport Stored, find_chunk, reference_to
from .usage cimport all_limits, packed_limits
from .examine import HOLDING
from .index import cut_in
from .usage import STORE
from .verify import differences

cdef enum:
    OPERATIONS = 50_000      # in one record of an amendment, at most about
    RECORD_BYTES = 32 << 20

_SIDE = {"versions": VERSIONS, "uploads": UPLOADS}


cdef class Amendment:
    def __init__(self, Index index, PackWriter writer, uint64_t predecessor, uint64_t sequence):
        """Changes to ``index``, which stands at ``predecessor``; the first commit gets the number ``sequence``."""
        self.index = index
        self.writer = writer
        self.packs = writer.packs
        self._predecessor = predecessor
        self._sequence = sequence
        self.txn = index.begin_write()
        self.commit = Commit(index, self.txn, sequence)

    cdef Commit room(self):
        """The commit that takes the next operation."""
        if self.commit.count >= OPERATIONS or self.commit._record.size >= RECORD_BYTES:
            self._complete(False)
        return self.commit

    cdef int _complete(self, bint last) except -1:
        """End the present commit and begin another one, unless it is the last."""
        cdef Commit commit = self.commit
        cdef Pack pack
        cdef uint64_t offset
        cdef Encoder record
        record = commit.record(self._predecessor, now_us(), SETTLED, self.packs.seed)
        if self._first is None and not last:
            self._first = record
            commit.finish(0, 0)
        else:
            if last and self._first is None:
                # The only one: nothing counts before it is here, and it does as soon as it is.
                self.packs.sync()
            pack, offset = self.writer.append_commit(record.data, record.size, commit.sequence, False)
            commit.finish(pack.number, offset)
        self._predecessor = commit.sequence
        if not last:
            self.commit = Commit(self.index, self.txn, commit.sequence + 1)
        return 0

    def finish(self, before_it_counts):
        """Put all of it on disk, call ``before_it_counts()``, and link it to the chain; the last number."""
        only = self._first is None
        if only:
            before_it_counts()
        self._complete(True)
        self.packs.sync()
        if not only:
            before_it_counts()
            self.writer.append_commit(self._first.data, self._first.size, self._sequence, False)
            self.packs.sync()
        self.txn.commit()
        return self.commit.sequence

    def abandon(self):
        """Leave the index as it was. Records that were written don't count."""
        self.txn.abort()

    def lead_to(self, Index target):
        """Make ``index`` have the rows of ``target``, through commits."""
        gone, come = self._differing(target)
        txn = target.begin()
        try:
            for name in come["buckets"]:
                body = bytes(row(txn, target.buckets, name, "buckets"))
                if self.txn.get(name, None, self.index.buckets) is None:
                    self.room().create_bucket(name, body)
                else:
                    self.room().set_bucket(name, body)
            # What changes goes first: a chunk that went and came back stands at its new place then.
            for table in HOLDING:
                for place in gone[table]:
                    self.delete(table, place)
            with txn.cursor(target.lists) as walk:
                for list_id, _ in walk:
                    list_id = bytes(list_id)
                    if self.txn.get(list_id, None, self.index.lists) is None:
                        self.room().add_list(list_id, bytes(row(txn, target.lists, list_id, "lists")))
            for table in HOLDING:
                for place in come[table]:
                    self._put(table, place, bytes(row(txn, getattr(target, table), place, table)))
            self._move_to(target, txn)
            for name in gone["buckets"]:
                if name not in come["buckets"]:
                    self.room().delete_bucket(name)
            here, there = all_limits(self.index, self.txn), all_limits(target, txn)
            for key in {**here, **there}:
                if here.get(key) != there.get(key):
                    self.room().set_quota(b"" if key == STORE else key, there.get(key, packed_limits(None, None)))
        finally:
            target.end(txn)

    def cut_to(self, uint64_t sequence):
        """Say that commits up to that one may be gone from the log."""
        if sequence > cut_in(self.index, self.txn):
            self.room().cut_log(sequence)

    def _move_to(self, Index target, txn):
        """Say of chunks that stand elsewhere in ``target`` that they stand there: rows name places of other times."""
        cdef Stored here, there
        with txn.cursor(target.chunks) as walk:
            for key, _ in walk:
                key = bytes(key)
                if not find_chunk(target, txn, key, &there) or not find_chunk(self.index, self.txn, key, &here):
                    continue
                if (here.pack, here.offset) != (there.pack, there.offset):
                    self.room().move_chunks(reference_to(key, there.length, there.pack, there.offset))

    def _differing(self, Index target):
        """The keys of buckets and objects that are not in ``target`` as they are here, and those that are to come."""
        gone, come = ({"buckets": set(), **{table: [] for table in HOLDING}} for _ in range(2))
        # Inside the write transaction nothing else can be open: the index is compared as it was committed.
        there = target.begin()
        try:
            for name, key in differences(self.index, target):
                if name not in gone:
                    continue
                add = set.add if name == "buckets" else list.append
                if self.txn.get(key, None, getattr(self.index, name)) is not None:
                    add(gone[name], key)
                if there.get(key, None, getattr(target, name)) is not None:
                    add(come[name], key)
        finally:
            target.end(there)
        return gone, come

    def _put(self, table, bytes key, bytes row):
        if table == "objects":
            self.room().put_object(key, row)
        else:
            self.room().put_row(_SIDE[table], key, row)

    def delete(self, table, bytes key):
        """Delete a row of a table in HOLDING."""
        if table == "objects":
            self.room().delete_object(key)
        else:
            self.room().delete_row(_SIDE[table], key)

    def drop(self, table, bytes key):
        """Delete what a row of a table in HOLDING is, and leave what goes with it as if it had never been."""
        place = b"\0".join(key.split(b"\0", 2)[:2])
        nameless = table == "versions" and not id_of(row(self.txn, self.index.versions, key, "versions"))
        self.delete(table, key)
        if nameless:
            self.delete("versions", version_key(place, b""))
        if table != "uploads" and self.txn.get(place, None, self.index.objects) is None:
            promote(self.room(), place)
