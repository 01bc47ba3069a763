# cython: language_level=3
"""Cores: the stores that this process has open, one for each path, whoever asks; and what becomes of them in a fork."""

import _thread
import fcntl
import functools
import os
import threading
from contextlib import contextmanager

import lmdb

from trove.errors import InvalidArgumentError, StorageIOError

from .core cimport Core
from .gate import Gate, locked
from .interrupts import patiently
from .opening import closed, opened, release_lifetime, typed_error
from .rows import index_error

cdef extern from "pythread.h":
    unsigned long PyThread_get_thread_ident()

cdef extern from "Python.h":
    int PyThreadState_SetAsyncExc(unsigned long thread, object kind)

# The stores that this process has open, by real path: LMDB allows one environment for each.
_cores = {}
_turns = {}  # by real path, too: whose turn it is to open or close that store; for as long as somebody waits or is at it
_turns_lock = threading.Lock()  # held to get in line for a turn
_resting = []  # the turns that a fork has taken
_forks = []  # the threads that fork; one comes twice when a signal's handler forks while it prepares to
_interrupts = []  # that came while this process prepared to fork
_inherited = []  # of the parent process, after a fork: never to be used, nor closed


# Python forks whatever these raise: so they wait for what they need, and interrupts are for afterwards.


def _before_fork():
    """Come to rest: LMDB does not survive a fork, so its environments are closed over it.

    It waits for stores that are being opened or closed. Nobody else can get in line meanwhile.
    """
    cdef Turn turn
    nested = _thread.get_ident() in _forks
    _forks.append(_thread.get_ident())
    if nested:
        return
    patiently(_turns_lock.acquire, _interrupts)
    for turn in list(_turns.values()):
        if not turn.is_mine():
            patiently(turn.take, _interrupts)
            _resting.append(turn)
    for core in _cores.values():
        _interrupts.extend(core.pause())


def _after_fork_in_parent():
    cdef Turn turn
    _forks.remove(_thread.get_ident())
    if _thread.get_ident() in _forks:
        return
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
        core.let_go_of_packs()
        _inherited.append(core)
    _cores.clear()
    _turns.clear()
    _forks.clear()
    _resting.clear()
    _interrupts.clear()
    _turns_lock = threading.Lock()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)


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
                core = opened(path, make_parameters, readonly)
            except lmdb.Error as error:
                raise index_error(error, f"opening the store in {path}") from error
            except OSError as error:
                raise typed_error(error, f"opening the store in {path}") from error
            _cores[(path, readonly)] = core
        core.handles += 1
        return core


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
    _require_not_forking()
    fresh = Turn(path)  # not within the lock: to make it can call finalizers
    with _turns_lock:
        turn = _turns.setdefault(path, fresh)
        turn._users += 1
        return turn


def _require_not_forking():
    if _thread.get_ident() in _forks:
        raise InvalidArgumentError(
            "a store was to be opened or closed while this thread forks, by a signal's handler or a finalizer; note there "
            "what is to be done, and do it afterwards"
        )


@contextmanager
def alone_with(path):
    """Hold the store at ``path``, so that nobody opens it. Raises InvalidArgumentError if somebody has it open."""
    with _turn_at(path), Gate(path):
        if (path, True) in _cores or (path, False) in _cores:
            raise InvalidArgumentError(f"{path} is open in this process; close it, then repair it")
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
            # Unlocked by hand: a child forked meanwhile holds a copy of the descriptor.
            fcntl.flock(lifetime, fcntl.LOCK_UN)
            os.close(lifetime)


def require_closable(Core core):
    """Raise InvalidArgumentError where this thread is inside a call to the store, whose end it would wait for."""
    _require_not_forking()
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
                closed(core, interrupts)
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
