"""The benchmarks are not installed with the package: their folder is found from here."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))


@pytest.fixture
def environment() -> dict[str, str]:
    """For a pytest of its own: nothing of the one that is running this test."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}


@pytest.fixture
def root() -> Path:
    return ROOT
