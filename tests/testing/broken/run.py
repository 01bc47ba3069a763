"""Runs the suite on broken drivers in one pytest session, of which two can run side by side:
``python run.py REPORT FAULT...``.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import faulty_session

from broken import FAULTS, Fault
from trove.testing import DriverSuite
from trove.testing.suite import threads

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


class FewParameters:
    """Leaves out tests with more parameters than say something."""

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        kept, seen = [], defaultdict[tuple[object, str], int](int)
        for item in items:
            fault = item.cls.__name__.removeprefix("Test")
            seen[fault, item.originalname] += 1
            if seen[fault, item.originalname] <= PARAMETERS or item.originalname in FAULTS[fault].caught_by:
                kept.append(item)
        items[:] = kept


# On these drivers, all in memory, what has not come after this many seconds never will.
threads.PATIENCE = 20.0

# pytest imports this file once more, as the module whose classes it collects.
for name in faulty_session.chosen():
    globals()[f"Test{name}"] = suite_for(FAULTS[name])

if __name__ == "__main__":
    faulty_session.run(__file__, *sys.argv[1:], plugins=(FewParameters(),))
