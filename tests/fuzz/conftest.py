"""Where fuzzing happens: in memory, if there is such a place, because thousands of stores are flushed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
def memory_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for a module's tests. It stays if one fails, which leaves something there called ``kept``."""
    if not MEMORY.is_dir():
        yield tmp_path_factory.mktemp("fuzz")
        return
    path = Path(tempfile.mkdtemp(prefix="trove-fuzz-", dir=MEMORY))
    yield path
    if not list(path.rglob("kept*")):
        shutil.rmtree(path)


@pytest.fixture
def tmp_path(memory_folder: Path) -> Path:
    """A folder for one test."""
    return Path(tempfile.mkdtemp(dir=memory_folder))
