# cython: language_level=3, boundscheck=False, cdivision=True
"""Examine: whether an index is sound in itself.

Every row's checksum, every reference, every count is held against every other. Damaged pages of LMDB can
lead it anywhere, so an index whose worth is unknown is copied, page by page as it is, and examined in a process
of its own, whose death is an answer too.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict

import lmdb

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from trove.errors import CorruptStoreError, StorageIOError, TroveError

from .chain cimport expiry_key, id_of, stamp_of
from .codec cimport (
    CHUNKS,
    INLINE,
    LIST,
    LIST_ID,
    MARKER,
    REFERENCE,
    Reference,
    content_length,
    load32,
    load64,
    reference_at,
)
from .index cimport Index
from .info cimport EngineInfo, info_of
from .places cimport Stored, chunk_key, stored
from .rows cimport row
from .usage cimport counted, whose
from .index import head
from .pages import check_pages
from .rows import TABLES
from .schedule import scheduled, timetable_in
from .reports import Problem
from .usage import STORE

HOLDING = ("objects", "versions", "uploads")  # the tables whose rows hold content
COUNTED = 2_000_000  # chunks that are counted at once: more of them take more rounds, not more memory


def opened_copy(folder, bytes store_id=b""):
    """The index of a copy, to be read only by this process."""
    return Index(folder, readonly=True, lock=False, store_id=store_id)


def problem_of(bytes place, what):
    """A Problem of the object at ``place``, or of one of its versions or uploads."""
    bucket, key = (place.split(b"\0") + [b""])[:2]
    return Problem(what, bucket.decode("utf-8", "replace"), key.decode("utf-8", "replace"))


def references_of(Index index, txn, bytes place, body):
    """The chunk references of an object's row, end to end; empty when its content is inline.

    Raises CorruptStoreError for a row that can't be, and LookupError for a list that is missing.
    """
    cdef EngineInfo info = info_of("", body, 0)
    cdef bytes content = info.content()
    cdef uint64_t size = load64(info.head() + 2)
    kind = info.head()[0]
    if kind == MARKER:
        return b""
    if kind == INLINE:
        if <uint64_t>PyBytes_GET_SIZE(content) != size:
            raise CorruptStoreError("its content is not as long as its row says")
        return b""
    if kind == LIST:
        found = row(txn, index.lists, content[:LIST_ID], "lists")
        if found is None:
            raise LookupError("its chunk list is missing")
        references = found
    elif kind == CHUNKS:
        references = info.references()
    else:
        raise CorruptStoreError("its content is held in an unknown way")
    if len(references) % REFERENCE or total_length(references) != size:
        raise CorruptStoreError("its chunks don't add up to its size")
    return references


cdef uint64_t total_length(bytes references) noexcept:
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(references)
    cdef Py_ssize_t i
    cdef uint64_t total = 0
    for i in range(PyBytes_GET_SIZE(references) // REFERENCE):
        total += content_length(reference_at(p + i * REFERENCE))
    return total


def list_of(bytes body):
    """The id of the chunk list that an object's row refers to, ``None`` when it has none."""
    cdef EngineInfo info = info_of("", body, 0)
    return info.content()[:LIST_ID] if info.head()[0] == LIST else None


cdef class Examination:
    """Goes through an index that nobody changes meanwhile; ``problems`` is what it found."""

    cdef Index index
    cdef object txn
    cdef readonly list problems
    cdef dict _uses                   # list id -> objects that refer to it
    cdef dict _live                   # pack -> bytes of its chunks
    cdef Py_ssize_t _expiring         # objects that say when they expire

    def __init__(self, Index index):
        self.index = index
        self.problems = []
        self._uses = {}
        self._live = {}

    def run(self):
        """All problems of the index."""
        self.txn = self.index.begin()
        try:
            for name in TABLES:
                self._check_seals(name)
            for name in HOLDING:
                self._check_holding(name)
            self._check_expiry()
            self._check_rules()
            self._check_due()
            self._check_chains()
            self._check_lists()
            self._check_chunks()
            self._check_packs()
            self._check_quotas()
        finally:
            self.index.end(self.txn)
        return self.problems

    def _rows(self, name):
        """The rows of a table whose checksums fit: (key, body)."""
        table = getattr(self.index, name)
        with self.txn.cursor(table) as walk:
            for key, _ in walk:
                key = bytes(key)
                try:
                    yield key, row(self.txn, table, key, name)
                except CorruptStoreError:
                    pass  # told by _check_seals

    def _check_seals(self, name):
        table = getattr(self.index, name)
        with self.txn.cursor(table) as walk:
            for key, _ in walk:
                key = bytes(key)
                try:
                    row(self.txn, table, key, name)
                except CorruptStoreError:
                    what = f"its row in the index's table {name!r} does not match its checksum"
                    if name in HOLDING:
                        self.problems.append(problem_of(key, what))
                    elif name == "buckets":
                        self.problems.append(Problem(what, key.decode("utf-8", "replace")))
                    else:
                        self.problems.append(Problem(f"row {key.hex()}: {what}"))

    def _check_holding(self, name):
        cdef Py_ssize_t i
        cdef const uint8_t *p
        cdef Reference reference
        for place, body in self._rows(name):
            if self.txn.get(place.partition(b"\0")[0], None, self.index.buckets) is None:
                self.problems.append(problem_of(place, "its bucket is missing"))
            if name == "objects":
                self._check_scheduled(place, body)
            try:
                held = list_of(body)
                if held is not None:
                    self._uses[held] = self._uses.get(held, 0) + 1
                references = references_of(self.index, self.txn, place, body)
            except (CorruptStoreError, LookupError) as error:
                self.problems.append(problem_of(place, str(error)))
                continue
            p = <const uint8_t *>PyBytes_AS_STRING(<bytes>references)
            for i in range(len(references) // REFERENCE):
                reference = reference_at(p + i * REFERENCE)
                try:
                    found = row(self.txn, self.index.chunks, chunk_key(reference), "chunks")
                except CorruptStoreError:
                    continue
                if found is None:
                    self.problems.append(problem_of(place, f"chunk {i} of it is missing from the index"))
                    continue
                if stored(found).length != reference.length:
                    self.problems.append(problem_of(place, f"chunk {i} of it has another length than it says"))

    def _check_scheduled(self, bytes place, bytes body):
        """An object that expires stands in the table of what does."""
        try:
            instant = info_of("", body, 0).expiry()
        except CorruptStoreError:
            return  # told below
        if instant:
            self._expiring += 1
            if self.txn.get(expiry_key(instant, place), None, self.index.expiry) is None:
                self.problems.append(problem_of(place, "it expires, and the index's table 'expiry' does not say so"))

    def _check_expiry(self):
        there = self.txn.stat(self.index.expiry)["entries"]
        if there != self._expiring:
            self.problems.append(
                Problem(f"{self._expiring} objects expire, and the index's table 'expiry' has {there} rows")
            )

    def _check_rules(self):
        for name, body in self._rows("buckets"):
            try:
                timetable_in(body)
            except CorruptStoreError as error:
                self.problems.append(Problem(str(error), name.decode("utf-8", "replace")))

    def _check_due(self):
        """Where rules have something to do stands in the table of that, and nothing else."""
        expected = 0
        try:
            for place, key in scheduled(self.index, self.txn):
                expected += 1
                if self.txn.get(key, None, self.index.due) is None:
                    self.problems.append(problem_of(place, "rules apply to it, and the index's table 'due' does not say when"))
        except CorruptStoreError:
            return  # told by _check_seals, _check_rules or _check_holding
        there = self.txn.stat(self.index.due)["entries"]
        if there != expected:
            self.problems.append(
                Problem(f"rules have something to do in {expected} places, and the index's table 'due' has {there} rows")
            )

    def _check_chains(self):
        """Each older version stands where it says; the newest is a delete marker where there is no current one."""
        place, newest, nameless, pointer = b"", None, b"", b""
        for key, body in self._rows("versions"):
            at = key.index(b"\0", key.index(b"\0") + 1) if key.count(b"\0") > 1 else len(key)
            if key[:at] != place:
                self._check_chain(place, newest, nameless, pointer)
                place, newest, nameless, pointer = key[:at], None, b"", b""
            when = key[at + 1 :]
            try:
                if not when:
                    pointer = stamp_of(body)
                    continue
                newest = body[0]
                named = id_of(body)
                if not named:
                    nameless = when
                if (named or newest == MARKER) and stamp_of(body) != when:
                    raise CorruptStoreError("a version of it stands elsewhere than it says")
            except CorruptStoreError as error:
                self.problems.append(problem_of(place, str(error)))
        self._check_chain(place, newest, nameless, pointer)

    def _check_chain(self, place, newest, nameless, pointer):
        if not place:
            return
        if pointer != nameless:
            self.problems.append(problem_of(place, "the version of it without an id is not where it is said to be"))
        if newest is not None and newest != MARKER and self.txn.get(place, None, self.index.objects) is None:
            self.problems.append(problem_of(place, "it has versions, and none is current or deleted"))

    def _check_lists(self):
        for list_id, body in self._rows("lists"):
            uses = row_number(self, "list_uses", list_id)
            if uses != self._uses.get(list_id, 0) or not uses:
                self.problems.append(
                    Problem(f"chunk list {list_id.hex()} is counted {uses} times, and "
                            f"{self._uses.get(list_id, 0)} objects refer to it")
                )
        for list_id, _ in self._rows("list_uses"):
            if self.txn.get(list_id, None, self.index.lists) is None:
                self.problems.append(Problem(f"chunk list {list_id.hex()} is counted and missing"))

    def _check_chunks(self):
        """Count the references to every chunk anew, as many chunks at a time as memory is given for."""
        cdef Stored chunk
        rounds = 1 + self.txn.stat(self.index.chunks)["entries"] // COUNTED
        for part in range(rounds):
            counts = self._counted(part, rounds)
            for key, held in self._rows("chunks"):
                chunk = stored(held)
                if load32(<const uint8_t *>PyBytes_AS_STRING(<bytes>key)) % rounds != part:
                    continue
                self._live[chunk.pack] = self._live.get(chunk.pack, 0) + chunk.length
                counted = counts.get(key, 0)
                if counted != chunk.references:
                    self.problems.append(
                        Problem(f"chunk {key.hex()} has {chunk.references} references and {counted} are there")
                    )

    def _counted(self, part, rounds):
        cdef Py_ssize_t i
        cdef const uint8_t *p
        cdef bytes references, key
        cdef Reference reference
        counts = {}
        for name in (*HOLDING, "lists"):
            for place, body in self._rows(name):
                if name == "lists":
                    references = body
                else:
                    try:
                        if list_of(body) is not None:
                            continue  # counted once for the list, however many share it
                        references = references_of(self.index, self.txn, place, body)
                    except (CorruptStoreError, LookupError):
                        continue  # told by _check_holding
                p = <const uint8_t *>PyBytes_AS_STRING(references)
                for i in range(PyBytes_GET_SIZE(references) // REFERENCE):
                    reference = reference_at(p + i * REFERENCE)
                    if load32(reference.id) % <uint32_t>rounds == <uint32_t>part:
                        key = chunk_key(reference)
                        counts[key] = counts.get(key, 0) + 1
        return counts

    def _check_packs(self):
        for key, body in self._rows("packs"):
            number = int.from_bytes(key, "big")
            live = int.from_bytes(body, "little")
            if live != self._live.pop(number, 0):
                self.problems.append(
                    Problem(f"the live bytes of pack {number} are {live} in the index and others in its chunks")
                )
        for number in self._live:
            self.problems.append(Problem(f"pack {number} has chunks and no row in the index"))

    def _check_quotas(self):
        """Count anew what is used of each quota."""
        for key, body in self._rows("quotas"):
            if key != STORE and self.txn.get(key, None, self.index.buckets) is None:
                self.problems.append(Problem(f"{whose(key)} has a quota and is missing"))
            used = int.from_bytes(body[16:24], "little"), int.from_bytes(body[24:32], "little")
            try:
                there = counted(self.index, self.txn, key)
            except CorruptStoreError:
                continue  # told by _check_seals
            if used != there:
                self.problems.append(
                    Problem(f"{whose(key)} is counted with {used[0]} bytes and {used[1]} objects, and {there[0]} and {there[1]} are there")
                )


def row_number(Examination examination, name, bytes key):
    """The number that a row of eight bytes holds, ``None`` when it is missing or damaged."""
    try:
        body = row(examination.txn, getattr(examination.index, name), key, name)
    except CorruptStoreError:
        return None
    return None if body is None else int.from_bytes(body, "little")


# In a process of its own.


def examined_copy(folder, target, bint lock=True):
    """Copy the index in ``folder`` to the new folder ``target`` and examine the copy, in another process.

    ``lock`` is False for one that nobody writes to, and whose lock file must not be written either. Gives
    the commit that it is at, ``None`` when it is not readable at all, and its problems.
    """
    if not os.path.exists(os.path.join(folder, "data.mdb")):
        return None, [Problem("the index is missing", file="index/data.mdb")]
    run = subprocess.run(
        [sys.executable, "-c", "from trove._engine.examine import main; main()", folder, target, str(int(lock))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    if run.returncode:
        lines = run.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1] if lines else f"the process that read it ended with {run.returncode}"
        return None, [Problem(f"the index can't be read: {reason}", file="index/data.mdb")]
    answer = json.loads(run.stdout)
    return answer["head"], [Problem(**each) for each in answer["problems"]]


def main():
    """Copy and examine: the folder of an index, a new folder, 0 or 1; the answer on standard output."""
    folder, target, lock = sys.argv[1:4]
    try:
        try:
            index = Index(folder, readonly=True, lock=lock == "1")
        except StorageIOError:
            # Where not even LMDB's lock file can be written, nobody writes to the store either.
            index = Index(folder, readonly=True, lock=False)
        index.copy(target, compact=False)
        index.close()
        check_pages(os.path.join(target, "data.mdb"), seals=False)
        copy = opened_copy(target)
        problems = Examination(copy).run()
        answer = {"head": head(copy), "problems": [asdict(problem) for problem in problems]}
    except (TroveError, lmdb.Error, OSError) as error:
        sys.exit(f"{error}")
    sys.stdout.write(json.dumps(answer))
