# cython: language_level=3, boundscheck=False, cdivision=True
"""Verify: whether a store is whole, down to the last byte that something refers to.

All of it is done on a copy of the index at one commit, so writers go on and are not waited for: the copy is
examined, an index made from the log alone up to the same commit is compared with it row by row, and every
chunk's bytes are held against its id.
"""

import os
import shutil
import tempfile

import lmdb
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, qsort, realloc
from libc.string cimport memcpy

from trove.errors import CorruptStoreError, StorageIOError, TroveError

from .codec cimport CHUNK_ID, PACK_HEADER, REFERENCE, reference_at
from .core cimport Core
from .index cimport Index, Reading, owner_in, row
from .pack cimport Packs
from .places cimport Stored, all_placed, chunk_key, find_chunk
from .scan cimport Log
from . import snapshots, store
from .examine import HOLDING, examined_copy, list_of, opened_copy, problem_of, references_of
from .folder_lock import FolderLock
from .index import TABLES, cut_of, head, index_error
from .naming import namer
from .pack import is_unmade, pack_header
from .recovery import BULK_BYTES, replay_chain
from .reports import Problem, VerifyReport
from .scan import LAST
from .voids import each_hole, holes_in_use

cdef enum:
    ROUND = 1_000_000   # chunks whose places are held in memory at once
    RUN = 1 << 22       # bytes that are read at once

class Meter:
    """Tells a caller of ``progress`` how far the work is; ``total`` is an estimate until it is done."""

    def __init__(self, progress, total):
        self._progress = progress
        self._total = max(1, total)
        self._done = 0

    def move(self, count):
        self._done = min(self._done + count, self._total)
        if self._progress is not None:
            self._progress(self._done, self._total)

    def finish(self):
        self.move(self._total)


cdef int by_place(const void *one, const void *other) noexcept nogil:
    cdef const Place *a = <const Place *>one
    cdef const Place *b = <const Place *>other
    if a.pack != b.pack:
        return -1 if a.pack < b.pack else 1
    if a.offset != b.offset:
        return -1 if a.offset < b.offset else 1
    return 0


cdef class Chunks:
    def __init__(self, Index index, Packs packs, parameters):
        self.index = index
        self.packs = packs
        self._name = namer(parameters)

    def __dealloc__(self):
        free(self._places)

    def damaged(self, meter):
        """The chunks whose bytes are not what their ids say, by pack and offset.

        Gives {(pack, offset): (key, length, what is wrong)}.
        """
        cdef Py_ssize_t first, last
        cdef uint64_t end
        found = {}
        self._txn = self.index.begin()
        try:
            for packs in self._rounds():
                self._collect(packs)
                first = 0
                while first < self._count:
                    # Chunks that stand next to each other are read at once.
                    last = first
                    end = self._places[first].offset + self._places[first].length
                    while (
                        last + 1 < self._count and self._places[last + 1].pack == self._places[first].pack
                        and self._places[last + 1].offset == end
                        and end + self._places[last + 1].length - self._places[first].offset <= RUN
                    ):
                        last += 1
                        end += self._places[last].length
                    self._check(first, last, found)
                    meter.move(end - self._places[first].offset)
                    first = last + 1
        finally:
            self.index.end(self._txn)
            self._txn = None
        return found

    def _rounds(self):
        """The packs, in groups that have about as many chunks as are looked at in a round."""
        counts = {}
        with self._txn.cursor(self.index.chunks) as walk:
            for _, value in walk:
                pack = int.from_bytes(value[8:12], "little")
                counts[pack] = counts.get(pack, 0) + 1
        group, total = set(), 0
        for pack in sorted(counts):
            if group and total + counts[pack] > ROUND:
                yield group
                group, total = set(), 0
            group.add(pack)
            total += counts[pack]
        if group:
            yield group

    def _collect(self, packs):
        cdef Place *grown
        cdef Place *place
        cdef Stored chunk
        self._count = 0
        with self._txn.cursor(self.index.chunks) as walk:
            for key, _ in walk:
                key = bytes(key)
                try:
                    find_chunk(self.index, self._txn, key, &chunk)
                except CorruptStoreError:
                    continue  # told by the examination
                if len(key) != CHUNK_ID + 1 or chunk.pack not in packs:
                    continue
                if self._count == self._room:
                    self._room = max(1024, self._room * 2)
                    grown = <Place *>realloc(self._places, self._room * sizeof(Place))
                    if grown == NULL:
                        raise MemoryError
                    self._places = grown
                place = &self._places[self._count]
                place.pack, place.length, place.offset = chunk.pack, chunk.length, chunk.offset
                memcpy(place.key, PyBytes_AS_STRING(<bytes>key), CHUNK_ID + 1)
                self._count += 1
        qsort(self._places, self._count, sizeof(Place), by_place)

    def _check(self, Py_ssize_t first, Py_ssize_t last, dict found):
        """Check the run of chunks from ``first`` to ``last``, one by one where it can't be read at once."""
        cdef Py_ssize_t i
        cdef Place *place = &self._places[first]
        cdef uint64_t length = self._places[last].offset + self._places[last].length - place.offset
        cdef uint64_t start = place.offset
        try:
            data = memoryview(self.packs.open_pack(place.pack).read(length, start))
        except (CorruptStoreError, StorageIOError) as error:
            if first < last:
                for i in range(first, last + 1):
                    self._check(i, i, found)
            else:
                key = PyBytes_FromStringAndSize(<const char *>place.key, CHUNK_ID + 1)
                what = "the pack ends before it"
                if isinstance(error, StorageIOError):
                    what = f"it can't be read: {error.strerror}"
                elif not os.path.exists(self.packs.path(place.pack)):
                    what = "its pack is missing"
                found[place.pack, start] = (key, place.length, what)
            return
        for i in range(first, last + 1):
            place = &self._places[i]
            key = PyBytes_FromStringAndSize(<const char *>place.key, CHUNK_ID + 1)
            at = place.offset - start
            if self._name(data[at : at + place.length]) != key[:CHUNK_ID]:
                found[place.pack, place.offset] = (key, place.length, "the bytes are not those of its id")


def objects_with(Index index, damaged):
    """What refers to chunks of ``damaged``: (table, key of the row, references, places of the damaged ones)."""
    if not damaged:
        return
    # By where the index has them: an object may say otherwise, which the examination tells.
    places = {key: place for place, (key, *_) in damaged.items()}
    lists = {}
    with Reading(index) as txn:
        for name in HOLDING:
            table = getattr(index, name)
            with txn.cursor(table) as walk:
                for place, _ in walk:
                    place = bytes(place)
                    try:
                        body = row(txn, table, place, name)
                        held = list_of(body)
                        references = all_placed(index, txn, references_of(index, txn, place, body))
                    except (CorruptStoreError, LookupError):
                        continue
                    hit = lists.get(held) if held is not None else None
                    if hit is None:
                        hit = hits_in(references, places)
                        if held is not None:
                            lists[held] = hit
                    if hit:
                        yield name, place, references, hit


cdef list hits_in(bytes references, dict places):
    """The places of those chunks among ``references`` whose keys ``places`` has."""
    cdef Py_ssize_t i
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(references)
    hit = []
    for i in range(len(references) // REFERENCE):
        found = places.get(chunk_key(reference_at(p + i * REFERENCE)))
        if found is not None:
            hit.append(found)
    return hit


def differences(Index one, Index other):
    """The rows in which two indexes differ: (table, key)."""
    with Reading(one) as first, Reading(other) as second:
        for name in TABLES:
            walks = [
                ((bytes(key), bytes(value)) for key, value in txn.cursor(getattr(index, name)))
                for txn, index in ((first, one), (second, other))
            ]
            left, right = next(walks[0], None), next(walks[1], None)
            while left is not None or right is not None:
                if left == right:
                    left, right = next(walks[0], None), next(walks[1], None)
                elif right is None or (left is not None and left[0] < right[0]):
                    yield name, left[0]
                    left = next(walks[0], None)
                elif left is None or right[0] < left[0]:
                    yield name, right[0]
                    right = next(walks[1], None)
                else:
                    yield name, left[0]
                    left, right = next(walks[0], None), next(walks[1], None)


def cut_of_snapshots(path, scratch, store_id):
    """``cut_of`` by the newest whole snapshot of the store at ``path``; 0 where there is none."""
    folder = os.path.join(scratch, "newest")
    if not snapshots.restore(path, folder, store_id):
        return 0
    index = opened_copy(folder)
    try:
        return cut_of(index)
    finally:
        index.close()
        shutil.rmtree(folder)


def pack_file(number):
    """The path of a pack within its store."""
    return f"packs/{number:010d}.pack"


class Verification:
    def __init__(self, core, scratch, progress):
        self._core = core
        self._packs = core.packs
        self._scratch = scratch
        self._progress = progress
        self.problems = []

    def run(self):
        """Look at everything; the report."""
        sizes = self._check_pack_headers()
        self._check_store_file()
        copied = os.path.join(self._scratch, "copy")
        at, problems = self._examined_copy(self._core.index, copied)
        self.problems += problems
        copy = None if at is None else opened_copy(copied, self._packs.store_id)
        owner = self._owner(copy)
        meter = Meter(self._progress, sum(sizes.values()) + self._live_bytes(copy))
        # The copy was made first: the log has every commit that it has.
        log = Log(self._packs, 0, meter.move, True)
        rebuilt = self._rebuilt(log, at, copy, owner)
        damaged = Chunks(copy or rebuilt, self._packs, self._core.parameters).damaged(meter)
        self._name_damage(copy or rebuilt, damaged)
        self._check_holes(log, copy or rebuilt)
        self._check_snapshots()
        meter.finish()
        for index in (copy, rebuilt):
            if index is not None:
                index.close()
        return VerifyReport(tuple(self.problems))

    def _examined_copy(self, Index index, target):
        if not self._core.readonly:
            return examined_copy(index.folder, target)
        if index.damage is not None:
            self._problem(str(index.damage), file="index/data.mdb")
        # Without its lock file an index stays as it is only while a transaction of ours is open.
        with Reading(index) as txn:
            return examined_copy(index.folder, target, index._lock)

    def _check_store_file(self):
        try:
            if store.read(self._core.path) != self._core.parameters:
                self._problem("it is missing or of another store", file=store.NAME)
        except TroveError as error:
            self._problem(str(error), file=store.NAME)

    def _check_pack_headers(self):
        """Hold the header of every pack against what it must be; the sizes of the packs."""
        sizes = {}
        for number in self._packs.numbers():
            path = self._packs.path(number)
            try:
                with open(path, "rb") as file:
                    found = file.read(PACK_HEADER + 1)
                    sizes[number] = os.fstat(file.fileno()).st_size
            except OSError as error:
                self._problem(f"the pack can't be read: {error.strerror}", file=pack_file(number))
                continue
            wanted = pack_header(number, self._packs.store_id, self._packs.parameters)
            if not is_unmade(found) and found[:PACK_HEADER] != wanted:
                self._problem("the header of the pack is damaged", pack_file(number), 0, PACK_HEADER)
        return sizes

    def _problem(self, what, file=None, offset=None, length=None):
        self.problems.append(Problem(what, file=file, offset=offset, length=length))

    def _live_bytes(self, Index copy):
        if copy is None:
            return 0
        with Reading(copy) as txn:
            return sum(int.from_bytes(value[8:16], "little") for _, value in txn.cursor(copy.packs))

    def _owner(self, Index copy):
        """The store that an index made from the log is to name: none, where the one there is does not either."""
        if copy is None:
            return self._packs.store_id
        with Reading(copy) as txn:
            owner = owner_in(txn, copy.meta)
            if owner not in (0, copy.owner):
                self._problem("it is of another store", file="index/data.mdb")
            return self._packs.store_id if owner else b""

    def _rebuilt(self, Log log, at, copy, store_id):
        """An index made from the log, compared with the copy."""
        for number, error in log.unreadable:
            self._problem(str(error), file=pack_file(number))
        folder = os.path.join(self._scratch, "rebuilt")
        cut = cut_of_snapshots(self._core.path, self._scratch, self._packs.store_id) if copy is None else cut_of(copy)
        # The oldest that will do: what the log has from there on is looked at.
        base = 0
        if cut:
            most = LAST if at is None else at
            base = snapshots.restore(
                self._core.path, folder, self._packs.store_id, least=cut, most=most, oldest=True
            )
        rebuilt = Index(folder, bulk=BULK_BYTES, store_id=store_id)
        if cut > base:
            self._problem(
                f"the log begins after commit {cut}, and no snapshot is whole that a new index could be made from; "
                "take one"
            )
            return rebuilt
        try:
            reached = replay_chain(rebuilt, log, base, LAST if at is None else at)
        except CorruptStoreError as error:
            self._problem(f"the log can't be applied: {error}")
            return rebuilt
        if at is not None and reached < at:
            self._problem(
                f"the log breaks after commit {reached}, and the index is at commit {at}: a record between them is "
                "damaged or missing"
            )
        if at == reached:
            for name, key in differences(copy, rebuilt):
                what = f"its row in the index's table {name!r} is not what the log says"
                self.problems.append(
                    problem_of(key, what) if name in HOLDING else Problem(f"row {key.hex()}: {what}")
                )
        end = log.follow(base, LAST)
        if end >= reached and log.damaged_after(end) and self._breaks(end):
            self._problem(f"the log breaks after commit {end}, and later ones were on disk: a record is damaged or missing")
        return rebuilt

    def _breaks(self, end):
        """Whether the log breaks after commit ``end``, and it is not just a writer who was faster than the scan."""
        cdef Log log
        before = head(self._core.index)
        log = Log(self._packs, end, lenient=True)
        return before == log.follow(end, LAST) == head(self._core.index) == end and log.damaged_after(end)

    def _name_damage(self, index, damaged):
        named = set()
        for _, place, _, hits in objects_with(index, damaged):
            for pack, offset in dict.fromkeys(hits):
                key, length, what = damaged[pack, offset]
                named.add((pack, offset))
                problem = problem_of(place, f"a chunk of it is damaged: {what}")
                self.problems.append(
                    Problem(problem.what, problem.bucket, problem.key, pack_file(pack), offset, length)
                )
        for (pack, offset), (_, length, what) in damaged.items():
            if (pack, offset) not in named:
                self._problem(f"a chunk is damaged: {what}", pack_file(pack), offset, length)

    def _check_holes(self, Log log, Index index):
        """What is no record is what a dead writer left, unless something refers into it or the chain breaks."""
        broken = any("breaks after commit" in problem.what for problem in self.problems)
        for number, start, end in holes_in_use(log, index) if not broken else each_hole(log):
            self._problem("no whole record stands here", pack_file(number), start, end - start)

    def _check_snapshots(self):
        for path in snapshots.found(self._core.path):
            # One that is dropped meanwhile is not damaged.
            if not snapshots.whole(path):
                if path.exists():
                    self._problem("the snapshot is damaged", file=f"snapshots/{path.name}")
            elif snapshots.foreign(path, self._packs.store_id):
                self._problem("the snapshot is of another store", file=f"snapshots/{path.name}")


def verify(Core core, progress=None):
    """Whether the store is whole: see the driver's ``verify``."""
    try:
        # No pack is compacted away meanwhile.
        with (
            tempfile.TemporaryDirectory(prefix="trove-verify-") as scratch,
            FolderLock(core.packs.folder, shared=True),
        ):
            return Verification(core, scratch, progress).run()
    except lmdb.Error as error:
        raise index_error(error, "reading a copy of the index") from error
    except OSError as error:
        if isinstance(error, TroveError):
            raise
        raise StorageIOError.of(error, "verifying the store in a temporary folder") from error
