# cython: language_level=3
"""Recovery: what the index of a store is worth, and making one anew from the log.

Whoever opens a store first decides what its index is worth. After a clean close, or in the boot that the
store was last open in (the page cache is intact, whatever died), it is what it was, but for a commit in
flight. In any other case it is rebuilt: from the newest snapshot that is whole, or from nothing, with the
commits of all packs that follow in one chain.
"""

import logging
import os
import shutil

import lmdb

from trove.errors import CorruptStoreError, StorageIOError, TroveError

from libc.stdint cimport uint64_t

from .codec cimport COMMIT, RECORD_HEADER
from .commit cimport Commit
from .index cimport Index, Reading
from .pack cimport Packs
from .rows cimport owner_in, row
from .scan cimport Entry, Log
from .state cimport STATE_BURNED, State
from . import snapshots
from .index import head, head_of
from .pack import sync_folder
from .pages import check_pages
from .rows import HEAD, index_error
from .same_log import is_made_by
from .scan import LAST, record_at, records
from .state import UNKNOWN_BOOT, this_boot
from .torn import drop_torn

cdef enum:
    REPLAY_BATCH = 50_000  # operations per transaction of a rebuild
    BULK = 1 << 30         # bytes that an index under construction may take before it is enlarged

BULK_BYTES = BULK

_log = logging.getLogger("trove")


def trusted(path, packs, State state, first):
    """The index as it is, unless something about it is wrong: then a new one, where we are the first to open it."""
    cdef Index index = None
    known = state.known(path)
    try:
        if first:
            check_file(path, known)
        index = Index(os.path.join(path, "index"), store_id=packs.store_id)
        index.watch(state)
        with Reading(index) as txn:
            # Beside others the state may be ahead of this transaction.
            check_index(index, txn, packs, known.least if first else 0)
            recorded = not first or is_recorded(index, txn, packs)
    except CorruptStoreError as error:
        if index is not None:
            index.close()
        if not first:
            raise
        _log.warning("%s", error)
        return rebuilt(path, packs, state)
    if recorded or not known.surely:
        # Unless a loss of the log would be noticed, an index that knows more is not given up for it.
        return index
    index.close()
    try:
        return rebuilt(path, packs, state)
    except CorruptStoreError:
        # It is the log that lost something: what the index has of it can be read.
        return Index(os.path.join(path, "index"), store_id=packs.store_id)


def check_file(path, known):
    """Raise CorruptStoreError unless LMDB can be trusted with the index of the store at ``path``.

    It is gone through, unless it is the very file that was closed in this boot. Nobody writes to it meanwhile.
    """
    file = index_file(path)
    if not known.index_time or known.index_time != changed_at(file):
        check_pages(file)


def index_file(path):
    return os.path.join(path, "index", "data.mdb")


def changed_at(file):
    """When a file was last changed, in nanoseconds; 0 where it can't be said."""
    try:
        return os.stat(file).st_ctime_ns
    except OSError:
        return 0


def check_index(Index index, txn, packs, least):
    """Raise CorruptStoreError unless the index can be of this store's log, at commit ``least`` or after."""
    try:
        head, owner = head_of(index, txn), owner_in(txn, index.meta)
    except lmdb.Error as error:
        raise CorruptStoreError(f"the index can't be read: {error}; it will be rebuilt") from error
    if owner not in (0, index.owner):
        raise CorruptStoreError(f"the index in {index.folder} is of another store; it will be made from the log")
    if head < least:
        raise CorruptStoreError(f"the index is at commit {head} and the store at {least}; it will be rebuilt")
    if head == 0 and any(kind == COMMIT for number in packs.numbers() for kind, *_ in records(packs, number)):
        raise CorruptStoreError("the index is empty and the log is not; it will be rebuilt")


def is_recorded(Index index, txn, packs):
    """Whether the commit that the index is at stands in the log where the index says.

    If not, the index is of another store, or the log is damaged: whichever can be rebuilt without the other tells.
    """
    body = row(txn, index.meta, HEAD, "meta")
    if body is None:
        return True
    sequence, number, offset = (int.from_bytes(body[at : at + size], "little") for at, size in ((0, 8), (8, 4), (16, 8)))
    try:
        found = record_at(packs, number, offset)
    except CorruptStoreError:
        return False
    return found is not None and found[:2] == (COMMIT, sequence) and is_made_by(index, txn, found[2])


def rebuilt(path, Packs packs, State state):
    """A new index in place of what there is, made from the log; the store is ours alone."""
    cdef Index index = None
    fresh = os.path.join(path, "index.new")
    target = os.path.join(path, "index")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        snapshots.restore(path, fresh, packs.store_id)
        index = Index(fresh, bulk=BULK, store_id=packs.store_id)
        if state.boot not in (this_boot(path), UNKNOWN_BOOT):
            state.forget()
        head, highest = replay(index, packs, state.known(path), state.raised)
        # What the state says of unflushed bytes is forgotten with it.
        packs.sync(state.failed)
        index.sync()
        index.close()
        # Or a power cut could leave the folder and not the index, of a store that was closed cleanly since.
        sync_folder(fresh)
        shutil.rmtree(target, ignore_errors=True)
        os.rename(fresh, target)
        sync_folder(path)
    except BaseException as error:
        if index is not None:
            index._drop()  # ``close`` would give its file the length that it needs: it goes
        shutil.rmtree(fresh, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, TroveError):
            raise StorageIOError.of(error, f"rebuilding the index of {path}") from error
        if isinstance(error, lmdb.Error):
            raise index_error(error, f"rebuilding the index of {path}") from error
        raise
    state.reset(head)
    # Commits that the chain does not reach must not be reached by a later one that has their predecessor's number.
    # Nor must one be given a number of those that raised, of which the log may have nothing any more.
    state.set(STATE_BURNED, max(head, highest, state.raised[1]))
    return Index(target, store_id=packs.store_id)


def replay(Index index, Packs packs, known, raised=(0, 0)):
    """Apply to ``index`` all commits of the log that it lacks: (where it is then, the log's highest number).

    Raises CorruptStoreError when commits are missing that were there, by what is ``known`` from the state: surely
    so, or borne out by commits beyond the gap. Where the log is not known to be intact, it ends before the first
    commit that is not there with all of its data. Those in ``raised`` (above the first number, up to the second)
    are none.
    """
    cdef Log log
    base = head(index)
    log = Log(packs, base, raised=raised)
    log.follow(base, LAST)
    if not known.intact:
        drop_torn(log, known.surely)
    reached = _apply_chain(index, log, base)
    if log.damaged_after(reached) or reached < known.surely or (reached < known.least and log.highest > reached):
        raise CorruptStoreError(
            f"the log in {packs.folder} breaks after commit {reached}, and later ones were on disk: a pack is damaged or "
            "missing; put it back, or run `trove repair` to save what is whole"
        )
    return reached, log.highest


cpdef uint64_t replay_chain(Index index, Log log, uint64_t base, uint64_t until=LAST, progress=None) except? 0:
    """Apply the chain of commits after ``base`` to ``index``; the number it is at then."""
    log.follow(base, until)
    return _apply_chain(index, log, base, progress)


cdef uint64_t _apply_chain(Index index, Log log, uint64_t base, progress=None) except? 0:
    cdef Py_ssize_t done = 0, before = 0
    while done < log.length:
        try:
            done = _replay_some(index, log, done)
        except lmdb.MapFullError:
            index.grow()
        if progress is not None:
            progress(done - before)
            before = done
    return log.entries[log.chain[done - 1]].sequence if done else base


cdef Py_ssize_t _replay_some(Index index, Log log, Py_ssize_t done) except -1:
    """Apply commits from number ``done`` on in one transaction; how many are done then."""
    cdef Commit commit
    cdef Entry *entry = NULL
    txn = index.begin_write()
    try:
        commit = Commit(index, txn, 0, replaying=True)
        while done < log.length and commit.count < REPLAY_BATCH:
            entry = &log.entries[log.chain[done]]
            commit.sequence = entry.sequence
            commit.replay(log.payload(log.chain[done]))
            done += 1
        commit.finish(entry.pack, entry.offset - RECORD_HEADER)
        txn.commit()
        txn = None
    finally:
        if txn is not None:
            txn.abort()
    return done
