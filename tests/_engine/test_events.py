"""Watching on the engine: across processes, restarts and kills, and what it costs a writer."""

from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import pytest
from harness.alone import Child, alone
from harness.neighbour import Neighbour
from harness.opened import opened

from trove.driver import EventType, ObjectEvent, Watcher
from trove.drivers.engine import EngineDriver
from trove.errors import InvalidArgumentError

PATIENCE = 30


def events(watcher: Watcher, count: int) -> list[ObjectEvent]:
    found = [watcher.get(PATIENCE) for _ in range(count)]
    assert None not in found
    return [event for event in found if event is not None]


def told(found: list[ObjectEvent]) -> list[tuple[str, str]]:
    return [(event.type.value.partition(".")[2], event.key) for event in found]


def prepared(folder: Path) -> EngineDriver:
    driver = opened(folder, durability="relaxed")
    driver.create_bucket("b")
    return driver


@pytest.mark.parametrize("mode", ["rw", "r"])
def test_what_another_process_commits_is_told_at_once(tmp_path: Path, mode: str) -> None:
    prepared(tmp_path).close()
    dsn = f"trove://{tmp_path}/store?durability=relaxed"
    took = []
    with Neighbour(dsn) as neighbour, opened(tmp_path, mode=mode) as driver, driver.watch("b") as watcher:
        for number in range(20):
            came: list[tuple[ObjectEvent | None, float]] = []
            thread = threading.Thread(
                target=lambda came=came: came.append((watcher.get(PATIENCE), time.monotonic()))
            )
            thread.start()
            neighbour.put("b", f"{number}", b"x")
            done = time.monotonic()
            thread.join(PATIENCE)
            event, at = came[0]
            assert event is not None
            assert event.key == f"{number}"
            took.append(at - done)
    assert sorted(took)[len(took) // 2] < 0.02


@alone()
def test_every_change_of_several_processes_is_told_once_and_in_one_order(tmp_path: Path) -> None:
    driver = prepared(tmp_path)

    def write(name: int) -> None:
        with opened(tmp_path, durability="relaxed") as mine:
            for number in range(100):
                mine.put("b", f"{name}-{number}", b"x")

    with driver.watch("b") as one, driver.watch("b") as other:
        children = [Child(lambda name=name: write(name)) for name in range(3)]  # type: ignore[misc]
        found = events(one, 300)
        assert [child.wait() for child in children] == [0] * 3
        assert events(other, 300) == found
        assert one.get(0) is None
    for name in range(3):
        own = [event.key for event in found if event.key.startswith(f"{name}-")]
        assert own == [f"{name}-{number}" for number in range(100)]
    assert all(before.sequence < after.sequence for before, after in itertools.pairwise(found))
    driver.close()


@alone()
def test_a_watcher_stays_with_its_process_over_a_fork(tmp_path: Path) -> None:
    driver = prepared(tmp_path)
    with driver.watch("b") as watcher:

        def watch_there() -> None:
            with pytest.raises(InvalidArgumentError):
                watcher.get(0)
            with driver.watch("b") as own:
                driver.put("b", "k", b"x")
                assert told(events(own, 1)) == [("created", "k")]

        assert Child(watch_there).wait() == 0
        assert told(events(watcher, 1)) == [("created", "k")]
    driver.close()


def test_any_event_is_a_place_to_go_on_from_after_a_restart(tmp_path: Path) -> None:
    with prepared(tmp_path) as driver:
        with driver.watch("b") as watcher:
            driver.put("b", "a", b"1")
            with driver.batch() as batch:
                for key in "bcd":
                    batch.put("b", key, b"1")
                batch.delete("b", "a")
            driver.put("b", "b", b"2")
            found = events(watcher, 6)
        assert told(found)[3:] == [("created", "d"), ("deleted", "a"), ("updated", "b")]
    with opened(tmp_path) as driver:
        for at in range(6):
            with driver.watch("b", since=found[at].sequence) as watcher:
                assert events(watcher, 5 - at) == found[at + 1 :]
                assert watcher.get(0) is None
        with driver.watch("b", since=0) as watcher:
            assert events(watcher, 6) == found
        with pytest.raises(InvalidArgumentError):
            driver.watch("b", since=found[-1].sequence << 1)


def test_versions_and_their_markers_are_told_as_what_a_reader_sees(tmp_path: Path) -> None:
    with prepared(tmp_path) as driver:
        driver.set_versioning("b", True)
        with driver.watch("b") as watcher:
            first = driver.put("b", "k", b"1").version_id
            second = driver.put("b", "k", b"2").version_id
            driver.delete_version("b", "k", first)  # nobody sees it go
            driver.delete("b", "k")
            driver.delete_version("b", "k", driver.list_versions("b", "k")[0].version_id)
            driver.delete_version("b", "k", second)
            assert [event.type for event in events(watcher, 5)] == [
                EventType.CREATED,
                EventType.UPDATED,
                EventType.DELETED,
                EventType.CREATED,
                EventType.DELETED,
            ]
            assert watcher.get(0) is None


def test_a_batch_that_is_not_to_be_is_not_told(tmp_path: Path) -> None:
    def broken(driver: EngineDriver) -> None:
        with driver.batch() as batch:
            batch.put("b", "k", b"x")
            raise ZeroDivisionError

    with prepared(tmp_path) as driver, driver.watch("b") as watcher:
        with pytest.raises(ZeroDivisionError):
            broken(driver)
        driver.put("b", "after", b"x")
        assert told(events(watcher, 1)) == [("created", "after")]


def test_closing_the_driver_ends_one_that_waits(tmp_path: Path) -> None:
    driver = prepared(tmp_path)
    watcher = driver.watch("b")
    ended: list[ObjectEvent | None] = []
    thread = threading.Thread(target=lambda: ended.append(watcher.get()))
    thread.start()
    driver.close()
    thread.join(PATIENCE)
    assert ended == [None]


def test_nobody_waits_means_no_wake_ups(tmp_path: Path) -> None:
    """What a writer does for watchers is one look at a number that says how many wait."""
    with prepared(tmp_path) as driver:
        with driver.watch("b") as watcher:
            assert watcher.get(0) is None
        page = (tmp_path / "store" / "state").read_bytes()
        assert int.from_bytes(page[3944:3952], "little") == 0
