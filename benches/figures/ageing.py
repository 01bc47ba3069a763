"""Lifecycle: what it costs that rules apply, and to apply them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from trove.driver import LifecycleDriver, LifecycleRule
from trove.testing.benchmarks import DriverContestant

from .bench import Bench, having
from .figure import Figure
from .turns import compare, timed

DAY = timedelta(days=1)
RULES = [
    LifecycleRule("soon", prefix="soon/", expiration_days=1),
    LifecycleRule("late", expiration_days=365),
    LifecycleRule("cold", transition_days=30, transition_storage="COLD"),
]


def rules(bench: Bench) -> Iterator[Figure]:
    few, many = (_ruled(bench, count) for count in (bench.amount.library, 10 * bench.amount.library))
    due = bench.amount.puts

    def applying(store: DriverContestant) -> float:
        driver = having(store, LifecycleDriver)  # type: ignore[type-abstract]
        for key, data in bench.objects(due, 1):
            store.put(f"soon/{key}", data)
        return timed(driver.apply_lifecycle, [(datetime.now(UTC) + 2 * DAY,)])

    ratio = compare(lambda: applying(many), lambda: applying(few), bench.amount.rounds)
    there = 10 * bench.amount.library
    yield Figure(
        f"apply rules to {due:,} due among {there:,} objects: time to that among a tenth of these",
        "what is due (at most 1.5x)",
        1.5,
        ratio.median,
        note=ratio.note(due),
    )

    plain, ruled = bench.ours(), _ruled(bench, 0)

    def putting(store: DriverContestant) -> float:
        return timed(store.put, bench.objects(bench.amount.puts))

    ratio = compare(lambda: putting(ruled), lambda: putting(plain), bench.amount.rounds)
    yield Figure(
        "put 1 KiB, a new key, relaxed: time where rules apply to where none do",
        "at most 2x",
        2.0,
        ratio.median,
        note=ratio.note(bench.amount.puts),
    )


def _ruled(bench: Bench, count: int) -> DriverContestant:
    """A store with rules, and that many objects that none of them is due for soon."""
    store = bench.ours()
    having(store, LifecycleDriver).set_lifecycle(store.bucket, RULES)  # type: ignore[type-abstract]
    for key, data in bench.objects(count, 1):
        store.put(key, data)
    return store
