"""The check finds a flush that is left out, and one that comes too late."""

from __future__ import annotations

from pathlib import Path

import pytest

from crash.powercut.planted import PLANTED
from crash.powercut.searching import searched
from crash.powercut.states import Search

STATES = 40


def failures(library: Path, search: Search) -> list[str]:
    return [wrong for _, report in searched(library, [search]) for wrong in report.failures.values()]


@pytest.mark.parametrize(
    ("planted", "workload", "clean"),
    [
        ("pack", "full", False),
        ("folder of packs", "from_nothing", False),
        ("index", "reopened", True),
        ("index after clean", "full", True),
    ],
)
def test_the_check_finds(recorder_library: Path, planted: str, workload: str, clean: bool) -> None:
    assert planted in PLANTED
    search = Search(workload, states=STATES, planted=planted, clean=clean, again_every=STATES)
    assert failures(recorder_library, search)
