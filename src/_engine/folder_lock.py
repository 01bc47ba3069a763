"""Folder lock: who has a part of a store to themselves, by the ``flock`` of its folder."""

from __future__ import annotations

import fcntl
import os

from trove.errors import StorageIOError


class FolderLock:
    """Holds the lock of ``folder`` in a ``with`` block; gives whether it is held: always, with ``wait``.

    ``shared`` locks exclude only one that is not. To enter raises StorageIOError. It is an object because an
    interrupt can come at any step: what was locked when it came is let go of with the object.
    """

    def __init__(self, folder: str, *, wait: bool = True, shared: bool = False) -> None:
        self._folder = folder
        self._kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._wait = wait
        self._fd = -1

    def __enter__(self) -> bool:
        try:
            self._fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(self._fd, self._kind if self._wait else self._kind | fcntl.LOCK_NB)
        except BlockingIOError:
            self._let_go()
            return False
        except OSError as error:
            raise StorageIOError.of(error, f"locking {self._folder}") from error
        return True

    def __exit__(self, *exc_info: object) -> None:
        self._let_go()

    def __del__(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            # Unlocked by hand: a child forked meanwhile may hold a copy of the descriptor.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)
