"""Compaction: how fast space comes back, and what those feel who read meanwhile."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

from trove.testing.benchmarks import DriverContestant

from .bench import MIB, Bench, UnavailableError
from .figure import Figure
from .turns import collector_off, compare, timed

OBJECT = MIB
COPIED_AT_ONCE = 4 * MIB
ALLOWED = 1.1  # bytes in packs for each that lives,
AND = 64 * MIB  # and so many more


class Compacting(Protocol):
    """What a driver has that can be compacted."""

    def compact(self) -> object: ...


class Counting(Protocol):
    """What the engine says of its space, in bytes."""

    @property
    def live_bytes(self) -> int: ...
    @property
    def pack_bytes(self) -> int: ...


def compaction(bench: Bench) -> Iterator[Figure]:
    bench.need(2 * bench.amount.huge)
    count = max(8, bench.amount.huge // OBJECT)

    def compacted() -> float:
        with half_dead(bench, count) as (store, _):
            os.sync()
            return timed(_compacting(store).compact, [()])

    def copied() -> float:
        folder = bench.new_folder()
        source = folder / "source"
        source.write_bytes(bench.content(count // 2 * OBJECT))
        os.sync()
        seconds = timed(_copy, [(source, folder / "copy")])
        shutil.rmtree(folder)
        return seconds

    ratio = compare(compacted, copied, bench.amount.large_rounds).inverted()
    yield Figure(
        "compaction, half of it dead: throughput to that of a copy of what lives, flushed",
        "at least 0.5x",
        0.5,
        ratio.median,
        at_least=True,
        note=ratio.note(),
    )
    yield from _meanwhile(bench, count)


def _meanwhile(bench: Bench, count: int) -> Iterator[Figure]:
    with half_dead(bench, count) as (store, keys):
        quiet = _slowest(bench, store, keys, lambda done: done >= bench.amount.gets)
        thread = threading.Thread(target=_compacting(store).compact)
        thread.start()
        busy = _slowest(bench, store, keys, lambda _: not thread.is_alive())
        thread.join()
        stats = cast("Counting", store.driver.stats())  # type: ignore[attr-defined]
        yield Figure(
            "get 1 KiB during a compaction: its slowest 1 % to that of a quiet store",
            "at most 3x",
            3.0,
            busy / quiet,
            note=f"{busy * 1e6:.0f} us to {quiet * 1e6:.0f} us",
        )
        yield Figure(
            "packs after a compaction: bytes beyond 1.1 x what lives",
            "at most 64 MiB",
            64.0,
            max(0.0, stats.pack_bytes - ALLOWED * stats.live_bytes) / MIB,
            "MiB",
            note=f"{stats.pack_bytes / MIB:.0f} MiB for {stats.live_bytes / MIB:.0f} MiB",
        )


@contextmanager
def half_dead(bench: Bench, count: int) -> Iterator[tuple[DriverContestant, list[str]]]:
    """A store of large objects of which every other one was deleted, and keys of small ones in it."""
    with bench.alone("&compaction=off") as store:
        small = bench.objects(100)
        for key, data in small:
            store.put(key, data)
        for number in range(count):
            store.put(f"large-{number}", bench.content(OBJECT))
        for number in range(0, count, 2):
            store.driver.delete(store.bucket, f"large-{number}")
        yield store, [key for key, _ in small]


def _slowest(bench: Bench, store: DriverContestant, keys: list[str], ended: Callable[[int], bool]) -> float:
    """The seconds that the slowest one in a hundred of the gets took until ``ended(count)``."""
    times: list[float] = []
    with collector_off():
        while not ended(len(times)):
            for (key,) in bench.chosen(keys, 20):
                begin = time.perf_counter()
                store.get(key)
                times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) * 99 // 100]


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as written:
        shutil.copyfileobj(read, written, COPIED_AT_ONCE)
        written.flush()
        os.fsync(written.fileno())


def _compacting(store: DriverContestant) -> Compacting:
    if not callable(getattr(store.driver, "compact", None)):
        raise UnavailableError(f"driver {store.driver.name!r} has no compact")
    return cast("Compacting", store.driver)
