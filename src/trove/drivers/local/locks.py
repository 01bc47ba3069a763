"""Locks between threads and processes: ``flock`` on files, and what a fork does to them.

``flock`` belongs to the open file, and every holder opens the file anew, so one lock keeps threads
and processes apart alike. A child that was forked shares its parent's open files. So locks are given back
explicitly, not by closing alone, and a child closes its copies at once: it neither keeps a lock that
its parent gave back, nor one of a parent that died, nor writes into its parent's file.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from ...driver import StorageIOError
from .folder import Folder

_GONE = -1


class Held:
    """An open file that can be locked, and is this process's alone: in a forked child it is gone.

    Takes ``fd`` over. Leaving its ``with`` block lets go of it.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        _ours.add(self)

    @property
    def fd(self) -> int:
        """The descriptor. Raises StorageIOError when the file was let go of, or was the parent's."""
        # The number alone would not do: another file may have it by now.
        if self._fd == _GONE:
            raise StorageIOError(
                "the write was begun by the process that this one was forked from, which goes on with it; "
                "begin another one here"
            )
        return self._fd

    def lock(self, *, wait: bool = True) -> bool:
        """Lock the file; whether that worked, which without ``wait`` it may not."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def unlock(self) -> None:
        """Give the lock back, for every process that shares the open file."""
        fcntl.flock(self.fd, fcntl.LOCK_UN)

    @property
    def ours(self) -> bool:
        """Whether the file is still open, which a child's copy of it is not."""
        return self._fd != _GONE

    def let_go(self) -> None:
        """Unlock and close the file; nothing the second time, and in a child that was forked meanwhile."""
        if not self.ours:
            return
        try:
            self.unlock()
        finally:
            self.close()

    def close(self) -> None:
        """Close the file, which keeps its lock where another process shares it."""
        fd, self._fd = self._fd, _GONE
        _ours.discard(self)
        os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.let_go()


_ours: set[Held] = set()


@contextmanager
def locked(folder: Folder, name: bytes) -> Iterator[None]:
    """Hold the lock file ``name`` in ``folder`` for the block; nobody else does meanwhile."""
    with _acquire(folder, name):
        yield


def _acquire(folder: Folder, name: bytes) -> Held:
    while True:
        held = Held(folder.lock_file(name))
        try:
            held.lock()
            found = folder.stat(name)
            if found is not None and os.path.samestat(found, os.fstat(held.fd)):
                return held
        except BaseException:
            held.let_go()
            raise
        # The lock's file was removed with its bucket while this one waited for it.
        held.let_go()


def _close_copies() -> None:
    for held in list(_ours):
        with suppress(OSError):
            held.close()


os.register_at_fork(after_in_child=_close_copies)
