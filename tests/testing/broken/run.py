"""Runs the suite on broken drivers in one pytest session: ``python run.py REPORT FAULT...``.

Writes to REPORT, as JSON, the names of the tests that failed on each driver. It is a program of its own so
that two can run side by side, and so that what a broken driver leaves behind stays there.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from broken import FAULTS, Fault
from trove.testing import DriverSuite
from trove.testing.suite import threads

CHOSEN = "TROVE_BROKEN_DRIVERS"
"""The environment variable with the names of the faults of this session."""

PARAMETERS = int(os.environ.get("TROVE_BROKEN_PARAMETERS", "1"))
"""With how many parameters a test is run that is not expected to fail; those that are run with all."""


def suite_for(fault: Fault) -> type[DriverSuite]:
    """The suite on a broken driver, as a class that pytest collects."""

    def driver(self: object) -> Iterator[object]:
        drv = fault.driver()
        drv.open("mem://")
        yield drv
        if drv._store is not None:
            drv.close()

    fixture = pytest.fixture(driver)
    attributes = {"driver": fixture, "LIFETIME": 0.15, "STALL": 0.05, "ROUNDS": 5, "__module__": __name__}
    return type(f"Test{fault.driver.__name__}", (DriverSuite,), attributes)


class Recorder:
    def __init__(self) -> None:
        self.failed: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        kept, seen = [], defaultdict[tuple[object, str], int](int)
        for item in items:
            fault = item.cls.__name__.removeprefix("Test")
            seen[fault, item.originalname] += 1
            if seen[fault, item.originalname] <= PARAMETERS or item.originalname in FAULTS[fault].caught_by:
                kept.append(item)
        items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            _, fault, test = report.nodeid.split("::", 2)
            self.failed[fault.removeprefix("Test")].add(test.partition("[")[0])


def main(report: str, *names: str) -> None:
    os.environ[CHOSEN] = " ".join(names)
    recorder = Recorder()
    options = ["-q", "-s", "--tb=no", "--no-header", "--no-summary"]
    for plugin in ("cacheprovider", "xdist", "logging", "warnings", "unraisableexception", "threadexception"):
        options += ["-p", f"no:{plugin}"]
    with tempfile.TemporaryDirectory() as folder:
        places = ["-c", os.devnull, "--noconftest", "--basetemp", f"{folder}/pytest"]
        pytest.main([*options, *places, __file__], plugins=[recorder])
    Path(report).write_text(json.dumps({name: sorted(recorder.failed[name]) for name in names}))


# On these drivers, all in memory, what has not come after this many seconds never will.
threads.PATIENCE = 20.0

# pytest imports this file once more, as the module whose classes it collects.
for chosen in os.environ.get(CHOSEN, "").split():
    globals()[f"Test{chosen}"] = suite_for(FAULTS[chosen])

if __name__ == "__main__":
    main(*sys.argv[1:])
