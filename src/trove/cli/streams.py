"""Standard input and output as the source and the target of bytes."""

from __future__ import annotations

import errno
import os
import sys
from io import BufferedReader
from typing import Self, cast

from ..driver import ObjectReader
from ..errors import InvalidArgumentError

BLOCK_SIZE = 1 << 20
"""How many bytes are moved at a time."""


class Piped:
    """Standard input, read as it comes; used in a ``with`` statement, which does not close it.

    A read that waits until a whole block is there would hear of Ctrl-C only then.
    """

    def __init__(self) -> None:
        if sys.stdin is None:
            raise InvalidArgumentError("standard input is closed; give a file, or pipe something in")
        self._stream = cast(BufferedReader, sys.stdin.buffer)

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read1(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass


def copy_out(reader: ObjectReader) -> None:
    """Write what ``reader`` gives to standard output, in blocks."""
    if sys.stdout is None:
        return
    while block := reader.read(BLOCK_SIZE):
        rest = memoryview(block)
        while rest:
            # Unbuffered (PYTHONUNBUFFERED), standard output may take a part of a block, or for now none.
            count = sys.stdout.buffer.write(rest)
            if count is None:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), "standard output")
            rest = rest[count:]
