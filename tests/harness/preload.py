"""C libraries that tests preload into a process, to stand between it and its file system."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def build(source: Path, folder: Path) -> Path:
    """The library of ``source``, compiled into ``folder``; it needs the C compiler that the engine needed."""
    library = folder / source.with_suffix(".so").name
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or "cc"
    flags = ["-shared", "-fPIC", "-O1", f"-I{HERE}"]
    command = [*compiler.split(), *flags, "-o", str(library), str(source), "-ldl", "-lpthread"]
    subprocess.run(command, check=True, timeout=60)
    return library
