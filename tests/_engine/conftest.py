"""What the engine's tests share: the fault library, and stores in folders of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from harness import faults


@pytest.fixture(scope="session")
def fault_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled fault library; it works by preloading, which Linux has."""
    if not sys.platform.startswith("linux"):
        pytest.skip("faults are injected with LD_PRELOAD and /proc, which only Linux has")
    return faults.build(tmp_path_factory.mktemp("faults"))
