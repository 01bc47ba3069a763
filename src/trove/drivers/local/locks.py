"""Locks between threads and processes: ``flock`` on files, and what a fork does to them.

``flock`` belongs to the open file, and every holder opens the file anew, so one lock keeps threads
and processes apart alike. A child that was forked shares its parent's open files. So locks are given back
explicitly, not by closing alone, and a child closes its copies at once: it neither keeps a lock that
its parent gave back, nor one of a parent that died.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .folder import Folder

_ours: set[int] = set()


@contextmanager
def locked(folder: Folder, name: bytes) -> Iterator[None]:
    """Hold the lock file ``name`` in ``folder`` for the block; nobody else does meanwhile."""
    fd = _acquire(folder, name)
    try:
        yield
    finally:
        let_go(fd)


def hold(fd: int, *, wait: bool = True) -> bool:
    """Lock the open file ``fd``; whether that worked, which without ``wait`` it may not.

    Either way, and when it raises, :func:`let_go` of ``fd`` afterwards.
    """
    _ours.add(fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_ours(fd: int) -> bool:
    """Whether ``fd`` is still this process's to unlock; a child's copy of it is not."""
    return fd in _ours


def unlock(fd: int) -> None:
    """Give the lock on ``fd`` back, for every process that shares the open file."""
    fcntl.flock(fd, fcntl.LOCK_UN)


def let_go(fd: int) -> None:
    """Unlock and close ``fd``; nothing in a child that was forked while it was held."""
    if fd not in _ours:
        return
    _ours.discard(fd)
    try:
        unlock(fd)
    finally:
        os.close(fd)


def _acquire(folder: Folder, name: bytes) -> int:
    while True:
        fd = folder.lock_file(name)
        try:
            hold(fd)
            found = folder.stat(name)
            if found is not None and os.path.samestat(found, os.fstat(fd)):
                return fd
        except BaseException:
            let_go(fd)
            raise
        # The lock's file was removed with its bucket while this one waited for it.
        let_go(fd)


def _close_copies() -> None:
    while _ours:
        with suppress(OSError):
            os.close(_ours.pop())


os.register_at_fork(after_in_child=_close_copies)
