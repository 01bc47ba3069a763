# cython: language_level=3
"""Recovery: opening a store and closing it, and making an index trustworthy again.

Whoever opens a store first decides what its index is worth. After a clean close, or in the boot that the
store was last open in (the page cache is intact, whatever died), it is what it was, but for a commit in
flight. In any other case it is rebuilt: from the newest snapshot that is whole, or from nothing, with the
commits of all packs that follow in one chain.
"""

import _thread
import errno
import fcntl
import functools
import logging
import os
import shutil
import threading
from contextlib import contextmanager

import lmdb

from trove.errors import CorruptStoreError, InvalidArgumentError, NotFoundError, StorageIOError, TroveError

from libc.stdint cimport uint64_t

from .codec cimport COMMIT, RECORD_HEADER
from .commit cimport Commit
from .core cimport Core
from .index cimport Index, row
from .pack cimport Packs
from .scan cimport Entry, Log
from .state cimport STATE_BURNED, State
from . import snapshots, store
from .commit import HEAD
from .core import head_of, patiently
from .gate import Gate, await_lockless_readers, locked
from .index import index_error
from .naming import blake3_hash
from .pack import sync_folder
from .pages import check_pages
from .scan import LAST, record_at, records
from .state import UNKNOWN_BOOT, this_boot
from .torn import drop_torn

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()

cdef extern from "Python.h":
    int PyThreadState_SetAsyncExc(unsigned long thread, object kind)

cdef enum:
    REPLAY_BATCH = 50_000  # operations per transaction of a rebuild
    BULK = 1 << 30         # bytes that an index under construction may take before it is enlarged

BULK_BYTES = BULK

_log = logging.getLogger("trove")

# The stores that this process has open, by real path: LMDB allows one environment for each.
_cores = {}
_turns = {}  # by real path, too: whose turn it is to open or close that store; for as long as somebody waits or is at it
_turns_lock = threading.Lock()  # held to get in line for a turn
_resting = []  # the turns that a fork has taken
_interrupts = []  # that came while this process prepared to fork
_inherited = []  # of the parent process, after a fork: never to be used, nor closed


# Python forks whatever these raise: so they wait for what they need, and interrupts are for afterwards.


def _before_fork():
    """Come to rest: LMDB does not survive a fork, so its environments are closed over it.

    It waits for stores that are being opened or closed. Nobody else can get in line meanwhile.
    """
    cdef Turn turn
    patiently(_turns_lock.acquire, _interrupts)
    for turn in list(_turns.values()):
        if not turn.is_mine():
            patiently(turn.take, _interrupts)
            _resting.append(turn)
    for core in _cores.values():
        _interrupts.extend(core.pause())


def _after_fork_in_parent():
    cdef Turn turn
    try:
        for core in _cores.values():
            try:
                core.resume()
            except BaseException as error:
                _interrupts.append(error)
    finally:
        for turn in _resting:
            turn.let_go()
        _resting.clear()
        _turns_lock.release()
    if _interrupts:
        kind = type(_interrupts[0])
        _interrupts.clear()
        # From another thread, which does not run before this one is out of the hooks, ours and those of others.
        _thread.start_new_thread(_interrupt, (_thread.get_ident(), kind))


def _interrupt(thread, kind):
    PyThreadState_SetAsyncExc(thread, kind)


def _after_fork_in_child():
    global _turns_lock
    for core in _cores.values():
        release_lifetime(core)
        _inherited.append(core)
    _cores.clear()
    _turns.clear()
    _resting.clear()
    _interrupts.clear()
    _turns_lock = threading.Lock()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)


def release_lifetime(Core core):
    """Drop this process's copy of a descriptor whose lock belongs to the parent."""
    if core._lifetime is not None:
        os.close(core._lifetime)
        core._lifetime = None


def open_core(path, make_parameters, readonly=False):
    """The core for the store at ``path``, made if it is not there; shared with other handles on it.

    ``make_parameters()`` gives the parameters of a new store; ``None`` for one that was there already.
    """
    path = os.path.realpath(path)
    with _turn_at(path):
        core = _cores.get((path, readonly))
        if core is None:
            if (path, not readonly) in _cores:
                raise InvalidArgumentError(
                    f"{path} is open in this process in the other mode; close it there, or open it in the same mode"
                )
            try:
                core = _opened(path, make_parameters, readonly)
            except lmdb.Error as error:
                raise index_error(error, f"opening the store in {path}") from error
            except OSError as error:
                raise _typed(error, f"opening the store in {path}") from error
            _cores[(path, readonly)] = core
        core.handles += 1
        return core


def _typed(error, doing):
    """The typed error for an OSError, which may be one of ours already."""
    return error if isinstance(error, TroveError) else StorageIOError.of(error, doing)


cdef class Turn:
    """The turn to open or close the store at one path: one thread of this process has it at a time.

    Native, because an interrupt can come at any step of Python code, and a turn that is not let go of would hold
    up everybody.
    """

    cdef str _path
    cdef object _lock
    cdef unsigned long _owner
    cdef Py_ssize_t _users            # who are at it, or wait

    def __cinit__(self, str path):
        self._path = path
        self._lock = threading.Lock()

    cdef bint is_mine(self):
        return self._owner == PyThread_get_thread_ident()

    def require_not_mine(self):
        if self.is_mine():
            raise InvalidArgumentError(
                f"{self._path} was to be opened or closed while this thread opens or closes it, by a signal's handler "
                "or a finalizer; note there what is to be done, and do it afterwards"
            )

    def take(self):
        self._lock.acquire()
        self._owner = PyThread_get_thread_ident()

    def let_go(self):
        self._owner = 0
        self._lock.release()

    cdef int leave(self) except -1:
        self._users -= 1
        if not self._users:
            _turns.pop(self._path, None)
        return 0

    def __enter__(self):
        try:
            self.require_not_mine()
            self.take()
        except BaseException:
            self.leave()
            raise

    def __exit__(self, *exc_info):
        self.let_go()
        self.leave()


def _turn_at(str path):
    """The turn for the store at that real path; to be entered."""
    cdef Turn turn
    with _turns_lock:
        turn = _turns.get(path)
        if turn is None:
            turn = _turns[path] = Turn(path)
        turn._users += 1
        return turn


@contextmanager
def alone_with(path):
    """Hold the store at ``path``, so that nobody opens it. Raises InvalidArgumentError if somebody has it open."""
    if (path, True) in _cores or (path, False) in _cores:
        raise InvalidArgumentError(f"{path} is open in this process; close it, then repair it")
    with Gate(path):
        lock = os.path.join(path, "LOCK")
        try:
            lifetime = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageIOError.of(error, f"opening {lock}") from error
        try:
            if not locked(lifetime):
                raise InvalidArgumentError(f"{path} is open in another process; close it there, then repair it")
            yield
        finally:
            os.close(lifetime)


def require_closable(Core core):
    """Raise InvalidArgumentError where this thread is inside a call to the store, whose end it would wait for."""
    turn = _turns.get(core.path)
    if turn is not None:
        turn.require_not_mine()
    core.require_outside()


def close_core(Core core):
    """Let go of one handle; with the last one the store is flushed and closed.

    What comes between, an interrupt or a failure to flush, is raised when the store is closed.
    """
    cdef Turn turn
    interrupts = []
    turn = patiently(functools.partial(_turn_at, core.path), interrupts)
    patiently(turn.take, interrupts)
    try:
        core.handles -= 1
        if core.handles == 0 and _cores.get((core.path, core.readonly)) is core:
            try:
                _close(core, interrupts)
            finally:
                del _cores[(core.path, core.readonly)]
    except Exception as error:
        if interrupts:
            raise interrupts[0] from error
        raise
    finally:
        turn.let_go()
        turn.leave()
    if interrupts:
        raise interrupts[0]


def _opened(path, make_parameters, readonly):
    there = store.is_folder(path)
    if readonly:
        return _opened_readonly(path, make_parameters is None)
    wanted = None
    if make_parameters is not None and not there:
        # Before anything is made: they may be impossible.
        wanted = make_parameters()
        _make_folder(path)
    with Gate(path):
        parameters = store.read(path)
        if parameters is None:
            if make_parameters is None:
                raise _gone(path)
            store.check_empty(path)
            parameters = wanted or make_parameters()
            lay_out(path)
            store.write(path, parameters)
            sync_folder(path)
            # Also where somebody else made the folder, and died.
            sync_folder(os.path.dirname(path))
        else:
            require_hash(parameters)
            lay_out(path)
        return _joined(path, parameters)


def _make_folder(path):
    """Make the folder of a store and those above it, where they lack, and make their names durable."""
    made = []
    above = path
    while not os.path.lexists(above):
        made.append(above)
        above = os.path.dirname(above)
    try:
        os.makedirs(path, 0o700, exist_ok=True)
        for folder in made:
            sync_folder(os.path.dirname(folder))
    except OSError as error:
        raise StorageIOError.of(error, f"making the folder {path}") from error


def require_hash(parameters):
    """Raise InvalidDSNError if the hash of a store is one that is not installed."""
    if parameters.hash == "blake3":
        blake3_hash()


def lay_out(path):
    try:
        for name in ("packs", "index", "snapshots"):
            os.makedirs(os.path.join(path, name), 0o700, exist_ok=True)
    except OSError as error:
        raise _not_opened(error, f"making folders in {path}") from error


def _not_opened(error, doing):
    """The typed error for a failure of opening a store to write."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        doing += " (mode=r opens a store only to read it)"
    return StorageIOError.of(error, doing)


def _joined(path, parameters):
    """Open the store beside those that have it open, or as the first. The gate is held."""
    cdef Index index
    cdef State state
    cdef Core core
    lock = os.path.join(path, "LOCK")
    try:
        lifetime = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _not_opened(error, f"opening {lock}") from error
    index = None
    try:
        first = locked(lifetime)
        packs = Packs(os.path.join(path, "packs"), bytes.fromhex(parameters.store_id), parameters.packed())
        state = State(os.path.join(path, "state"), packs.store_id)
        if first:
            state.count_opening()
            await_lockless_readers(path)
        clean = state.clean
        if first and not state.known(path).intact:
            index = rebuilt(path, packs, state)
        else:
            index = _trusted(path, packs, state, first)
        if first:
            state.drop_slots(packs.numbers())
            # The index knows best which commit it is at.
            txn = index.begin()
            head = head_of(index, txn)
            index.end(txn)
            if clean:
                state.reset(head)
            else:
                state.sequence = head
            state.mark(False, this_boot(path))
        fcntl.flock(lifetime, fcntl.LOCK_SH)
        index.watch(state)
        core = Core(path, parameters, index, packs, state, False, lifetime)
    except BaseException:
        if index is not None:
            index.close()
        os.close(lifetime)
        raise
    if first and state.inflight[0] > state.sequence:
        try:
            core.roll_forward()
        except StorageIOError:
            pass  # whoever writes first meets the same, and is told; what is there can be read
        except BaseException:
            index.close()
            release_lifetime(core)
            raise
    if first:
        number, tail = state.tail
        state.tail = 0, 0
        if clean and number:
            core.writer.adopt(number, tail)
    return core


def _trusted(path, packs, State state, first):
    """The index as it is, unless something about it is wrong: then a new one, where we are the first to open it."""
    cdef Index index = None
    known = state.known(path)
    try:
        if first:
            check_file(path, known)
        index = Index(os.path.join(path, "index"))
        index.watch(state)
        txn = index.begin()
        try:
            # Beside others the state may be ahead of this transaction.
            check_index(index, txn, packs, known.least if first else 0)
            recorded = not first or is_recorded(index, txn, packs)
        finally:
            index.end(txn)
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
        return Index(os.path.join(path, "index"))


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
        head = head_of(index, txn)
    except lmdb.Error as error:
        raise CorruptStoreError(f"the index can't be read: {error}; it will be rebuilt") from error
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
    return found is not None and found[:2] == (COMMIT, sequence)


def _gone(path):
    return CorruptStoreError(f"the store that was open in {path} is gone; put it back, or open it anew")


def _opened_readonly(path, again):
    """Open the store to read it; ``again``, after a fork, when it was open already."""
    from .readonly import ReadonlyIndex  # it needs this module itself

    try:
        parameters = store.existing(path)
    except NotFoundError as error:
        if again:
            raise _gone(path) from error  # whoever reads an object must not take it for that being missing
        raise
    require_hash(parameters)
    packs = Packs(os.path.join(path, "packs"), bytes.fromhex(parameters.store_id), parameters.packed())
    return Core(path, parameters, ReadonlyIndex(path, packs), packs, None, True, None)


def _close(Core core, interrupts):
    try:
        core.stop_flusher()
        core.end_snapshot()
        if not core.readonly:
            with Gate(core.path):
                try:
                    _flush_all(core, interrupts)
                finally:
                    # Before the gate opens: whoever comes next finds the store clean, and must find nobody there.
                    _let_go(core, interrupts)
    except OSError as error:
        raise _typed(error, f"closing the store in {core.path}") from error
    finally:
        _let_go(core, interrupts)  # where it did not come to that


def _flush_all(Core core, interrupts):
    """Put on disk what this process wrote and, where it is the last one, say that the store is clean."""
    last = locked(core._lifetime)
    # Who has written nothing has nothing to flush, and need not wait for writers.
    if last or core.index.written:
        flushed = core.writer.tail
        # A commit that is under way ends before it, and none begins after it.
        core.flush_now()
        core.writer.end()
        if core.writer.tail != flushed and core.writer.pack is not None:
            # There is more: data of puts that come too late, which may not be a hole before what comes next.
            core.packs.sync_one(core.writer.pack.number)
    if last:
        core.index.sync()
        if core.writer.pack is not None:
            core.state.tail = core.writer.pack.number, core.writer.tail
        core.shut(interrupts)
        core.state.mark(True, this_boot(core.path), changed_at(index_file(core.path)))


def _let_go(Core core, interrupts):
    """Close the index and let go of the store, whatever interrupts that; it may have been done."""
    core.shut(interrupts)
    if core._lifetime is not None:
        # Unlocked by hand: a forked child may hold a copy of the descriptor.
        fcntl.flock(core._lifetime, fcntl.LOCK_UN)
        release_lifetime(core)


# Rebuilding.


def rebuilt(path, Packs packs, State state):
    """A new index in place of what there is, made from the log; the store is ours alone."""
    cdef Index index = None
    fresh = os.path.join(path, "index.new")
    target = os.path.join(path, "index")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        snapshots.restore(path, fresh)
        index = Index(fresh, bulk=BULK)
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
    return Index(target)


def replay(Index index, Packs packs, known, raised=(0, 0)):
    """Apply to ``index`` all commits of the log that it lacks: (where it is then, the log's highest number).

    Raises CorruptStoreError when commits are missing that were there, by what is ``known`` from the state: surely
    so, or borne out by commits beyond the gap. Where the log is not known to be intact, it ends before the first
    commit that is not there with all of its data. Those in ``raised`` (above the first number, up to the second)
    are none.
    """
    cdef Log log
    txn = index.begin()
    base = head_of(index, txn)
    index.end(txn)
    log = Log(packs, base, raised=raised)
    log.follow(base, LAST)
    if not known.intact:
        drop_torn(log, known.surely)
    head = _apply_chain(index, log, base)
    if log.damaged_after(head) or head < known.surely or (head < known.least and log.highest > head):
        raise CorruptStoreError(
            f"the log in {packs.folder} breaks after commit {head}, and later ones were on disk: a pack is damaged or "
            "missing; put it back, or run `trove repair` to save what is whole"
        )
    return head, log.highest


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
