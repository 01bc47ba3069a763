"""The bytes of an object as a file to read, and copies of them from file to file."""

from __future__ import annotations

import errno
import os
import sys
from typing import Self

from ...driver import StorageIOError
from ..etag import ContentHash

_BLOCK_BYTES = 1 << 20
_AHEAD_BYTES = 1 << 16
_COPY_BYTES = 1 << 30
# What systems say when two files are of file systems that can't copy between them, or not at all.
_CANT_COPY = frozenset({errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM})


class _Descriptor:
    """A descriptor that is closed when nobody refers to it any more."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.close(self.number)


class DataFile:
    """An open data file, read from a position of its own; errors of the medium are StorageIOError.

    Not an ``io.BufferedReader``: its lock, if another thread holds it during a fork, is held for ever
    in the child. This one has none. Closing it while another thread reads is safe all the same, as the
    descriptor stays until that read is over; and a child has a position of its own.
    """

    def __init__(self, fd: int, label: str) -> None:
        self._descriptor: _Descriptor | None = _Descriptor(fd)
        self._label = label
        self._position = 0
        self._ahead = b""
        self._ahead_start = 0

    def fileno(self) -> int:
        return self._open().number

    def status(self) -> os.stat_result:
        return os.fstat(self._open().number)

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes, none at the end only; all that is left when it is negative."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_BLOCK_BYTES), b""))
        at = self._position - self._ahead_start
        if 0 <= at < len(self._ahead):
            self._open()
            data = self._ahead[at : at + size]
        elif size < _AHEAD_BYTES:
            data = self._read_ahead()[:size]
        else:
            data = self._read_at(self._position, size)
        self._position += len(data)
        return data

    def readline(self, size: int = -1, /) -> bytes:
        """One line with its newline, at most ``size`` bytes of it unless that is negative."""
        pieces = []
        left = sys.maxsize if size < 0 else size
        while left > 0:
            at = self._position - self._ahead_start
            if not 0 <= at < len(self._ahead):
                at = 0
                if not self._read_ahead():
                    break
            else:
                self._open()
            end = self._ahead.find(b"\n", at, at + left) + 1
            piece = self._ahead[at : end or at + left]
            pieces.append(piece)
            self._position += len(piece)
            left -= len(piece)
            if end:
                break
        return b"".join(pieces)

    def seek(self, offset: int, /) -> int:
        """Move to ``offset`` from the start; the new position."""
        self._open()
        self._position = offset
        return offset

    def close(self) -> None:
        self._descriptor = None
        self._ahead = b""

    @property
    def closed(self) -> bool:
        return self._descriptor is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def etag(self) -> str:
        """The etag of all its bytes."""
        digest = ContentHash()
        self.seek(0)
        while block := self.read(_BLOCK_BYTES):
            digest.update(block)
        self.seek(0)
        return digest.hexdigest()

    def _open(self) -> _Descriptor:
        descriptor = self._descriptor
        if descriptor is None:
            raise ValueError("read of a closed file")
        return descriptor

    def _read_ahead(self) -> bytes:
        """Read from the position on what the next small reads may ask for."""
        ahead = self._read_at(self._position, _AHEAD_BYTES)
        self._ahead, self._ahead_start = ahead, self._position
        return ahead

    def _read_at(self, offset: int, size: int) -> bytes:
        descriptor = self._open()
        try:
            return os.pread(descriptor.number, min(size, _COPY_BYTES), offset)
        except OSError as error:
            raise StorageIOError.of(error, f"reading {self._label}") from error


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
