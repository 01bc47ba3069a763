"""ObjectReader: the data of one object, or of a range of it, as a readable binary file."""

from __future__ import annotations

import io
import operator
from abc import ABCMeta
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, Self

from ..errors import StorageIOError, shown
from .types import ObjectInfo

if TYPE_CHECKING:
    from typing import BinaryIO as _BinaryFile

    from _typeshed import ReadableBuffer, WriteableBuffer
else:
    _BinaryFile = object


class Source(Protocol):
    """What an :class:`ObjectReader` needs of the file that it reads; ``io.BytesIO`` is one."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...

    def seek(self, offset: int, /) -> object: ...

    def close(self) -> None: ...

    @property
    def closed(self) -> bool: ...


class ObjectReader(_BinaryFile, metaclass=ABCMeta):
    """A readable, seekable binary file over ``size`` bytes of ``source`` from ``start`` on.

    Position 0 is the start of the range that was asked for. ``info`` describes the whole
    object. Closing the reader closes its source. Like any file object it serves one
    thread at a time; open a second one for a second thread.

    For driver authors: ``source`` is a seekable binary file that stays the same while the
    object is overwritten or deleted, such as ``io.BytesIO(data)`` or a file opened before it
    was replaced; the reader owns it. ``size=None`` is all of the object from ``start`` on.
    """

    __slots__ = ("__weakref__", "_position", "_size", "_source", "_start", "info")

    def __init__(self, info: ObjectInfo, source: Source, *, start: int = 0, size: int | None = None) -> None:
        self.info = info
        self._source = source
        self._start = start
        self._size = info.size - start if size is None else size
        self._position = 0

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"at {self._position} of {self._size}"
        return f"<ObjectReader {shown(self.info.key)} {state}>"

    # Reading.

    def read(self, size: int | None = -1, /) -> bytes:
        """At most ``size`` bytes, all that is left when it is negative or ``None``."""
        size = self._bounded(size)
        data = self._source.read(size)
        if len(data) != size:
            data += self._rest(size - len(data))
        self._position += size
        return data

    read1 = read

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer`` as far as there are bytes; the number of bytes filled in."""
        view = memoryview(buffer).cast("B")
        if view.readonly:
            raise TypeError(f"readinto() fills a buffer that can be written, not {type(buffer).__name__}")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    readinto1 = readinto

    def readline(self, size: int | None = -1, /) -> bytes:
        """One line with its newline, at most ``size`` bytes of it."""
        line = self._source.readline(self._bounded(size))
        self._position += len(line)
        return line

    def readlines(self, hint: int = -1, /) -> list[bytes]:
        lines, total = [], 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self) -> Self:
        self._check_open()
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def _bounded(self, size: int | None) -> int:
        """Put the source at this reader's position; how many bytes a read of ``size`` gives."""
        self._check_open()
        wanted = -1 if size is None else operator.index(size)
        # A position past the end is this reader's alone: it may be one that no file can have.
        position = min(self._position, self._size)
        self._source.seek(self._start + position)
        left = self._size - position
        return left if wanted < 0 else min(wanted, left)

    def _rest(self, size: int) -> bytes:
        """The ``size`` bytes that a short read of the source still owes."""
        pieces = []
        while size > 0:
            piece = self._source.read(size)
            if not piece:
                raise StorageIOError(
                    f"the stored data of object {shown(self.info.key)} ended {size} bytes early; "
                    "it was cut while it was read: get the object again",
                    key=self.info.key,
                )
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    # Position.

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to ``offset`` from the start, the position or the end; the new position."""
        self._check_open()
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise ValueError(f"whence is 0, 1 or 2, not {whence!r}")
        position = (0, self._position, self._size)[whence] + operator.index(offset)
        if position < 0:
            raise ValueError(f"can't seek to {shown(position)}, before the start")
        self._position = position
        return position

    def tell(self) -> int:
        self._check_open()
        return self._position

    # The end.

    def close(self) -> None:
        """Let go of the object; every later read raises ``ValueError``."""
        self._source.close()

    @property
    def closed(self) -> bool:
        return self._source.closed

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._source.closed:
            raise ValueError("read of a closed ObjectReader; get the object again")

    # The rest of what Python asks of a binary file.

    @property
    def mode(self) -> str:
        return "rb"

    @property
    def name(self) -> str:
        return self.info.key

    def readable(self) -> bool:
        self._check_open()
        return True

    def seekable(self) -> bool:
        self._check_open()
        return True

    def writable(self) -> bool:
        self._check_open()
        return False

    def isatty(self) -> bool:
        self._check_open()
        return False

    def flush(self) -> None:
        self._check_open()

    def fileno(self) -> int:
        self._refuse("fileno")

    def write(self, data: ReadableBuffer, /) -> int:
        self._refuse("write")

    def writelines(self, lines: Iterable[Any], /) -> None:
        self._refuse("writelines")

    def truncate(self, size: int | None = None, /) -> int:
        self._refuse("truncate")

    def detach(self) -> NoReturn:
        self._refuse("detach")

    def _refuse(self, operation: str) -> NoReturn:
        self._check_open()
        raise io.UnsupportedOperation(f"an ObjectReader has no {operation}()")


io.BufferedIOBase.register(ObjectReader)
