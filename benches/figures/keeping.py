"""Versions, uploads in parts and events: what keeping more than the newest costs."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Iterator

from trove.driver import MultipartDriver, NotificationDriver, VersioningDriver
from trove.testing.benchmarks import DriverContestant

from .bench import MIB, Bench, having
from .figure import Figure
from .turns import collector_off, compare, timed, used_ratio

KEYS = 100
PART = 8 * MIB
EVENTS = 100


def versions(bench: Bench) -> Iterator[Figure]:
    plain, kept = bench.ours(), bench.ours()
    having(kept, VersioningDriver).set_versioning(kept.bucket, True)  # type: ignore[type-abstract]

    used: dict[DriverContestant, list[float]] = {kept: [], plain: []}

    def overwriting(store: DriverContestant) -> float:
        objects = bench.objects(bench.amount.puts)
        puts = [(f"k{n % KEYS}", data) for n, (_, data) in enumerate(objects)]
        return timed(store.put, puts, used[store])

    ratio = compare(lambda: overwriting(kept), lambda: overwriting(plain), 2 * bench.amount.rounds)
    yield Figure(
        "put 1 KiB over another, relaxed: time where versions are kept to where not",
        "at most 1.5x",
        1.5,
        ratio.median,
        note=f"{ratio.note(bench.amount.puts)}; {used_ratio(used[kept], used[plain])}",
    )

    def listing(store: DriverContestant) -> float:
        return timed(store.driver.list, [(store.bucket,)] * 20)

    old = bench.amount.puts * (2 * bench.amount.rounds + 1) // KEYS
    for number in range(KEYS * max(0, bench.amount.versions - old)):
        kept.put(f"k{number % KEYS}", b"x")
    ratio = compare(lambda: listing(kept), lambda: listing(plain), bench.amount.rounds)
    yield Figure(
        f"list: time with {max(old, bench.amount.versions):,} old versions behind each key to that with none",
        "the same (at most 1.2x)",
        1.2,
        ratio.median,
        note=ratio.note(20),
    )

    fresh: dict[DriverContestant, list[float]] = {kept: [], plain: []}

    def adding(store: DriverContestant) -> float:
        return timed(store.put, bench.objects(bench.amount.puts), fresh[store])

    ratio = compare(lambda: adding(kept), lambda: adding(plain), 2 * bench.amount.rounds)
    yield Figure(
        "put 1 KiB, a new key, relaxed: time where versions are kept to where not",
        "at most 1.5x",
        1.5,
        ratio.median,
        note=f"{ratio.note(bench.amount.puts)}; {used_ratio(fresh[kept], fresh[plain])}",
    )


def parts(bench: Bench) -> Iterator[Figure]:
    bench.need(bench.amount.huge)
    contents: list[bytes] = []

    def content() -> bytes:
        # Both sides of a round write the same; the next round writes something else.
        if contents:
            return contents.pop()
        contents.append(bench.content(bench.amount.huge))
        return contents[0]

    parted: list[float] = []
    whole: list[float] = []

    def in_parts() -> float:
        data = memoryview(content())
        os.sync()
        with bench.alone() as store:
            driver = having(store, MultipartDriver)  # type: ignore[type-abstract]

            def upload() -> None:
                upload_id = driver.initiate_multipart(store.bucket, "k")
                sent = [
                    driver.upload_part(store.bucket, "k", upload_id, number, data[at : at + PART])
                    for number, at in enumerate(range(0, len(data), PART), 1)
                ]
                driver.complete_multipart(store.bucket, "k", upload_id, sent)

            return timed(upload, [()], parted)

    def at_once() -> float:
        data = content()
        os.sync()
        with bench.alone() as store:
            return timed(store.driver.put, [(store.bucket, "k", data)], whole)

    ratio = compare(in_parts, at_once, bench.amount.large_rounds).inverted()
    yield Figure(
        "upload of 1 GiB in parts of 8 MiB, relaxed: throughput to that of one put",
        "at least 0.9x",
        0.9,
        ratio.median,
        at_least=True,
        note=f"{ratio.note()}; {used_ratio(whole, parted)}",
    )

    store = bench.ours()
    driver = having(store, MultipartDriver)  # type: ignore[type-abstract]
    upload_id = driver.initiate_multipart(store.bucket, "many")
    sent = [
        driver.upload_part(store.bucket, "many", upload_id, number, data)
        for number, (_, data) in enumerate(bench.objects(bench.amount.parts), 1)
    ]
    yield Figure(
        f"complete an upload of {len(sent):,} parts",
        "under 1 s",
        1.0,
        timed(driver.complete_multipart, [(store.bucket, "many", upload_id, sent)]),
        "s",
    )


def events(bench: Bench) -> Iterator[Figure]:
    store = bench.ours()
    driver = having(store, NotificationDriver)  # type: ignore[type-abstract]
    late: list[float] = []
    with driver.watch(store.bucket) as watcher:
        for _, data in bench.objects(EVENTS):
            came: list[float] = []

            def wait(came: list[float] = came) -> None:
                watcher.get()
                came.append(time.perf_counter())

            thread = threading.Thread(target=wait)
            with collector_off():
                thread.start()
                time.sleep(0.002)  # until it waits
                store.put("watched", data)
                done = time.perf_counter()
                thread.join()
            late.append((came[0] - done) * 1000)
    yield Figure(
        "watch: from a put's return to its event, another thread",
        "within 20 ms",
        20.0,
        max(late),
        "ms",
        note=f"the slowest of {EVENTS}; median {statistics.median(late):.3g} ms",
    )
