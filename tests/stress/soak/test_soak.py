"""A store under load answers right, and its processes take no more and more."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from .drawn import draw
from .load import CLASSES, Latencies
from .soak import soak

MIB = 1 << 20


@pytest.mark.parametrize("seconds", [6, pytest.param(120, marks=pytest.mark.slow)])
def test_nothing_grows_under_a_mixed_load(tmp_path: Path, seconds: float) -> None:
    seen = soak(tmp_path, seconds, every=seconds / 12)
    assert seen.calls() > 500
    for samples in seen.workers:
        # The first third is for caches to fill, and for objects to be as many as they will be.
        warm = samples[len(samples) // 3 :]
        begin, end = warm[0], warm[-1]
        memory = [sample["memory"] >> 20 for sample in samples]
        # A compaction holds 16 MiB and more for a moment, and what was taken once is kept for the next: so
        # memory comes to a height, which a short run climbs to in its last seconds on a quick machine.
        assert max(memory) < 160, memory
        third = len(memory) // 3
        if seconds >= 60:
            assert median(memory[-third:]) - median(memory[third : 2 * third]) < 24, memory
        assert end["descriptors"] - begin["descriptors"] < 12
    # What is live is bounded by the keys, and so is the index that says what it is.
    warm = seen.store[len(seen.store) // 2 :]
    assert warm[-1]["index"] - warm[0]["index"] < 24 * MIB, [sample["index"] >> 20 for sample in seen.store]
    assert warm[-1]["live"] - warm[0]["live"] < 64 * MIB, [sample["live"] >> 20 for sample in seen.store]
    # Space comes back: at rest all of it, and under load but for what is copied before it is removed.
    rest = seen.store[-1]
    assert rest["packs"] <= 1.1 * rest["live"] + 64 * MIB
    assert rest["packs"] + rest["index"] + rest["snapshots"] <= 1.1 * rest["live"] + 128 * MIB
    for sample in seen.store:
        assert sample["packs"] <= 2.2 * sample["live"] + 128 * MIB, sample
    paths = draw(seen, tmp_path / "charts")
    assert all(path.read_text().startswith("<svg ") for path in paths)


def test_quantiles_are_right_to_a_class() -> None:
    latencies = Latencies()
    for milliseconds in range(1, 101):
        latencies.add(milliseconds / 1000)
    assert 0.049 < latencies.quantile(0.5) < 0.058
    assert 0.098 < latencies.quantile(0.99) < 0.115
    assert CLASSES[-1] > 40
