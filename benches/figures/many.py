"""Many objects: listing among a million, the cost of a million against ten thousand, opening, rebuilding."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from trove.testing.benchmarks import DriverContestant

from .bench import KIB, Bench, UnavailableError
from .figure import Figure
from .turns import compare, shown_time, timed

PAGE = 1000
BATCH = 1000


def many(bench: Bench) -> Iterator[Figure]:
    """All figures of the large store, which is filled once."""
    bench.need(2 * KIB * bench.amount.many)
    folder = bench.new_folder()
    large = bench.reopened(folder)
    keys = _fill(bench, large, bench.amount.many)
    yield from _listing(bench, large, keys)
    yield from _growth(bench, large, keys)
    large.close()
    yield _opening(bench, folder)
    yield _rebuilding(bench, folder, keys[-1])


def _fill(bench: Bench, store: DriverContestant, count: int) -> list[str]:
    keys: list[str] = []
    while len(keys) < count:
        objects = bench.objects(min(BATCH, count - len(keys)))
        store.put_batch(objects)
        keys += [key for key, _ in objects]
    return keys


def _listing(bench: Bench, large: DriverContestant, keys: list[str]) -> Iterator[Figure]:
    page = min(PAGE, len(keys) // 3)
    last = keys[-page - 1]
    for after in ("", last):
        if large.list(after, page) != page:
            raise AssertionError("a page is not full")
    ratio = compare(
        lambda: timed(large.list, [(last, page)] * 5),
        lambda: timed(large.list, [("", page)] * 5),
        bench.amount.rounds,
    )
    of = f"among {len(keys):,} keys"
    for where, seconds in (("start", ratio.second), ("end", ratio.first)):
        yield Figure(
            f"list, a page of {page:,} at the {where} {of}: time for a key",
            "at most 0.5 us",
            0.5,
            seconds / 5 / page * 1e6,
            "us",
        )
    yield Figure(
        f"list, a page at the end to one at the start {of}",
        "the same (at most 1.2x)",
        1.2,
        ratio.median,
        note=ratio.note(5),
    )


def _growth(bench: Bench, large: DriverContestant, keys: list[str]) -> Iterator[Figure]:
    small = bench.ours()
    few = _fill(bench, small, max(1, bench.amount.many // 100))
    of = f"with {len(keys):,} objects to that with {len(few):,}"
    count = bench.amount.puts
    ratio = compare(
        lambda: timed(large.put, bench.objects(count)),
        lambda: timed(small.put, bench.objects(count)),
        bench.amount.rounds,
    )
    yield Figure(f"put 1 KiB, relaxed: time {of}", "at most 1.5x", 1.5, ratio.median, note=ratio.note(count))
    count = bench.amount.gets
    ratio = compare(
        lambda: timed(large.get, bench.chosen(keys, count)),
        lambda: timed(small.get, bench.chosen(few, count)),
        bench.amount.rounds,
    )
    yield Figure(f"get 1 KiB: time {of}", "at most 1.5x", 1.5, ratio.median, note=ratio.note(count))


def _opening(bench: Bench, folder: Path) -> Figure:
    times: list[float] = []
    for _ in range(bench.amount.rounds):
        begin = time.perf_counter()
        store = bench.reopened(folder)
        times.append(time.perf_counter() - begin)
        store.close()
    return Figure(
        f"clean open with {bench.amount.many:,} objects",
        "under 20 ms",
        20.0,
        statistics.median(times) * 1e3,
        "ms",
    )


def _rebuilding(bench: Bench, folder: Path, last: str) -> Figure:
    """The store without what is derived from its log, opened: what it takes longer is the rebuild."""
    if not (folder / "index").is_dir():
        raise UnavailableError("the driver keeps no index that could be rebuilt from a log")
    for derived in ("index", "snapshots"):
        shutil.rmtree(folder / derived, ignore_errors=True)
    begin = time.perf_counter()
    store = bench.reopened(folder)
    seconds = time.perf_counter() - begin
    store.head(last)
    return Figure(
        "rebuild of the index from the log: objects a second",
        "at least 200,000/s",
        200_000,
        bench.amount.many / seconds,
        "/s",
        at_least=True,
        note=f"{bench.amount.many:,} objects in {shown_time(seconds)}",
    )
