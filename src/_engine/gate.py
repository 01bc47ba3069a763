"""The locks of a store's files: who opens or closes it now, and whether anybody has it open to write.

They are ``flock`` locks, which a medium that is read-only takes too.
"""

from __future__ import annotations

import fcntl
import os

from trove.errors import StorageIOError


class Gate:
    """Held while a store is opened or closed: the lock of its folder's descriptor."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1

    def __enter__(self) -> None:
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageIOError.of(error, f"opening {self._path}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except BaseException:
            os.close(self._fd)
            raise

    def __exit__(self, *exc_info: object) -> None:
        # Unlocked by hand: a child forked meanwhile holds a copy of the descriptor.
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)


def locked(fd: int) -> bool:
    """Whether nobody else has the store open: then the lock of its file LOCK, ``fd``, is ours alone."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def in_use(path: str) -> bool:
    """Whether some process has the store at ``path`` open to write. The gate is held."""
    lock = os.path.join(path, "LOCK")
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageIOError.of(error, f"opening {lock}") from error
    try:
        if not locked(fd):
            return True
        fcntl.flock(fd, fcntl.LOCK_UN)
        return False
    finally:
        os.close(fd)


def await_lockless_readers(path: str) -> None:
    """Wait until no reader is left that does without the index's lock file.

    Such a reader holds the STORE file's lock for each read, some microseconds, and looks up in ``state``
    whether a writer has come before it reads. The caller has said so there.
    """
    name = os.path.join(path, "STORE")
    try:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            fcntl.flock(fd, fcntl.LOCK_UN)
        finally:
            os.close(fd)
    except OSError as error:
        raise StorageIOError.of(error, f"opening {name}") from error
