"""After a power cut at any moment a store opens, is sound, and has everything that it promised."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash.powercut.searching import in_words, kept, searched
from crash.powercut.states import Search
from crash.powercut.workloads import WORKLOADS

SHORT = 20  # cuts of each recording
LONG = 300
RUNS = 3


@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_store_has_all_that_it_promised_after_a_power_cut(recorder_library: Path, workload: str) -> None:
    search = Search(workload, states=SHORT, kept=kept(workload, 0))
    for _, report in searched(recorder_library, [search]):
        assert report.states >= SHORT
        assert not report.failures, in_words(report)


@pytest.mark.slow
@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_store_has_all_that_it_promised_after_any_of_many_power_cuts(
    recorder_library: Path, workload: str
) -> None:
    searches = [Search(workload, run, LONG, kept=kept(workload, run)) for run in range(1, 1 + RUNS)]
    for _, report in searched(recorder_library, searches):
        assert report.states >= LONG
        assert not report.failures, in_words(report)
