"""Small objects: put, get, head and delete of 1 KiB."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from trove.testing.benchmarks import Contestant
from trove.testing.benchmarks.crowd import Crowd
from trove.testing.benchmarks.workload import THREADS

from .bench import Bench
from .figure import Figure
from .turns import Ratio, compare, timed


def put_relaxed(bench: Bench) -> Iterator[Figure]:
    ours = bench.ours("relaxed")
    ratio = _puts(bench, ours, bench.peer("rocksdict-nosync"), bench.amount.puts)
    yield Figure(
        "put 1 KiB, relaxed, one thread: time to RocksDB's, no sync",
        "at most 1x",
        1.0,
        ratio.median,
        note=ratio.note(bench.amount.puts),
    )
    ratio = _puts(bench, ours, bench.peer("diskcache"), bench.amount.puts).inverted()
    yield Figure(
        "put 1 KiB, relaxed, one thread: diskcache's time to ours",
        "at least 10x",
        10.0,
        ratio.median,
        at_least=True,
        note=ratio.note(bench.amount.puts),
    )


def put_full(bench: Bench) -> Iterator[Figure]:
    ours = bench.ours("full")
    path = bench.new_folder() / "log"
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append(key: str, data: bytes) -> None:
        os.write(log, data)
        _flush(log)

    count = bench.amount.durable_puts
    try:
        ratio = compare(_writing(bench, ours.put, count), _writing(bench, append, count), bench.amount.rounds)
    finally:
        os.close(log)
    yield Figure(
        "put 1 KiB, full, one thread: time to a bare write + fdatasync",
        "at most 1.3x",
        1.3,
        ratio.median,
        note=ratio.note(count),
    )
    ratio = _puts(bench, ours, bench.peer("sqlite3-full"), count)
    yield Figure(
        "put 1 KiB, full, one thread: time to SQLite's, synchronous=FULL",
        "below 1x",
        1.0,
        ratio.median,
        note=ratio.note(count),
    )


def put_full_threads(bench: Bench) -> Iterator[Figure]:
    ours = bench.ours("full")
    count = max(1, bench.amount.durable_puts // 5)

    def work(number: int) -> None:
        for key, data in shares[number]:
            ours.put(key, data)

    def many() -> float:
        shares[:] = [bench.objects(count) for _ in range(THREADS)]
        return timed(crowd.round, [()]) / THREADS

    shares: list[list[tuple[str, bytes]]] = []
    with Crowd(THREADS, work) as crowd:
        ratio = compare(_writing(bench, ours.put, count), many, bench.amount.rounds)
    yield Figure(
        f"put 1 KiB, full: throughput of {THREADS} threads to one's",
        "at least 6x",
        6.0,
        ratio.median,
        at_least=True,
        note=ratio.note(count) + " a put",
    )


def get(bench: Bench) -> Iterator[Figure]:
    ours = bench.ours()
    objects = bench.objects(bench.amount.library)
    targets = (("rocksdict-nosync", "RocksDB's", 1.0), ("lmdb-nosync", "a bare lmdb get", 2.0))
    for name, shown, bound in targets:
        ratio = _gets(bench, objects, ours, bench.peer(name))
        yield Figure(
            f"get 1 KiB: time to {shown}",
            f"at most {bound:g}x",
            bound,
            ratio.median,
            note=ratio.note(bench.amount.gets),
        )
    ratio = _gets(bench, objects, ours, bench.peer("diskcache")).inverted()
    yield Figure(
        "get 1 KiB: diskcache's time to ours",
        "at least 4x",
        4.0,
        ratio.median,
        at_least=True,
        note=ratio.note(bench.amount.gets),
    )


def head_and_delete(bench: Bench) -> Iterator[Figure]:
    ours = bench.ours()
    keys = _filled(ours, bench.objects(bench.amount.library))
    ratio = compare(
        lambda: timed(ours.head, bench.chosen(keys, bench.amount.gets)),
        lambda: timed(ours.get, bench.chosen(keys, bench.amount.gets)),
        bench.amount.rounds,
    )
    yield Figure("head: time to get's", "at most 1x", 1.0, ratio.median, note=ratio.note(bench.amount.gets))

    there: list[tuple[str]] = []

    def put() -> float:
        objects = bench.objects(bench.amount.puts)
        there.extend((key,) for key, _ in objects)
        return timed(ours.put, objects)

    def delete() -> float:
        going, there[:] = there[: bench.amount.puts], there[bench.amount.puts :]
        return timed(ours.delete, going)

    put()  # whoever begins a round, there is something to delete
    ratio = compare(delete, put, bench.amount.rounds)
    yield Figure(
        "delete, relaxed: time to put's", "at most 1x", 1.0, ratio.median, note=ratio.note(bench.amount.puts)
    )


def _writing(bench: Bench, put: Callable[[str, bytes], object], count: int) -> Callable[[], float]:
    return lambda: timed(put, bench.objects(count))


def _puts(bench: Bench, ours: Contestant, peer: Contestant, count: int) -> Ratio:
    os.sync()  # what was written before is nobody's to flush in this comparison
    return compare(_writing(bench, ours.put, count), _writing(bench, peer.put, count), bench.amount.rounds)


def _gets(bench: Bench, objects: list[tuple[str, bytes]], ours: Contestant, peer: Contestant) -> Ratio:
    keys = _filled(ours, objects)
    _filled(peer, objects)
    return compare(
        lambda: timed(ours.get, bench.chosen(keys, bench.amount.gets)),
        lambda: timed(peer.get, bench.chosen(keys, bench.amount.gets)),
        bench.amount.rounds,
    )


def _filled(contestant: Contestant, objects: list[tuple[str, bytes]]) -> list[str]:
    """Put and read ``objects`` once: a first read may verify what later ones needn't; their keys."""
    for key, data in objects:
        contestant.put(key, data)
    for key, data in objects:
        if contestant.get(key) != data:
            raise AssertionError(f"{key} was not read as it was put")
    return [key for key, _ in objects]


# macOS has no fdatasync.
_flush = getattr(os, "fdatasync", os.fsync)
