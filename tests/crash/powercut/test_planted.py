"""The check finds a flush that is left out, and one that comes too late."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from crash.powercut.planted import PLANTED
from crash.powercut.searching import searched
from crash.powercut.states import Search

STATES = 150  # in which each must show,
RECORDINGS = 5  # in one of so many
# A workload in which each shows, and whether only once the state says that the store is clean.
SHOWN = {
    "pack": ("full", False),
    "one of two packs": ("processes", False),
    "folder of packs": ("from_nothing", False),
    "folder of the store": ("from_nothing", False),
    "folder above the store": ("from_nothing", False),
    "state": ("failing", False),
    "snapshot": ("full", True),
    "index": ("reopened", True),
    "index after clean": ("reopened", True),
}


def test_every_planted_fault_is_looked_for() -> None:
    assert SHOWN.keys() == PLANTED.keys()


@pytest.mark.parametrize("planted", SHOWN)
def test_the_check_finds_a_flush_that_is_left_out(recorder_library: Path, planted: str) -> None:
    workload, clean = SHOWN[planted]
    # Threads and processes come in another order in each recording, and not in each does it show.
    searches = (
        Search(workload, run=run, states=STATES, again_every=STATES, planted=planted, clean=clean, enough=1)
        for run in range(RECORDINGS)
    )
    assert any(report.failures for _, report in searched(recorder_library, searches, at_once=1))


def test_a_state_is_seen_again_by_its_number(recorder_library: Path, tmp_path: Path) -> None:
    """In the same recording, which no second run of these two processes would be."""
    kept = str(tmp_path / "kept")
    search = Search("processes", states=STATES, planted="pack", enough=1, kept=kept)
    ((_, report),) = searched(recorder_library, [search])
    ((number, wrong),) = report.failures.items()
    ((_, again),) = searched(recorder_library, [replace(search, only=int(number))])
    assert again.states == 1
    assert again.failures.keys() == {number}
    assert again.failures[number].partition("/")[0] == wrong.partition("/")[0]  # up to the path of a folder
