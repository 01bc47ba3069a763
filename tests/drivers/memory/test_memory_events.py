"""The events of a memory store: how many are kept, and how a watcher waits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import trove
from trove import EventsLostError, EventType, InvalidArgumentError, LifecycleRule, Watcher
from trove.drivers import MemoryDriver

KEPT = 3
PATIENCE = 30.0
"""Seconds after which a test gives up on what has to come; none of it is waited for otherwise."""


@pytest.fixture
def small() -> Iterator[MemoryDriver]:
    """A store that keeps three events, with the bucket ``b``."""
    with trove.open(f"mem://?events={KEPT}") as driver:
        assert isinstance(driver, MemoryDriver)
        driver.create_bucket("b")
        yield driver


def puts(driver: MemoryDriver, number: int, bucket: str = "b") -> None:
    for each in range(number):
        driver.put(bucket, f"k{each}", b"x")


def keys(watcher: Watcher) -> list[str]:
    return [event.key for event in iter(lambda: watcher.get(0), None)]


# What is kept.


def test_watcher_that_is_just_in_time_loses_nothing(small: MemoryDriver) -> None:
    with small.watch("b") as watcher:
        puts(small, KEPT)
        assert keys(watcher) == ["k0", "k1", "k2"]
        puts(small, KEPT)
        assert keys(watcher) == ["k0", "k1", "k2"]


def test_watcher_that_fell_behind_is_told_which_events_are_lost(small: MemoryDriver) -> None:
    with small.watch("b") as watcher:
        puts(small, KEPT + 2)
        for _ in range(2):
            with pytest.raises(EventsLostError, match="events 1 to 2 are no longer kept"):
                watcher.get(0)
        with pytest.raises(EventsLostError):
            next(watcher)


def test_events_of_other_buckets_count_to_those_that_are_kept(small: MemoryDriver) -> None:
    small.create_bucket("noisy")
    with small.watch("b") as watcher:
        puts(small, KEPT + 1, "noisy")
        with pytest.raises(EventsLostError):
            watcher.get(0)


@pytest.mark.parametrize("since", [0, 1])
def test_watching_since_an_event_that_is_gone_is_refused_at_once(small: MemoryDriver, since: int) -> None:
    puts(small, KEPT + 2)
    with pytest.raises(EventsLostError, match="list the bucket"):
        small.watch("b", since=since)


def test_watching_since_the_event_before_the_oldest_gives_all(small: MemoryDriver) -> None:
    puts(small, KEPT + 2)
    assert keys(small.watch("b", since=2)) == ["k2", "k3", "k4"]
    assert keys(small.watch("b", since=5)) == []


def test_watching_since_the_future_is_refused(small: MemoryDriver) -> None:
    puts(small, 2)
    with pytest.raises(InvalidArgumentError, match="the newest event of this store is 2"):
        small.watch("b", since=3)


def test_watching_an_empty_log_since_its_beginning(small: MemoryDriver) -> None:
    with small.watch("b", since=0) as watcher:
        puts(small, 1)
        assert keys(watcher) == ["k0"]


# Waiting.


class Waits:
    """The calls in which watchers wait for a change, and with which timeout."""

    def __init__(self) -> None:
        self.timeouts: list[float | None] = []
        self.begun = threading.Semaphore(0)


@pytest.fixture
def waits(driver: MemoryDriver, monkeypatch: pytest.MonkeyPatch) -> Waits:
    store = driver._store
    assert store is not None
    changed, waits = store.events.changed, Waits()
    wait = changed.wait

    def recorded(timeout: float | None = None) -> bool:
        waits.timeouts.append(timeout)
        waits.begun.release()  # the lock is still held: whoever changes the store comes after the wait began
        return wait(timeout)

    monkeypatch.setattr(changed, "wait", recorded)
    return waits


@contextmanager
def waiting(waits: Waits, call: Callable[[], Any]) -> Iterator[list[Any]]:
    """Runs ``call`` in a thread, and the block when that waits; gives its result after the block."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    assert waits.begun.acquire(timeout=PATIENCE)
    yield results
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_watcher_sleeps_without_end_until_it_is_woken(driver: MemoryDriver, waits: Waits) -> None:
    watcher = driver.watch("b")
    with waiting(waits, watcher.get) as results:
        driver.put("b", "k", b"x")
    assert [event.key for event in results] == ["k"]
    assert waits.timeouts == [None]


def test_watcher_sleeps_once_for_its_whole_timeout(driver: MemoryDriver, waits: Waits) -> None:
    watcher = driver.watch("b")
    with waiting(waits, lambda: watcher.get(PATIENCE * 2)) as results:
        driver.put("b", "k", b"x")
    assert [event.key for event in results] == ["k"]
    assert len(waits.timeouts) == 1
    assert waits.timeouts[0] == pytest.approx(PATIENCE * 2, abs=PATIENCE)


def test_watcher_that_is_woken_for_others_sleeps_on(driver: MemoryDriver, waits: Waits) -> None:
    watcher = driver.watch("b", prefix="mine/")
    with waiting(waits, watcher.get) as results:
        driver.put("b", "theirs", b"x")
        assert waits.begun.acquire(timeout=PATIENCE)
        assert results == []
        driver.put("b", "mine/k", b"x")
    assert [event.key for event in results] == ["mine/k"]


def test_time_that_is_over_gives_none_without_an_event(driver: MemoryDriver, waits: Waits) -> None:
    with driver.watch("b") as watcher:
        assert watcher.get(0) is None
        assert waits.timeouts == []
        assert watcher.get(0.001) is None
        assert waits.timeouts


@pytest.mark.parametrize("what", ["watcher", "driver"])
def test_closing_ends_the_loop_of_a_sleeping_watcher(driver: MemoryDriver, waits: Waits, what: str) -> None:
    watcher = driver.watch("b")
    with waiting(waits, lambda: list(watcher)) as results:
        (watcher if what == "watcher" else driver).close()
    assert results == [[]]
    assert waits.timeouts == [None]


def test_every_watcher_sees_every_event(driver: MemoryDriver) -> None:
    watchers = [driver.watch("b") for _ in range(20)]
    puts(driver, 50)
    expected = [f"k{number}" for number in range(50)]
    assert [keys(watcher) for watcher in watchers] == [expected] * 20


# What is an event.


def test_ageing_gives_events_for_what_get_reads_and_no_others(driver: MemoryDriver) -> None:
    driver.set_lifecycle("b", [LifecycleRule("r", "", 30, 10, "COLD")])
    driver.put("b", "k", b"x")
    now = datetime.now(UTC)
    with driver.watch("b") as watcher:
        for days in (9, 11, 12, 31, 32):
            driver.apply_lifecycle(now + timedelta(days=days))
        events = list(iter(lambda: watcher.get(0), None))
    assert [event.type for event in events] == [EventType.UPDATED, EventType.DELETED]
    assert events[0].info is not None
    assert events[0].info.storage_class == "COLD"
