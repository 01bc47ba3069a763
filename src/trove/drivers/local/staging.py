"""Temporary files: where data is written before it is moved to its place in one step.

The writer of a temporary file holds a lock on it, so one that nobody holds is left over from a process that
died, and is removed when a store is opened.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from typing import Self

from ...driver import StorageIOError
from .folder import Folder
from .locks import hold, is_ours, let_go, unlock

_MICROSECOND = 1_000
_GATHERED_BYTES = 1 << 18
# What file systems round modification times to, from the finest to FAT's two seconds.
_GRANULARITIES = (_MICROSECOND, 1_000_000, 2_000_000_000)


class Staged:
    """A temporary file that is being written; leaving its ``with`` block removes it unless it was placed.

    ``size`` is in bytes, ``mtime_ns`` in nanoseconds since 1970.
    """

    def __init__(self, folder: Folder, name: bytes, fd: int) -> None:
        self._folder = folder
        self._name: bytes | None = name
        self._gathered = bytearray()
        self.fd = fd
        self.size = 0
        self.mtime_ns = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file, and remove it unless it was placed."""
        if not is_ours(self.fd):
            return
        try:
            if self._name is not None:
                # What can't be removed now is removed by the next open().
                with suppress(OSError):
                    self._folder.remove_file(self._name)
        finally:
            let_go(self.fd)

    def write(self, data: bytes | memoryview) -> None:
        """Append ``data``; small pieces are gathered until :meth:`flush`."""
        view = memoryview(data)
        self.size += len(view)
        if len(view) < _GATHERED_BYTES:
            self._gathered += view
            if len(self._gathered) < _GATHERED_BYTES:
                return
            view = memoryview(bytes(self._gathered))
            self._gathered.clear()
        else:
            self.flush()
        _write_all(self.fd, view)

    def flush(self) -> None:
        """Hand what was gathered to the operating system."""
        if self._gathered:
            _write_all(self.fd, memoryview(bytes(self._gathered)))
            self._gathered.clear()

    def stamp(self, *, after: int = 0) -> None:
        """Set the modification time to now, a whole microsecond, or behind ``after`` where that is later.

        What the file system made of it is in ``mtime_ns``.
        """
        now = time.time_ns() // _MICROSECOND * _MICROSECOND
        later = (after // _MICROSECOND + 1) * _MICROSECOND
        for target in (max(now, later), *(later + step for step in _GRANULARITIES), now):
            with suppress(OverflowError):
                os.utime(self.fd, ns=(target, target))
            self.mtime_ns = os.fstat(self.fd).st_mtime_ns
            # A file from the end of time leaves no later one: then another one has to do.
            if self.mtime_ns > after or (target == now and self.mtime_ns != after):
                return
        raise StorageIOError(
            "the file system keeps no modification times, which tell an object's versions apart; "
            "put the store on another file system"
        )

    def sync(self) -> None:
        """Put data and modification time on the medium."""
        os.fsync(self.fd)

    def place(self, folder: Folder, name: bytes) -> None:
        """Move the file to its place, in one step."""
        assert self._name is not None  # noqa: S101 - a file is placed once
        self._folder.rename(self._name, folder, name)
        self._name = None
        unlock(self.fd)


class Staging:
    """The folder of the temporary files."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def new(self) -> Staged:
        """A new temporary file, locked."""
        while True:
            name = secrets.token_hex(16).encode()
            staged = self._staged(name, self._folder.create_file(name))
            if staged is not None:
                return staged

    def put(self, folder: Folder, name: bytes, content: bytes, *, durable: bool) -> None:
        """Make ``content`` the file ``name`` of ``folder``, in one step."""
        with self.new() as staged:
            staged.write(content)
            staged.flush()
            if durable:
                staged.sync()
            staged.place(folder, name)
            if durable:
                folder.sync()

    def second_name(self, folder: Folder, name: bytes) -> Staged | None:
        """The file ``name`` of ``folder`` under a second name here; ``None`` where that is impossible."""
        fd = folder.open_file(name)
        if fd is None:
            return None
        second = secrets.token_hex(16).encode()
        try:
            # Not waiting: the file is the user's, and another program may have it locked.
            if hold(fd, wait=False):
                folder.link(name, self._folder, second)
                return Staged(self._folder, second, fd)
        except OSError:
            pass
        let_go(fd)
        return None

    def _staged(self, name: bytes, fd: int) -> Staged | None:
        try:
            hold(fd)
            if self._folder.stat(name) is not None:
                return Staged(self._folder, name, fd)
        except BaseException:
            let_go(fd)
            with suppress(OSError):
                self._folder.remove_file(name)
            raise
        # Between its creation and its lock, another process took it for left over.
        let_go(fd)
        return None

    def remove_left_over(self) -> None:
        """Remove the files of processes that died."""
        for name, is_folder, _ in list(self._folder.entries()):
            if is_folder:
                continue
            fd = self._folder.open_file(name)
            if fd is None:
                continue
            try:
                if hold(fd, wait=False):
                    self._folder.remove_file(name)
            finally:
                let_go(fd)


def _write_all(fd: int, view: memoryview) -> None:
    while view:
        view = view[os.write(fd, view) :]
