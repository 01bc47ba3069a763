# cython: language_level=3, boundscheck=False, cdivision=True
"""Repair: making a store usable again, whatever of it is damaged, and saying what could not be saved.

The log is the truth: the index is made anew from it. Where the log has a hole, the best of what else there
is (the old index, if it proves sound; the snapshots) bridges it, and commits that lead there are added to
the log. Objects whose bytes are damaged leave their bucket. Everything damaged, and every byte of the
objects that leave, is kept in ``quarantine/``.
"""

import json
import os
import shutil

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport uint8_t

import lmdb

from trove.errors import CorruptStoreError, NotFoundError, StorageIOError, TroveError

from .amend cimport Amendment
from .codec cimport (
    CREATE_BUCKET,
    DELETE_BUCKET,
    DELETE_OBJECT,
    DELETE_ROW,
    DELETE_ROWS,
    PACK_HEADER,
    PUT_OBJECT,
    PUT_ROW,
    PUT_VERSION,
    REFERENCE,
    SET_BUCKET,
    SET_QUOTA,
    reference_at,
)
from .index cimport Index, Reading
from .operations cimport operations_of
from .pack cimport Pack, Packs, PackWriter
from .rows cimport row
from .scan cimport Log
from .state cimport STATE_BURNED, State
from . import snapshots, store
from .amend import Amendment as new_amendment
from .cores import alone_with
from .examine import examined_copy, opened_copy
from .foreign import is_foreign
from .gate import Gate
from .identity import Identity, pack_heads
from .index import cut_of, head
from .info import info_of_row
from .opening import lay_out
from .pack import pack_header, sync_folder
from .quarantine import Quarantine
from .recovery import BULK_BYTES, changed_at, index_file, replay_chain
from .reports import Lost, Quarantined, RepairReport
from .rows import index_error, is_older
from .state import UNKNOWN_BOOT, this_boot
from .same_log import is_of
from .verify import Chunks, Meter, cut_of_snapshots, objects_with, pack_file
from .voids import each_hole, holes_in_use, to_void

BLOCK = 1 << 20  # bytes that are written again at a time
SPANS = 100  # of missing commits that are named at most

# What a commit did to a bucket or an object, for people.
_WORDS = {
    PUT_OBJECT: "a put", PUT_VERSION: "a put or delete", PUT_ROW: "a put", DELETE_ROW: "a delete",
    SET_BUCKET: "a change of its settings", SET_QUOTA: "a change of its quota", DELETE_OBJECT: "a delete", CREATE_BUCKET: "its creation", DELETE_BUCKET: "its deletion",
}

# What of an object is in which table, for people.
_WHOSE = {"objects": "its", "versions": "an older version's", "uploads": "an upload's"}


def repair(path, make_parameters, progress=None):
    """Repair the store in the folder ``path``, which nobody has open: see the driver's ``repair``."""
    path = os.path.realpath(path)
    if not store.is_folder(path):
        raise NotFoundError(f"there is no store in {path}; check the path, or open it to make one")
    try:
        with Gate(path):
            # Before the lock is taken, which makes its file: what is no store is left as it is.
            Identity(path, make_parameters).parameters()
        with alone_with(path):
            return Repair(path, make_parameters, progress).run()
    except lmdb.Error as error:
        raise index_error(error, f"writing a new index in {path}") from error
    except OSError as error:
        if isinstance(error, TroveError):
            raise
        raise StorageIOError.of(error, f"repairing {path}") from error


class Repair:
    def __init__(self, path, make_parameters, progress):
        self._path = path
        self._identity = Identity(path, make_parameters)
        self._progress = progress
        self._quarantine = Quarantine(path)
        self._lost = []
        self._done = []

    def run(self):
        """Repair all that needs it; the report."""
        parameters = self._identity.written(self._quarantine, self._done)
        lay_out(self._path)
        packs = Packs(os.path.join(self._path, "packs"), bytes.fromhex(parameters.store_id), parameters.packed())
        self._mend_pack_headers(packs)
        self._drop_damaged_snapshots(packs.store_id)
        sizes = sum(os.path.getsize(packs.path(number)) for number in packs.numbers())
        meter = Meter(self._progress, 2 * sizes)
        scratch = os.path.join(self._path, "index.new")
        shutil.rmtree(scratch, ignore_errors=True)
        os.mkdir(scratch, 0o700)
        try:
            self._repair_index(packs, parameters, meter, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        self._quarantine.sync()
        meter.finish()
        return RepairReport(True, tuple(self._quarantine.entries), tuple(self._lost), tuple(self._done))

    def _mend_pack_headers(self, packs):
        for number, found in pack_heads(self._path):
            wanted = pack_header(number, packs.store_id, packs.parameters)
            if len(found) < PACK_HEADER or found == wanted:
                continue
            file = pack_file(number)
            if is_foreign(found, packs.store_id):
                self._quarantine.move("it is a pack of another store", file)
                continue
            self._quarantine.keep_range("the header of the pack was damaged", file, 0, PACK_HEADER)
            self._quarantine.sync()
            with open(packs.path(number), "r+b") as pack:
                pack.write(wanted)
                pack.flush()
                os.fsync(pack.fileno())
            self._done.append(f"wrote the header of {file} anew")

    def _drop_damaged_snapshots(self, store_id):
        for path in snapshots.found(self._path):
            if not snapshots.whole(path):
                self._move_snapshot(path, "the snapshot was damaged")
            elif snapshots.foreign(path, store_id):
                self._move_snapshot(path, "it is a snapshot of another store")

    def _move_snapshot(self, path, what):
        self._quarantine.move(what, f"snapshots/{path.name}")
        sums = path.with_suffix(".xxh3")
        if sums.exists():
            sums.unlink()

    # The index and the log.

    def _repair_index(self, Packs packs, parameters, meter, scratch):
        cdef State state = State(os.path.join(self._path, "state"), packs.store_id)
        cdef PackWriter writer = PackWriter(packs, state)
        cdef Index index
        cdef Log log
        known = state.known(self._path)
        trusted, acknowledged = known.intact, known.least
        self._flush(packs, state)
        log = Log(packs, 0, meter.move, True, state.raised)
        for number, error in log.unreadable:
            self._done.append(f"left out {pack_file(number)}: {error}")
        base = self._lay_base(log, scratch)
        index = Index(os.path.join(scratch, "index"), bulk=BULK_BYTES, store_id=packs.store_id)
        reached = replayed(index, log, base)
        better, saved = self._best(log, reached, trusted, scratch)
        last = max(log.highest, saved, acknowledged, state.raised[1], state.get(STATE_BURNED) if trusted else 0)
        broken = log.highest > reached or saved > reached or acknowledged > reached
        holes = each_hole(log) if broken else holes_in_use(log, better or index)
        for number, start, end in holes:
            self._quarantine.keep_range("no whole record stands here", pack_file(number), start, end - start)
        # Looked at before anything is written: a new pack may take the number of one that is missing.
        self._packs_there = set(packs.numbers())
        damaged = Chunks(better or index, packs, parameters).damaged(meter)
        if broken:
            self._name_lost_commits(log, saved, max(log.highest, acknowledged))
            if better is not None:
                # Room for all of it from the start: an amendment is one transaction.
                index.close()
                size = os.path.getsize(os.path.join(better.folder, "data.mdb"))
                index = Index(index.folder, bulk=BULK_BYTES + 4 * size, store_id=packs.store_id)
            reached = last = self._amend(index, writer, state, reached, last + 1, better, base)
        if damaged:
            reached = last = self._drop_objects(index, writer, state, reached, last + 1, damaged)
        self._void(packs, writer, to_void(log, index))
        if better is not None:
            better.close()
        self._install(index, state, reached, last)

    def _flush(self, Packs packs, State state):
        """Put on disk what ``state`` says may not be: what is damaged in it is found like any other damage."""
        there = set(packs.numbers())
        for number, start, end, failed in state.unflushed():
            if number not in there:
                continue
            fd = os.open(packs.path(number), os.O_RDWR | os.O_CLOEXEC)
            try:
                end = min(end, os.fstat(fd).st_size)
                # The system may call the flush after one that failed a success, and write nothing.
                while failed and start < end:
                    start += os.pwrite(fd, os.pread(fd, min(BLOCK, end - start), start), start)
                os.fsync(fd)
            finally:
                os.close(fd)
            if failed:
                self._done.append(f"wrote {pack_file(number)} again, which could not be flushed")
        state.forget()

    def _lay_base(self, Log log, scratch):
        """Where the log has no beginning any more, put what an index is made from in its place; the commit that it is at."""
        folder, store_id = os.path.join(scratch, "index"), log.packs.store_id
        cut = cut_of_snapshots(self._path, scratch, store_id)
        base = snapshots.restore(self._path, folder, store_id, least=cut, oldest=True) if cut else 0
        if base:
            index = opened_copy(folder, store_id)
            own = is_of(index, log, base)
            index.close()
            if not own:
                shutil.rmtree(folder)
                base = 0
        return base

    def _best(self, Log log, reached, trusted, scratch):
        """Where the log breaks: the index that goes furthest beyond it, and how far; else ``None, reached``."""
        best = (None, reached)
        target = os.path.join(scratch, "live")
        at, problems = examined_copy(os.path.join(self._path, "index"), target)
        # After a power cut pages of the index can be of any age: it only counts where the log is worse.
        if at is not None and at > reached and not problems and (trusted or log.highest > reached):
            live = opened_copy(target, log.packs.store_id)
            if is_of(live, log, at):
                best = (live, at)
                self._done.append(f"took what the log lacks after commit {reached} from the index")
            else:
                live.close()
                self._done.append("left the index out: it is of another store")
        for path in snapshots.found(self._path):
            if int(path.stem) <= best[1]:
                continue
            folder = os.path.join(scratch, path.stem)
            os.makedirs(folder)
            shutil.copyfile(path, os.path.join(folder, "data.mdb"))
            if is_older(os.path.join(folder, "data.mdb")):
                self._done.append(f"left the snapshot {path.name} out: an older version of Trove made it")
                continue
            index = Index(folder, bulk=BULK_BYTES, store_id=log.packs.store_id)
            if not is_of(index, log, head(index)):
                index.close()
                self._done.append(f"left the snapshot {path.name} out: it is of another store")
                continue
            went = replayed(index, log, head(index))
            if went > best[1]:
                if best[0] is not None:
                    best[0].close()
                best = (index, went)
                self._done.append(f"took what the log lacks after commit {reached} from the snapshot {path.name}")
            else:
                index.close()
        return best

    def _name_lost_commits(self, Log log, saved, last):
        """Name what the commits after ``saved`` did that are there and can't be applied, and those that are not there."""
        there = set()
        touched = {}
        for sequence, entry in log.unchained():
            if sequence <= saved:
                continue
            try:
                operations = operations_of(log.payload(entry))
            except CorruptStoreError:
                continue  # whole as a record, and yet it says nothing
            there.add(sequence)
            for operation, name, _ in operations:
                if operation in (PUT_ROW, DELETE_ROW, DELETE_ROWS):
                    name = b"\0".join(name[1:].split(b"\0")[:2])
                if operation in _WORDS:
                    touched[name] = (sequence, _WORDS[operation])
        missing = gaps(there, saved + 1, last)
        if missing:
            self._lost.append(
                Lost(f"commits are damaged or missing, and what they changed is not known: {spans(missing)}")
            )
        for name, (sequence, operation) in touched.items():
            bucket, nul, key = name.partition(b"\0")
            self._lost.append(
                Lost(
                    f"{operation} by commit {sequence}, which follows a damaged one; it is as it was before",
                    bucket.decode("utf-8", "replace") or None,
                    key.decode("utf-8", "replace") if nul else None,
                )
            )

    def _amend(self, Index index, writer, State state, reached, number, better, base):
        """Add the commits to the log that lead from ``reached`` to what was saved; the last one's number."""
        amendment = new_amendment(index, writer, reached, number)
        try:
            if better is not None:
                amendment.lead_to(better)
                # The commit that said so may be among those that are lost. From ``base`` on the log has all again.
                amendment.cut_to(min(base, cut_of(better)))
            last = amendment.finish(lambda: self._prepare(state, reached))
        except BaseException:
            amendment.abandon()
            raise
        self._done.append(f"mended the log after commit {reached}")
        return last

    def _prepare(self, State state, reached):
        """Before the log changes its course: nothing that follows the old one may be taken up again."""
        for path in snapshots.found(self._path):
            if int(path.stem) > reached:
                self._move_snapshot(path, "the snapshot is of a part of the log that was replaced")
        self._quarantine.sync()
        state.mark(False, UNKNOWN_BOOT)

    def _drop_objects(self, Index index, writer, State state, reached, number, damaged):
        """Take the objects with damaged chunks out of the store, and keep their bytes; the number of the commit."""
        leaving = list(objects_with(index, damaged))
        self._salvage(index, writer.packs, leaving, damaged)
        amendment = new_amendment(index, writer, reached, number)
        try:
            # Older versions first: of those that stay the newest becomes current.
            for table, place, _, hits in sorted(leaving, key=lambda one: one[0] != "versions"):
                amendment.drop(table, place)
                pack, offset = hits[0]
                bucket, key = place.split(b"\0")[:2]
                self._lost.append(
                    Lost(
                        f"{_WHOSE[table]} data is damaged: {pack_file(pack)} at {offset}: {damaged[pack, offset][2]}",
                        bucket.decode("utf-8", "replace"),
                        key.decode("utf-8", "replace"),
                    )
                )
            number = amendment.finish(lambda: state.mark(False, UNKNOWN_BOOT))
        except BaseException:
            amendment.abandon()
            raise
        self._done.append(f"took damaged objects out of their buckets: {len(leaving)}")
        return number

    def _salvage(self, Index index, packs, leaving, damaged):
        """Keep every byte of the objects that leave, each chunk once: their chunks end to end, and what is where."""
        for (pack, offset), (_, length, what) in damaged.items():
            if pack in self._packs_there:
                self._quarantine.keep_range(f"a chunk is damaged: {what}", pack_file(pack), offset, length)
        for pack in sorted({pack for pack, _ in damaged} - self._packs_there):
            self._quarantine.entries.append(Quarantined("the pack is missing", pack_file(pack), 0, 0, ""))
        places = {}
        with Reading(index) as txn:
            with (
                open(self._quarantine.file("chunks"), "wb") as chunks,
                open(self._quarantine.file("objects.jsonl"), "w", encoding="utf-8") as objects,
            ):
                for table, place, references, hits in leaving:
                    body = bytes(row(txn, getattr(index, table), place, table))
                    pieces = []
                    for pack, offset, length, raw in each_reference(references):
                        if (pack, offset) not in places:
                            places[pack, offset] = chunks.tell()
                            there = pack in self._packs_there
                            chunks.write(readable(packs, pack, offset, length) if there else bytes(length))
                        pieces.append([places[pack, offset], length, (pack, offset) in hits, raw])
                    objects.write(json.dumps(described(place, body, pieces)) + "\n")
                for file in (chunks, objects):
                    file.flush()
                    os.fsync(file.fileno())
        self._quarantine.sync()

    def _void(self, packs, writer, spans):
        """Make each of these a record that says so, in 32 bytes of it: from now on it can be hopped over."""
        for number, start, end in spans:
            fd = os.open(packs.path(number), os.O_RDWR | os.O_CLOEXEC)
            pack = Pack(number, packs.path(number), fd)
            writer.take_back(pack, start, end - start)
            os.fdatasync(fd)

    def _install(self, Index index, State state, reached, last):
        target = os.path.join(self._path, "index")
        index.sync()
        index.close()
        sync_folder(index.folder)
        shutil.rmtree(target, ignore_errors=True)
        os.rename(index.folder, target)
        sync_folder(self._path)
        state.reset(reached)
        state.set(STATE_BURNED, last)
        state.mark(True, this_boot(self._path), changed_at(index_file(self._path)))
        self._done.append(f"made the index anew, at commit {reached}")


def replayed(Index index, Log log, base):
    """Apply the chain of ``log`` after ``base`` as far as it goes; the number that ``index`` is at then.

    It ends before the first commit that can't be applied, however whole its record is.
    """
    try:
        return replay_chain(index, log, base)
    except CorruptStoreError:
        pass
    numbers = log.chained()
    whole, beyond = 0, len(numbers)
    while beyond - whole > 1:
        middle = (whole + beyond) // 2
        try:
            replay_chain(index, log, head(index), numbers[middle - 1])
            whole = middle
        except CorruptStoreError:
            beyond = middle
    reached = head(index)
    log.follow(base, reached)
    return reached


def gaps(numbers, first, last):
    """Which of the numbers from ``first`` to ``last`` are not among ``numbers``: [(start, end)], both included."""
    found = []
    for number in sorted(numbers):
        if first < number <= last:
            found.append((first, number - 1))
        first = max(first, number + 1)
    if first <= last:
        found.append((first, last))
    return found


def spans(gaps):
    """The same in words: ``'4, 7 to 9'``; of very many the first ones."""
    words = [str(first) if first == last else f"{first} to {last}" for first, last in gaps[:SPANS]]
    return ", ".join(words) + (" and others" if len(gaps) > SPANS else "")


def each_reference(bytes references):
    """Where the chunks of an object stand: [(pack, offset, length, length if it is to be decompressed, else 0)]."""
    cdef Py_ssize_t i
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(references)
    found = []
    for i in range(len(references) // REFERENCE):
        reference = reference_at(p + i * REFERENCE)
        found.append((reference.pack, reference.offset, reference.length, reference.raw))
    return found


def readable(packs, number, offset, length):
    """The bytes of a pack as far as they can be read, zeros for the others."""
    try:
        return packs.open(number).read(length, offset)
    except (CorruptStoreError, StorageIOError):
        pass
    try:
        with open(packs.path(number), "rb") as file:
            file.seek(offset)
            return file.read(length).ljust(length, b"\0")
    except OSError:
        return bytes(length)


def described(place, body, pieces):
    """An object that left, for its line in the quarantine."""
    bucket, key = place.split(b"\0")[:2]
    info = info_of_row(key.decode("utf-8", "replace"), body)
    return {
        "bucket": bucket.decode("utf-8", "replace"),
        "key": info.key,
        "size": info.size,
        "etag": info.etag,
        "version_id": info.version_id,
        "content_type": info.content_type,
        "metadata": dict(info.metadata),
        "tags": dict(info.tags),
        "last_modified": info.last_modified.isoformat(),
        "chunks": pieces,
    }
