"""The recorder's library."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from crash.powercut import recorder


@pytest.fixture(scope="session")
def recorder_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled recorder; it works by preloading, which Linux has."""
    if not sys.platform.startswith("linux"):
        pytest.skip("writes are recorded with LD_PRELOAD and /proc, which only Linux has")
    return recorder.build(tmp_path_factory.mktemp("recorder"))
