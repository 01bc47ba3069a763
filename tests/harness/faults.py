"""Faults: a process whose calls to the file system can be counted, made to fail, or be its last.

``build`` compiles ``faults.c``; a process that runs with it preloaded arms it through :class:`Faults`.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from . import preload

HERE = Path(__file__).parent
CALLS = (
    "pwrite", "write", "fdatasync", "fsync", "msync", "ftruncate", "posix_fallocate", "open", "rename",
    "mkdir", "unlink", "unlock", "pread", "read", "mmap",
)  # fmt: skip
OFF, KILL_BEFORE, KILL_AFTER, KILL_HALF, FAIL, SHORT, STOP_AFTER, SLOW = range(8)


def build(folder: Path) -> Path:
    """The library, compiled into ``folder``."""
    return preload.build(HERE / "faults.c", folder)


def run(
    library: Path, module: str, *arguments: object, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run a module of this package in a process of its own with the library preloaded."""
    return subprocess.run(
        [sys.executable, "-m", f"{__package__}.{module}", *map(str, arguments)],
        env={**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


class Faults:
    """The faults of this process, which runs with the library preloaded."""

    def __init__(self, root: Path | str) -> None:
        self._library = ctypes.CDLL(None)
        self._library.fault_root(os.fsencode(os.path.realpath(root)))
        for name in ("fault_count", "fault_seen", "fault_injected"):
            getattr(self._library, name).restype = ctypes.c_long
        self._library.fault_arm.argtypes = [
            ctypes.c_uint, ctypes.c_char_p, ctypes.c_int, ctypes.c_int, ctypes.c_long, ctypes.c_long,
        ]  # fmt: skip

    def arm(
        self,
        calls: str | Iterable[str],
        mode: int,
        *,
        at: int = 1,
        times: int = 1,
        error: int = 0,
        path: str = "",
    ) -> None:
        """From its call number ``at`` on, ``times`` of ``calls`` on a path with ``path`` in it meet ``mode``.

        Counting begins anew.
        """
        names = [calls] if isinstance(calls, str) else list(calls)
        mask = sum(1 << CALLS.index(name) for name in names)
        self._library.fault_arm(mask, os.fsencode(path), mode, error, at, times)

    def disarm(self) -> None:
        """Inject no more; counts go on from 0."""
        self._library.fault_arm(0, b"", OFF, 0, 0, 0)

    def count(self, call: str) -> int:
        """How often a call was made below the root since the last ``arm`` or ``disarm``."""
        return int(self._library.fault_count(CALLS.index(call)))

    @property
    def dirty(self) -> int:
        """How many files below the root hold bytes of this process that it wrote and has not flushed."""
        return int(self._library.fault_dirty())

    @property
    def injected(self) -> int:
        """How many calls met their fate since ``arm``."""
        return int(self._library.fault_injected())
