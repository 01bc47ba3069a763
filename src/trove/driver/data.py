"""What ``put`` and ``upload_part`` take as data, and how a driver reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import InvalidArgumentError, shown

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, SupportsRead

    Data: TypeAlias = ReadableBuffer | SupportsRead[bytes] | os.PathLike[str] | Iterable[ReadableBuffer]
else:
    Data = Any

BLOCK_SIZE = 1 << 20
"""How many bytes are read from a file at a time."""

_FORMS = "give bytes, a file opened in binary mode, a path, or an iterable of bytes"


def check_data(data: object) -> None:
    """Raise InvalidArgumentError when ``data`` is of no type that can be put. Reads nothing."""
    if isinstance(data, str):
        raise InvalidArgumentError(
            f"data is a str ({shown(data)}); encode it, or wrap a path in pathlib.Path"
        )
    if (
        isinstance(data, os.PathLike)
        or flat(data) is not None
        or callable(getattr(data, "read", None))
        or isinstance(data, Iterable)
    ):
        return
    raise InvalidArgumentError(f"data is of type {type(data).__name__}; {_FORMS}")


def blocks(data: Data, *, block_size: int = BLOCK_SIZE) -> Iterator[bytes | memoryview]:
    """The bytes of ``data`` in pieces, read as they are asked for.

    ``data`` is tried as a path, a buffer (which is one piece, not copied), a file (read from its
    position on, not closed) and an iterable, in this order. A file's or an iterable's own exceptions
    are raised as they are. Raises InvalidArgumentError for anything that is not bytes.
    """
    check_data(data)
    if isinstance(data, os.PathLike):
        return _path_blocks(data, block_size)
    view = flat(data)
    if view is not None:
        return iter((view,))
    source: Any = data
    if hasattr(source, "read"):
        return _file_blocks(source, block_size)
    return _iterable_blocks(source)


def whole(data: Data) -> bytes:
    """All bytes of ``data`` as one ``bytes`` object that nobody else can change."""
    if type(data) is bytes:
        return data
    # Each piece is copied as it comes: an iterable may fill one buffer again for the next.
    return b"".join([bytes(block) for block in blocks(data)])


def _path_blocks(path: os.PathLike[str], block_size: int) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield from _file_blocks(file, block_size)


def _file_blocks(file: SupportsRead[Any], block_size: int) -> Iterator[bytes]:
    while True:
        block = file.read(block_size)
        if not isinstance(block, (bytes, bytearray, memoryview)):
            raise InvalidArgumentError(
                f"data's read() gave {type(block).__name__} instead of bytes; {_FORMS}"
            )
        if not len(block):
            return
        yield bytes(block)


def _iterable_blocks(pieces: Iterable[Any]) -> Iterator[memoryview]:
    for piece in pieces:
        view = flat(piece)
        if view is None:
            raise InvalidArgumentError(
                f"data is an iterable with an item of type {type(piece).__name__}; {_FORMS}"
            )
        yield view


def flat(data: object) -> memoryview | None:
    """The bytes of a buffer as a view of one dimension, in logical order; ``None`` for anything else."""
    try:
        view = memoryview(data)  # type: ignore[arg-type]
    except TypeError:
        return None
    try:
        return view.cast("B")
    except (TypeError, ValueError):
        # Steps, several dimensions, structured items: their tobytes() is their logical order.
        return memoryview(view.tobytes())
