"""Where something was measured: without this, a figure says little."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe(folder: Path) -> dict[str, str | int]:
    """The machine, its software and the file system of ``folder``: keys are names for people."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)),
        "kernel": f"{platform.system()} {platform.release()}",
        "file_system": _file_system(folder),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({platform.machine()})" if names else platform.machine()


def _file_system(folder: Path) -> str:
    """The type of the file system that ``folder`` is on, as the kernel's table of mounts has it."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    where = folder.resolve()
    best, kind = -1, "unknown"
    for line in mounts:
        _, point, mounted = line.split(" ")[:3]
        # Later mounts cover earlier ones at the same place.
        if where.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), mounted
    return kind
