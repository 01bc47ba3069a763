"""Large objects: put, get, copy and a view, against plain files."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator

from trove.testing.benchmarks.workload import shown_size

from .bench import Bench, UnavailableError
from .figure import Figure
from .turns import compare, timed

COPIES = 20
"""Copies timed in a round, where one is quick; ENOUGH seconds of copying are enough."""

QUICK_COPY = 0.01
ENOUGH = 5.0


def put_large(bench: Bench) -> Iterator[Figure]:
    for size, rounds in (
        (bench.amount.large, bench.amount.rounds),
        (bench.amount.huge, bench.amount.large_rounds),
    ):
        bench.need(size)
        contents: list[bytes] = []

        def content(size: int = size, contents: list[bytes] = contents) -> bytes:
            # Both sides of a round write the same; the next round writes something else.
            if contents:
                return contents.pop()
            contents.append(bench.content(size))
            return contents[0]

        def ours() -> float:
            data = content()
            os.sync()
            with bench.alone() as store:
                return timed(store.driver.put, [(store.bucket, "large", data)])

        def plain() -> float:
            data = content()
            os.sync()
            path = bench.folder / "plain"
            try:
                return timed(_write, [(path, data)])
            finally:
                path.unlink()

        ratio = compare(ours, plain, rounds).inverted()
        yield Figure(
            f"put {shown_size(size)} from memory: throughput to one plain buffered write",
            "at least 0.8x",
            0.8,
            ratio.median,
            at_least=True,
            note=ratio.note(),
        )


def put_known(bench: Bench) -> Iterator[Figure]:
    ours = bench.ours()
    pending: list[bytes] = []

    def first() -> float:
        ((key, data),) = bench.objects(1, bench.amount.large)
        pending.append(data)
        return timed(ours.put, [(key, data)])

    def again() -> float:
        # A content that another round has stored, when this one begins with the second put.
        ((key, _),) = bench.objects(1, 1)
        return timed(ours.put, [(key, pending.pop(0))])

    first()
    ratio = compare(again, first, bench.amount.rounds)
    yield Figure(
        f"put of {shown_size(bench.amount.large)} already stored: time to storing it first",
        "below 1x",
        1.0,
        ratio.median,
        note=ratio.note(),
    )


def get_large(bench: Bench) -> Iterator[Figure]:
    ours = bench.ours()
    ((key, data),) = bench.objects(1, bench.amount.large)
    ours.put(key, data)
    path = bench.new_folder() / "plain"
    _write(path, data)

    def read() -> bytes:
        with open(path, "rb") as file:
            return file.read()

    if ours.get(key) != data or read() != data:
        raise AssertionError("what was read is not what was put")
    ratio = compare(lambda: timed(ours.get, [(key,)] * 5), lambda: timed(read, [()] * 5), bench.amount.rounds)
    yield Figure(
        f"get {shown_size(bench.amount.large)}: time to open(path, 'rb').read()",
        "at most 1x",
        1.0,
        ratio.median,
        note=ratio.note(5),
    )


def view(bench: Bench) -> Iterator[Figure]:
    ours = bench.ours()
    ((key, data),) = bench.objects(1, bench.amount.large)
    ours.put(key, data)

    def look() -> None:
        with ours.driver.get(ours.bucket, key) as reader:
            reader.view()  # type: ignore[attr-defined]  # the engine's readers have it

    with ours.driver.get(ours.bucket, key) as reader:
        if not hasattr(reader, "view"):
            raise UnavailableError(f"the readers of driver {ours.driver.name!r} have no view()")
        if reader.view() != data:
            raise AssertionError("the view is not what was put")
    calls = 20
    seconds = statistics.median(timed(look, [()] * calls) / calls for _ in range(bench.amount.rounds))
    yield Figure(
        f"view of {shown_size(bench.amount.large)}, its get included",
        "under 10 us",
        10.0,
        seconds * 1e6,
        "us",
    )


def copy_huge(bench: Bench) -> Iterator[Figure]:
    bench.need(2 * bench.amount.huge)
    ours = bench.ours()
    ours.driver.put(ours.bucket, "huge", bench.content(bench.amount.huge))
    os.sync()
    times: list[float] = []
    # A driver that copies the bytes would fill the disk: it makes one copy at a time, and not for long.
    calls = COPIES if timed(ours.copy, [("huge", "first")]) < QUICK_COPY else 1
    for _ in range(bench.amount.rounds):
        targets = [f"copy-{number}" for number in range(calls)]
        times.append(timed(ours.copy, [("huge", target) for target in targets]) / calls)
        for target in targets:
            ours.delete(target)
        if sum(times) > ENOUGH and len(times) >= bench.amount.large_rounds:
            break
    yield Figure(
        f"copy of {shown_size(bench.amount.huge)}, relaxed",
        "under 100 us",
        100.0,
        statistics.median(times) * 1e6,
        "us",
        note=f"{calls * len(times)} copies",
    )


def _write(path: os.PathLike[str], data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
