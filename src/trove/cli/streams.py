"""Standard input and output as the source and the target of bytes."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import threading
from io import BufferedReader, BytesIO
from typing import Self, cast

from ..driver import ObjectReader
from ..errors import InvalidArgumentError

BLOCK_SIZE = 1 << 20
"""How many bytes are moved at a time."""


class Piped:
    """Standard input, read as it comes; used in a ``with`` statement, which does not close it.

    A signal ends a wait for input even if it came a moment before the wait: Python looks for signals between
    two calls, and one that comes after it looked would be noticed only when input comes. So the wait is for
    input or for the byte that a signal leaves in a pipe, whichever is there.
    """

    def __init__(self) -> None:
        if sys.stdin is None:
            raise InvalidArgumentError("standard input is closed; give a file, or pipe something in")
        self._stream = cast(BufferedReader, sys.stdin.buffer)
        self._woken: tuple[int, int] | None = None

    def read(self, size: int = -1, /) -> bytes:
        if self._woken is None:
            return self._stream.read1(size)
        ready: list[int] = []
        while self._input not in ready:
            ready = select.select([self._input, self._woken[0]], [], [])[0]
            if self._woken[0] in ready:
                os.read(self._woken[0], BLOCK_SIZE)
        return os.read(self._input, size if size >= 0 else BLOCK_SIZE)

    def __enter__(self) -> Self:
        try:
            self._input = self._stream.fileno()
        except (OSError, ValueError):
            return self  # no file of the system's, but one that stands in for it: reading never waits
        if threading.current_thread() is threading.main_thread():
            self._woken = os.pipe()
            for end in self._woken:
                os.set_blocking(end, False)
            self._before = signal.set_wakeup_fd(self._woken[1], warn_on_full_buffer=False)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._woken is not None:
            signal.set_wakeup_fd(self._before)
            for end in self._woken:
                os.close(end)
            self._woken = None


def copy_out(reader: ObjectReader | BytesIO) -> None:
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
