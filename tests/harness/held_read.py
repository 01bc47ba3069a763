"""A process that is stopped inside LMDB, where a read transaction begins, until another one lets it go on.

LMDB notes in its lock file which commit a reader looks at, and copies the meta page of that commit
afterwards. The pages are taken from under its hands, so the copying is where it stops; it goes on as if
nothing had been.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from . import preload

SOURCE = Path(__file__).with_name("held_read.c")
META_PAGES = 2 * 4096


class HeldRead:
    """Made before a fork; what is made ready in one process is waited for in the other."""

    def __init__(self, folder: Path) -> None:
        self._library = ctypes.CDLL(str(preload.build(SOURCE, folder)))
        self._is_stopped, self._stops = os.pipe()
        self._waits, self._goes_on = os.pipe()

    def make_ready(self, index: Path) -> None:
        """Have the next read of ``index`` in this process, which has it open to read, stop as it begins."""
        with open("/proc/self/maps", encoding="utf-8") as lines:
            (start,) = (
                int(line.partition("-")[0], 16) for line in lines if line.rstrip().endswith(str(index))
            )
        failed = self._library.hold(
            ctypes.c_void_p(start), ctypes.c_size_t(META_PAGES), self._stops, self._waits
        )
        assert not failed

    def wait(self) -> None:
        """Until the other process has stopped."""
        assert os.read(self._is_stopped, 1)

    def let_go(self) -> None:
        os.write(self._goes_on, b"\0")
