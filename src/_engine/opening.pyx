# cython: language_level=3
"""Opening: how a process opens a store, alone or beside others, and how it closes it."""

import errno
import fcntl
import os

from trove.errors import CorruptStoreError, NotFoundError, StorageIOError, TroveError

from .core cimport Core
from .index cimport Index
from .pack cimport Packs
from .state cimport State
from . import store
from .foreign import check_store
from .gate import Gate, await_lockless_readers, locked
from .index import head
from .naming import blake3_hash
from .pack import sync_folder
from .recovery import changed_at, index_file, rebuilt, trusted
from .state import this_boot


def opened(path, make_parameters, readonly):
    """A store, opened by this process, which has not got it open: a Core. See ``cores.open_core``."""
    there = store.is_folder(path)
    if readonly:
        return _opened_readonly(path, make_parameters is None)
    wanted = None
    if make_parameters is not None and not there:
        # Before anything is made: they may be impossible.
        wanted = make_parameters()
        store.make_folder(path)
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
    index = core = None
    try:
        first = locked(lifetime)
        packs = Packs(os.path.join(path, "packs"), bytes.fromhex(parameters.store_id), parameters.packed())
        if first:
            check_store(path, packs)
        state = State(os.path.join(path, "state"), packs.store_id, first)
        if first:
            state.count_opening()
            await_lockless_readers(path)
        clean = state.clean
        if first and not state.known(path).intact:
            index = rebuilt(path, packs, state)
        else:
            index = trusted(path, packs, state, first)
        if first:
            state.drop_slots(packs.numbers())
            # The index knows best which commit it is at.
            sequence = head(index)
            if clean:
                state.reset(sequence)
            else:
                state.sequence = sequence
            state.mark(False, this_boot(path))
        fcntl.flock(lifetime, fcntl.LOCK_SH)
        index.watch(state)
        core = Core(path, parameters, index, packs, state, False, lifetime)
        if first:
            _take_up(core, clean)
        return core
    except BaseException:
        if index is not None:
            index.close()
        # Unlocked by hand: a child forked meanwhile holds a copy of the descriptor.
        fcntl.flock(lifetime, fcntl.LOCK_UN)
        os.close(lifetime)
        if core is not None:
            core._lifetime = None
        raise


def _take_up(Core core, clean):
    """Go on where those stopped who had the store open before."""
    if core.state.inflight[0] > core.state.sequence:
        try:
            core.roll_forward()
        except StorageIOError:
            pass  # whoever writes first meets the same, and is told; what is there can be read
    number, tail = core.state.tail
    core.state.tail = 0, 0
    if clean and number:
        core.writer.adopt(number, tail)


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


def closed(Core core, interrupts):
    """Flush a store and close it; what interrupts that on the way is added to ``interrupts``."""
    try:
        core.background.stop()
        if not core.readonly:
            with Gate(core.path):
                try:
                    _flush_all(core, interrupts)
                finally:
                    # Before the gate opens: whoever comes next finds the store clean, and must find nobody there.
                    _let_go(core, interrupts)
    except OSError as error:
        raise typed_error(error, f"closing the store in {core.path}") from error
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


def release_lifetime(Core core):
    """Drop this process's copy of a descriptor whose lock belongs to the parent."""
    if core._lifetime is not None:
        os.close(core._lifetime)
        core._lifetime = None


def typed_error(error, doing):
    """The typed error for an OSError, which may be one of ours already."""
    return error if isinstance(error, TroveError) else StorageIOError.of(error, doing)
