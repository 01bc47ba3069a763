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


class TestEngineDriver(DriverSuite):
    @pytest.fixture
    def driver(self, tmp_path: Path) -> Iterator[trove.Driver]:
        with trove.open(f"trove://{tmp_path}/store") as driver:
            yield driver


class TestEngineDriverRelaxed(DriverSuite):
    @pytest.fixture
    def driver(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trove.Driver]:
        monkeypatch.chdir(tmp_path)
        with trove.open("trove://./relative", durability="relaxed", verify="always") as driver:
            yield driver


class TestEngineDriverBlake3(DriverSuite):
    @pytest.fixture
    def driver(self, tmp_path: Path) -> Iterator[trove.Driver]:
        pytest.importorskip("blake3", reason="the blake3 extra is not installed")
        with trove.open(f"trove://{tmp_path}/store?hash=blake3&durability=relaxed&verify=never") as driver:
            yield driver
