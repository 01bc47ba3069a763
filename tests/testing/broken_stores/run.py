"""Runs the suite for stores on broken ones in one pytest session: ``python run.py REPORT FAULT...``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import faulty_session

from broken_stores import FAULTS, Fault
from trove.store import Store
from trove.testing import ManualClock, StoreSuite


def suite_for(fault: Fault) -> type[StoreSuite]:
    """The suite on a broken store, as a class that pytest collects."""

    def store(self: object, clock: ManualClock) -> Iterator[Store]:
        with fault.store(clock=clock) as made:
            yield made

    attributes = {"store": pytest.fixture(store), "__module__": __name__}
    return type(f"Test{fault.store.__name__}", (StoreSuite,), attributes)


# pytest imports this file once more, as the module whose classes it collects.
for name in faulty_session.chosen():
    globals()[f"Test{name}"] = suite_for(FAULTS[name])

if __name__ == "__main__":
    faulty_session.run(__file__, *sys.argv[1:])
