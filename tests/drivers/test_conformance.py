"""The drivers of this package, put through the conformance suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import trove
from trove.testing import DriverSuite


class TestMemoryDriver(DriverSuite):
    @pytest.fixture
    def driver(self) -> Iterator[trove.Driver]:
        with trove.open("mem://") as driver:
            yield driver


class TestLocalDriver(DriverSuite):
    @pytest.fixture
    def driver(self, tmp_path: Path) -> Iterator[trove.Driver]:
        with trove.open(f"file://{tmp_path}") as driver:
            yield driver


class TestLocalDriverRelaxed(DriverSuite):
    @pytest.fixture
    def driver(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trove.Driver]:
        monkeypatch.chdir(tmp_path)
        with trove.open("local://./relative", durability="relaxed") as driver:
            yield driver
