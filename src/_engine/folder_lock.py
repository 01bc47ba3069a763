"""Folder lock: who has a part of a store to themselves, by the ``flock`` of its folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from trove.errors import StorageIOError


@contextlib.contextmanager
def folder_lock(folder: str, *, wait: bool = True, shared: bool = False) -> Iterator[bool]:
    """Hold the lock of ``folder`` in the block; gives whether it is held, which it always is with ``wait``.

    ``shared`` locks exclude only one that is not. Raises StorageIOError.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageIOError.of(error, f"opening {folder}") from error
    try:
        if not _locked(folder, fd, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait):
            yield False
            return
        try:
            yield True
        finally:
            # Unlocked by hand: a child forked meanwhile may hold a copy of the descriptor.
            fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)


def _locked(folder: str, fd: int, kind: int, wait: bool) -> bool:
    try:
        fcntl.flock(fd, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise StorageIOError.of(error, f"locking {folder}") from error
    return True
