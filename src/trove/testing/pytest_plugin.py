"""The pytest plugin of the benchmarks: their options and fixtures.

Load it with ``-p trove.testing.pytest_plugin``, or with ``pytest_plugins = ["trove.testing.pytest_plugin"]``
in the ``conftest.py`` at the root of your tests. It is no entry point, so that pytest runs of programs
which only use Trove don't load it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .benchmarks.contestant import Contestant, Durability, Entry
from .benchmarks.machine import describe
from .benchmarks.suite import CONTESTANTS, Measurement, plan_of
from .benchmarks.workload import Library, Plan
from .extras import require_benchmarks


def pytest_addoption(parser: pytest.Parser) -> None:
    try:
        require_benchmarks()
    except ImportError as error:
        # Otherwise pytest would call --benchmark-only an option that nobody knows.
        raise pytest.UsageError(str(error)) from error
    group = parser.getgroup("trove", "benchmarks of Trove drivers")
    group.addoption(
        "--driver-dsn",
        action="append",
        default=[],
        metavar="DSN",
        help="benchmark the driver of this DSN; may be given several times. {folder} in it becomes a fresh "
        "folder for each measurement; in any other store a bucket is made and removed",
    )
    group.addoption(
        "--driver-durability",
        choices=[durability.value for durability in Durability],
        help="how durable an acknowledged write of --driver-dsn is (by default read off the DSN)",
    )
    group.addoption(
        "--bench-quick",
        action="store_true",
        help="run every benchmark just once, on little data: shows that they work, not how fast they are",
    )
    group.addoption(
        "--bench-dir",
        type=Path,
        default=None,
        metavar="FOLDER",
        help="make the stores in this folder (by default in the system's folder for temporary files)",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    machine_info.update(describe(_root(config)), quick=plan_of(config).quick)


@pytest.fixture(scope="session")
def plan(pytestconfig: pytest.Config) -> Plan:
    return plan_of(pytestconfig)


@pytest.fixture
def measure(request: pytest.FixtureRequest, benchmark: Any, plan: Plan) -> Measurement:
    params = request.node.callspec.params
    entry: Entry = next(params[name] for name in CONTESTANTS if name in params)
    return Measurement(benchmark, entry, plan)


@pytest.fixture
def contestant(request: pytest.FixtureRequest) -> Iterator[Contestant]:
    """An empty store of the entry."""
    with _Store(request.config, request.param) as store:
        yield store.open()


@pytest.fixture(scope="class")
def library(request: pytest.FixtureRequest, plan: Plan) -> Iterator[Library]:
    """A filled store of the entry."""
    with _Store(request.config, request.param) as store:
        yield Library(store.open(), plan)


@pytest.fixture
def closed(request: pytest.FixtureRequest, plan: Plan) -> Iterator[Path]:
    """The folder of a filled store of the entry that was closed."""
    with _Store(request.config, request.param) as store:
        Library(store.open(), plan)
        store.close()
        yield store.folder


class _Store:
    """A contestant and its folder, which are gone after the block."""

    def __init__(self, config: pytest.Config, entry: Entry) -> None:
        if entry.missing:
            pytest.skip(f"{entry.name} can't run here: {entry.missing}")
        self._entry = entry
        self._open: Contestant | None = None
        self._last: Contestant | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="trove-bench-", dir=_root(config)))

    def open(self) -> Contestant:
        self._open = self._last = self._entry.open(self.folder)
        return self._open

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def __enter__(self) -> _Store:
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self.close()
            if self._last is not None:
                self._last.remove()
        finally:
            shutil.rmtree(self.folder)


def _root(config: pytest.Config) -> Path:
    chosen = config.getoption("bench_dir", None)
    root = Path(chosen) if chosen else Path(tempfile.gettempdir())
    root.mkdir(parents=True, exist_ok=True)
    return root
