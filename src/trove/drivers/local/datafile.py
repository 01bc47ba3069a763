"""The bytes of an object as a file to read, and copies of them from file to file."""

from __future__ import annotations

import errno
import io
import os
from typing import TYPE_CHECKING

from ...driver import StorageIOError
from ..etag import ContentHash

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK_BYTES = 1 << 20
_COPY_BYTES = 1 << 30
# What systems say when two files are of file systems that can't copy between them, or not at all.
_CANT_COPY = frozenset({errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM})


class DataFile(io.RawIOBase):
    """An open data file; errors of the medium are StorageIOError.

    Unlike ``io.FileIO`` it may be forgotten open, as readers of other drivers may.
    """

    def __init__(self, fd: int, label: str) -> None:
        self._fd = fd
        self._label = label

    def fileno(self) -> int:
        self._check_open()
        return self._fd

    def status(self) -> os.stat_result:
        return os.fstat(self.fileno())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        self._check_open()
        try:
            return os.readv(self._fd, [buffer])
        except OSError as error:
            raise StorageIOError.of(error, f"reading {self._label}") from error

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._check_open()
        return os.lseek(self._fd, offset, whence)

    def close(self) -> None:
        if not self.closed:
            super().close()
            os.close(self._fd)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("read of a closed file")

    def etag(self) -> str:
        """The etag of all its bytes."""
        digest = ContentHash()
        self.seek(0)
        while block := self.read(_BLOCK_BYTES):
            digest.update(block)
        self.seek(0)
        return digest.hexdigest()


def copy_bytes(source: int, target: int, size: int) -> int:
    """Copy ``size`` bytes from the start of ``source`` to the start of ``target``; how many there were.

    The kernel copies, or shares the blocks, where it can.
    """
    done = _kernel_copy(source, target, size)
    while done < size:
        block = os.pread(source, min(_BLOCK_BYTES, size - done), done)
        if not block:
            break
        view = memoryview(block)
        while view:
            written = os.pwrite(target, view, done)
            view = view[written:]
            done += written
    return done


def _kernel_copy(source: int, target: int, size: int) -> int:
    done = 0
    if not hasattr(os, "copy_file_range"):
        return done
    while done < size:
        try:
            copied = os.copy_file_range(source, target, min(_COPY_BYTES, size - done), done, done)
        except OSError as error:
            if error.errno in _CANT_COPY:
                return done
            raise
        if not copied:
            return done
        done += copied
    return done
