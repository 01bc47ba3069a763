"""The class COLD: what it costs that objects are stored compressed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from trove._engine.cold import COLD, compressed, decompressed
from trove.testing.benchmarks.workload import shown_size

from .bench import Bench
from .figure import Figure
from .turns import compare, timed

HALVES = bytes(each & 15 for each in range(256))
"""Of random bytes with the upper half of each gone, a little more than half is left."""

CHUNK = 64 << 10
"""Bytes that are compressed by themselves, when nobody stores them."""


def cold(bench: Bench) -> Iterator[Figure]:
    size = shown_size(bench.amount.large)
    ours = bench.ours()
    data = bench.content(bench.amount.large).translate(HALVES)
    ours.driver.put(ours.bucket, "plain", data)
    ours.driver.put(ours.bucket, "cold", data, storage_class=COLD)
    if ours.get("cold") != data or ours.get("plain") != data:
        raise AssertionError("what was read is not what was put")
    pieces = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
    frames = [(compressed(piece), len(piece)) for piece in pieces]

    def get(key: str) -> Callable[[], float]:
        return lambda: timed(ours.get, [(key,)] * 3)

    ratio = compare(get("cold"), lambda: 3 * timed(decompressed, frames), bench.amount.rounds)
    yield Figure(
        f"get {size} COLD: time to decompressing as much, 64 KiB at a time",
        "at most 1.5x",
        1.5,
        ratio.median,
        note=ratio.note(3),
    )
    ratio = compare(get("cold"), get("plain"), bench.amount.rounds)
    yield Figure(f"get {size} COLD: time to STANDARD", "at most 30x", 30, ratio.median, note=ratio.note(3))
    ratio = compare(
        lambda: putting(bench, data),
        lambda: timed(compressed, [(piece,) for piece in pieces]),
        bench.amount.rounds,
    )
    yield Figure(
        f"put {size} COLD from memory: time to compressing as much, 64 KiB at a time",
        "at most 1.3x",
        1.3,
        ratio.median,
        note=ratio.note(),
    )


def putting(bench: Bench, data: bytes) -> float:
    """Seconds of a cold put into a new store."""
    with bench.alone() as store:
        return timed(lambda: store.driver.put(store.bucket, "k", data, storage_class=COLD), [()])
