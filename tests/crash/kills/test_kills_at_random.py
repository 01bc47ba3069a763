"""Clients that are killed at any instant: all that they were told is so, and nothing half done is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash.kills.siege import Siege
from harness.alone import alone

LIFE = 4  # rounds that a store sees


@alone(timeout=1800)
@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("rounds", [8, pytest.param(300, marks=pytest.mark.slow)])
def test_what_was_acknowledged_outlives_its_writers(tmp_path: Path, seed: int, rounds: int) -> None:
    siege = Siege(tmp_path, seed)
    for number in range(rounds):
        if number and number % LIFE == 0:
            siege.new_store()
        siege.round()
    assert siege.counts["calls"] > 100 * rounds
