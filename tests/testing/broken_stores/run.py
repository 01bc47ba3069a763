"""Runs the suite for stores on broken ones in one pytest session: ``python run.py REPORT FAULT...``.

Writes to REPORT, as JSON, the names of the tests that failed on each store. It is a program of its own, so
that what a broken store leaves behind stays there.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from broken_stores import FAULTS, Fault
from trove.store import Store
from trove.testing import ManualClock, StoreSuite

CHOSEN = "TROVE_BROKEN_STORES"
"""The environment variable with the names of the faults of this session."""


def suite_for(fault: Fault) -> type[StoreSuite]:
    """The suite on a broken store, as a class that pytest collects."""

    def store(self: object, clock: ManualClock) -> Iterator[Store]:
        with fault.store(clock=clock) as made:
            yield made

    attributes = {"store": pytest.fixture(store), "__module__": __name__}
    return type(f"Test{fault.store.__name__}", (StoreSuite,), attributes)


class Recorder:
    def __init__(self) -> None:
        self.failed: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            _, fault, test = report.nodeid.split("::", 2)
            self.failed[fault.removeprefix("Test")].add(test.partition("[")[0])


def main(report: str, *names: str) -> None:
    os.environ[CHOSEN] = " ".join(names)
    recorder = Recorder()
    options = ["-q", "-s", "--tb=no", "--no-header", "--no-summary", "-c", os.devnull, "--noconftest"]
    for plugin in ("cacheprovider", "xdist", "logging", "warnings", "unraisableexception", "threadexception"):
        options += ["-p", f"no:{plugin}"]
    pytest.main([*options, __file__], plugins=[recorder])
    Path(report).write_text(json.dumps({name: sorted(recorder.failed[name]) for name in names}))


# pytest imports this file once more, as the module whose classes it collects.
for chosen in os.environ.get(CHOSEN, "").split():
    globals()[f"Test{chosen}"] = suite_for(FAULTS[chosen])

if __name__ == "__main__":
    main(*sys.argv[1:])
