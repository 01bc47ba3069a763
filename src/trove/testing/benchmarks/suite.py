"""Benchmarks: what is measured, one method for each group."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from .contestant import Contestant, Durability, Entry, readers
from .crowd import Crowd
from .driver import dsn_entry
from .workload import (
    BATCH,
    BLOCK,
    KIB,
    THREADS,
    Library,
    Plan,
    Repeats,
    new_objects,
    payloads,
    shown_size,
    small_key,
)

CONTESTANTS = ("contestant", "library", "closed")
"""The fixtures that are made anew for every contestant."""

NOBODY = pytest.mark.skip(
    reason="no driver to benchmark: give -p trove.testing.pytest_plugin and --driver-dsn=DSN"
)

F = TypeVar("F", bound=Callable[..., Any])


def measured(*verbs: str, sizes: Callable[[Plan], Iterable[int]] | None = None) -> Callable[[F], F]:
    """Says which verbs a contestant must have for a benchmark, and at which sizes it runs."""

    def mark(function: F) -> F:
        function.verbs = verbs  # type: ignore[attr-defined]
        function.sizes = sizes  # type: ignore[attr-defined]
        return function

    return mark


def plan_of(config: pytest.Config) -> Plan:
    """How much is measured: little with ``--bench-quick``, and where nothing is timed."""
    return Plan(quick=any(config.getoption(name, False) for name in ("bench_quick", "benchmark_disable")))


class Measurement:
    """One benchmark of one contestant: names the group, and has pytest-benchmark time it."""

    def __init__(self, benchmark: Any, entry: Entry, plan: Plan) -> None:
        self._benchmark = benchmark
        self.entry = entry
        self.plan = plan

    def run(
        self,
        verb: str,
        call: Callable[[], object],
        repeats: Repeats,
        *,
        size: int = 0,
        durability: Durability | None = None,
        operations: int = 1,
    ) -> None:
        """Time ``call``, which does ``operations`` operations of ``size`` bytes each."""
        parts = [verb, shown_size(size) if size else "", durability or ""]
        self._benchmark.group = "-".join(part for part in parts if part)
        self._benchmark.extra_info.update(
            verb=verb,
            size=size,
            durability=durability or "",
            contestant=self.entry.name if durability else self.entry.family,
            ours=self.entry.ours,
            operations=operations,
        )
        if durability is Durability.DURABLE:
            os.sync()  # what others left in the page cache is not this contestant's to flush
        self._benchmark.pedantic(call, rounds=repeats.rounds, iterations=repeats.iterations, warmup_rounds=1)

    def write(
        self,
        verb: str,
        call: Callable[[], object],
        repeats: Repeats,
        *,
        size: int = 0,
        operations: int = 1,
    ) -> None:
        self.run(verb, call, repeats, size=size, durability=self.entry.durability, operations=operations)

    def read(
        self,
        verb: str,
        call: Callable[[], object],
        repeats: Repeats,
        *,
        size: int = 0,
        operations: int = 1,
    ) -> None:
        """Reads don't depend on flushes; but what forgets everything is no peer of what keeps it."""
        kept = self.entry.durability is not Durability.MEMORY
        durability = None if kept else Durability.MEMORY
        self.run(verb, call, repeats, size=size, durability=durability, operations=operations)


def each(function: Callable[..., object], arguments: Iterable[tuple[Any, ...]]) -> Callable[[], object]:
    """A call that takes the next of ``arguments`` each time."""
    following: Iterator[tuple[Any, ...]] = iter(list(arguments))
    return lambda: function(*next(following))


class Benchmarks:
    """The groups. Collected by pytest as a class of tests, once for every entry and size.

    A subclass names its contestants with :meth:`entries`; by itself they are those of ``--driver-dsn``.
    Objects that are put are all different, unless a benchmark is about equal ones. A group's name says how
    durable its writes are; reading is measured once for each family, of stores in memory apart.
    """

    @classmethod
    def entries(cls, config: pytest.Config) -> Sequence[Entry]:
        """The contestants."""
        named = config.getoption("driver_durability", None)
        durability = Durability(named) if named else None
        entries: list[Entry] = []
        for dsn in config.getoption("driver_dsn", None) or ():
            entry = dsn_entry(dsn, durability=durability)
            name = plain = f"{entry.family}-{entry.durability}"
            while name in [other.family for other in entries]:
                name = f"{plain}-{len(entries) + 1}"
            # A family of its own: each DSN that is given takes part in every group.
            entries.append(replace(entry, family=name))
        return entries

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if not hasattr(metafunc.function, "verbs"):
            return
        plan = plan_of(metafunc.config)
        entries = self.entries(metafunc.config)
        able = [entry for entry in entries if all(entry.can(verb) for verb in metafunc.function.verbs)]
        fixture = next(name for name in CONTESTANTS if name in metafunc.fixturenames)
        if not entries:
            missing = [name for name in ("size", fixture) if name in metafunc.fixturenames]
            metafunc.parametrize(missing, [pytest.param(*[None] * len(missing), marks=NOBODY)])
            return
        if metafunc.function.sizes is not None:
            metafunc.parametrize("size", metafunc.function.sizes(plan), ids=shown_size)
        scope: Literal["class", "function"]
        if "library" in metafunc.fixturenames:
            # By class, so that a store is filled once for all that is read from it.
            contestants, scope = readers(able), "class"
            names = [entry.family for entry in contestants]
        elif "closed" in metafunc.fixturenames:
            kept = [entry for entry in able if entry.durability is not Durability.MEMORY]
            contestants, scope = readers(kept), "function"
            names = [entry.family for entry in contestants]
        else:
            contestants, scope = able, "function"
            names = [entry.name for entry in able]
        metafunc.parametrize(fixture, contestants, ids=names, indirect=True, scope=scope)

    # Writes.

    @measured("put", sizes=lambda plan: plan.sizes)
    def test_put(self, measure: Measurement, contestant: Contestant, size: int) -> None:
        repeats = measure.plan.writes(size, measure.entry.durability)
        put = each(contestant.put, new_objects(size, repeats.calls))
        measure.write("put", put, repeats, size=size)

    @measured("put", sizes=lambda plan: plan.sizes[:3])
    def test_overwrite(self, measure: Measurement, contestant: Contestant, size: int) -> None:
        repeats = measure.plan.writes(size, measure.entry.durability)
        contents = payloads(size, repeats.calls)
        put = each(contestant.put, (("one key", data) for data in contents))
        measure.write("overwrite", put, repeats, size=size)

    @measured("put", sizes=lambda plan: plan.sizes[1:])
    def test_put_known(self, measure: Measurement, contestant: Contestant, size: int) -> None:
        """Contents that the store holds already, under other keys."""
        repeats = measure.plan.writes(size, measure.entry.durability)
        (content,) = payloads(size, 1)
        contestant.put("first", content)
        put = each(contestant.put, ((f"again-{number:08d}", content) for number in range(repeats.calls)))
        measure.write("put-known", put, repeats, size=size)

    @measured("put", "delete")
    def test_delete(self, measure: Measurement, contestant: Contestant) -> None:
        repeats = measure.plan.writes(KIB, measure.entry.durability)
        objects = list(new_objects(KIB, repeats.calls))
        for key, data in objects:
            contestant.put(key, data)
        delete = each(contestant.delete, ((key,) for key, _ in objects))
        measure.write("delete", delete, repeats, size=KIB)

    @measured("put", "copy", sizes=lambda plan: (plan.sizes[0], plan.sizes[-1]))
    def test_copy(self, measure: Measurement, contestant: Contestant, size: int) -> None:
        repeats = measure.plan.writes(size, measure.entry.durability)
        contestant.put("source", payloads(size, 1)[0])
        targets = (("source", f"target-{number:08d}") for number in range(repeats.calls))
        measure.write("copy", each(contestant.copy, targets), repeats, size=size)

    @measured("put_batch")
    def test_batch(self, measure: Measurement, contestant: Contestant) -> None:
        repeats = measure.plan.few(measure.entry.durability)
        objects = list(new_objects(KIB, repeats.calls * BATCH))
        batches = ((objects[at : at + BATCH],) for at in range(0, len(objects), BATCH))
        put = each(contestant.put_batch, batches)
        measure.write(f"batch-of-{BATCH}", put, repeats, size=KIB, operations=BATCH)

    @measured("put")
    def test_concurrent_put(self, measure: Measurement, contestant: Contestant) -> None:
        repeats = measure.plan.few(measure.entry.durability)
        each_thread = 1 if measure.plan.quick else 20
        objects = new_objects(KIB, THREADS * each_thread * repeats.calls)
        shares = [[next(objects) for _ in range(each_thread * repeats.calls)] for _ in range(THREADS)]
        following = [iter(share) for share in shares]

        def work(number: int) -> None:
            for _ in range(each_thread):
                contestant.put(*next(following[number]))

        with Crowd(THREADS, work) as crowd:
            operations = THREADS * each_thread
            measure.write(f"put-{THREADS}-threads", crowd.round, repeats, size=KIB, operations=operations)

    @measured("put_stream")
    def test_put_stream(self, measure: Measurement, contestant: Contestant) -> None:
        """From a file object."""
        size = measure.plan.stream
        repeats = Repeats(1, 1) if measure.plan.quick else Repeats(5, 1)
        files = ((key, io.BytesIO(data)) for key, data in new_objects(size, repeats.calls))
        measure.write("put-stream", each(contestant.put_stream, files), repeats, size=size)

    # Reads.

    @measured("get", sizes=lambda plan: plan.sizes)
    def test_get(self, measure: Measurement, library: Library, size: int) -> None:
        repeats = measure.plan.reads(size)
        get = each(library.contestant.get, library.keys(size, repeats.calls))
        measure.read("get", get, repeats, size=size)

    @measured("head")
    def test_head(self, measure: Measurement, library: Library) -> None:
        repeats = measure.plan.reads(KIB)
        measure.read("head", each(library.contestant.head, library.keys(KIB, repeats.calls)), repeats)

    @measured("get_range")
    def test_range(self, measure: Measurement, library: Library) -> None:
        """Some of a large object."""
        repeats = measure.plan.reads(64 * KIB)
        read = each(library.contestant.get_range, library.ranges(repeats.calls))
        measure.read(f"range-of-{shown_size(measure.plan.largest)}", read, repeats, size=64 * KIB)

    @measured("list")
    def test_list(self, measure: Measurement, library: Library) -> None:
        """A page from the middle."""
        repeats = Repeats(1, 1) if measure.plan.quick else Repeats(20, 1)
        page = measure.plan.page
        after = small_key(measure.plan.objects // 2 - page // 2)
        assert library.contestant.list(after, page) == page
        measure.read(f"list-page-of-{page}", lambda: library.contestant.list(after, page), repeats)

    @measured("get")
    def test_concurrent_get(self, measure: Measurement, library: Library) -> None:
        repeats = measure.plan.few(Durability.RELAXED)
        each_thread = 1 if measure.plan.quick else 100
        keys = [key for (key,) in library.keys(KIB, THREADS * each_thread)]

        def work(number: int) -> None:
            for key in keys[number::THREADS]:
                library.contestant.get(key)

        with Crowd(THREADS, work) as crowd:
            measure.read(f"get-{THREADS}-threads", crowd.round, repeats, size=KIB, operations=len(keys))

    @measured("put_stream", "get_stream")
    def test_get_stream(self, measure: Measurement, library: Library) -> None:
        """To nowhere, block by block."""
        size = measure.plan.stream
        library.contestant.put_stream("stream", io.BytesIO(payloads(size, 1)[0]))

        def get() -> None:
            assert library.contestant.get_stream("stream", BLOCK) == size

        measure.read("get-stream", get, measure.plan.few(Durability.RELAXED), size=size)
        library.contestant.delete("stream")

    @measured("get")
    def test_open(self, measure: Measurement, closed: Path) -> None:
        """Open a store that was closed cleanly, read one small object, close."""

        def opening() -> None:
            contestant = measure.entry.open(closed)
            contestant.get(small_key(0))
            contestant.close()

        measure.read("open", opening, Repeats(1, 1) if measure.plan.quick else Repeats(15, 1))
