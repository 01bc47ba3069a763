"""Folders by their descriptor, one name at a time, so that no symbolic link is ever followed."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from ...errors import StorageIOError, TroveError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a FIFO that has taken a file's place would wait for its writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_FOLDER = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_NO_FILE = frozenset({errno.ENOENT, errno.ELOOP, errno.ENXIO})

_MOST_SETTLED = 100_000
_settled: set[tuple[int, int, int]] = set()
"""The folders, by device, inode and generation, whose names this process has put on the medium."""

_GET_GENERATION = 0x8008_7601  # Linux's FS_IOC_GETVERSION, which Python has no name for


@contextmanager
def medium(doing: str, *, bucket: str | None = None, key: str | None = None) -> Iterator[None]:
    """Raise failures of the operating system in the block as StorageIOError."""
    try:
        yield
    except TroveError:
        raise
    except OSError as error:
        raise StorageIOError.of(error, doing, bucket=bucket, key=key) from error


class Folder:
    """An open folder. Raises ``OSError``; close it, or leave that to its end."""

    __slots__ = ("_fd",)

    def __init__(self, fd: int) -> None:
        self._fd = fd

    @classmethod
    def at(cls, path: str) -> Folder:
        """The folder at ``path``, which may lead through symbolic links."""
        return cls(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))

    def close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    # Folders in it.

    def folder(self, name: bytes) -> Folder | None:
        """The folder ``name``; ``None`` when that is missing or anything else."""
        try:
            return Folder(os.open(name, _FOLDER, dir_fd=self._fd))
        except OSError as error:
            if error.errno in _NO_FOLDER:
                return None
            raise

    def again(self) -> Folder:
        """A second handle of this folder."""
        return Folder(os.dup(self._fd))

    def descend(self, names: Iterable[bytes]) -> Folder | None:
        """The folder at the end of ``names``, another handle of this one for no names."""
        folder = self.again()
        for name in names:
            with folder:
                below = folder.folder(name)
            if below is None:
                return None
            folder = below
        return folder

    def make(self, name: bytes, *, durable: bool) -> Folder:
        """The folder ``name``, made if it is missing. Fails where something else has the name.

        If ``durable``, its name is on the medium then, whoever made it.
        """
        folder = self.folder(name)
        if folder is None:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=self._fd)
            folder = Folder(os.open(name, _FOLDER, dir_fd=self._fd))
        if durable:
            try:
                self.settle(folder)
            except BaseException:
                folder.close()
                raise
        return folder

    def settle(self, folder: Folder) -> None:
        """Put the name of ``folder``, which is in this one, on the medium, unless that was done before.

        A process that died, or one that does not flush, may have made it and left that undone.
        """
        identity = folder._identity()
        if identity is None or identity not in _settled:
            self.sync()
            if len(_settled) >= _MOST_SETTLED:
                _settled.clear()
            if identity is not None:
                _settled.add(identity)

    def _identity(self) -> tuple[int, int, int] | None:
        """What no folder made later has too; ``None`` where the file system does not say.

        The inode alone is given to the next folder as soon as this one is removed.
        """
        status = os.fstat(self._fd)
        generation = getattr(status, "st_gen", None)  # macOS
        if generation is None:
            try:
                generation = int.from_bytes(fcntl.ioctl(self._fd, _GET_GENERATION, bytes(8)), "little")
            except OSError:
                return None
        return status.st_dev, status.st_ino, generation

    def remove_folder(self, name: bytes) -> bool:
        """Remove the folder ``name`` if it is empty; whether it is gone."""
        try:
            os.rmdir(name, dir_fd=self._fd)
        except FileNotFoundError:
            return True
        except OSError as error:
            # POSIX lets systems say either for a folder that is not empty.
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EBUSY):
                return False
            raise
        return True

    # Files in it.

    def stat(self, name: bytes) -> os.stat_result | None:
        """What ``name`` is, a symbolic link being just that; ``None`` when it is missing."""
        try:
            return os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open_file(self, name: bytes) -> int | None:
        """A descriptor to read the regular file ``name``; ``None`` when it is missing or no file."""
        found = self.stat(name)
        if found is None or not stat.S_ISREG(found.st_mode):
            return None
        try:
            fd = os.open(name, _READ, dir_fd=self._fd)
        except OSError as error:
            if error.errno in _NO_FILE:
                return None
            raise
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        return None

    def create_file(self, name: bytes) -> int:
        """A descriptor to write the new file ``name``."""
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o666, dir_fd=self._fd)

    def lock_file(self, name: bytes) -> int:
        """A descriptor of the file ``name``, made if it is missing, to lock it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(name, flags, 0o666, dir_fd=self._fd)

    def rename(self, name: bytes, target: Folder, new_name: bytes) -> None:
        """Move ``name`` to ``target`` in one step, in place of a file that is there."""
        os.rename(name, new_name, src_dir_fd=self._fd, dst_dir_fd=target._fd)

    def link(self, name: bytes, target: Folder, new_name: bytes) -> None:
        """Give the file ``name`` a second name in ``target``."""
        os.link(name, new_name, src_dir_fd=self._fd, dst_dir_fd=target._fd, follow_symlinks=False)

    def remove_file(self, name: bytes) -> bool:
        """Remove ``name``; whether it was there."""
        try:
            os.unlink(name, dir_fd=self._fd)
        except FileNotFoundError:
            return False
        return True

    # The folder as a whole.

    def entries(self) -> Iterator[tuple[bytes, bool, bool]]:
        """The names in it in no order, each with whether it is a folder and whether a regular file."""
        with os.scandir(self._fd) as entries:
            for entry in entries:
                yield (
                    os.fsencode(entry.name),
                    entry.is_dir(follow_symlinks=False),
                    entry.is_file(follow_symlinks=False),
                )

    def status(self) -> os.stat_result:
        """What the folder itself is."""
        return os.fstat(self._fd)

    def sync(self) -> None:
        """Put the names in the folder on the medium."""
        os.fsync(self._fd)
