"""Compaction: the space of what is gone in the log comes back, and the rest stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import low_thresholds
from harness.compacted import content, fill, packs, whole
from harness.noise import noise
from harness.opened import opened

from trove._engine.reports import CompactReport
from trove.drivers.engine import EngineDriver
from trove.errors import UnsupportedOptionError

MIB = 1 << 20


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[EngineDriver]:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        yield driver


def test_the_space_of_what_was_deleted_comes_back(driver: EngineDriver) -> None:
    held = fill(driver, count=300)
    before = driver.stats()
    report = driver.compact()
    after = driver.stats()
    assert before.live_bytes == after.live_bytes == report.moved_bytes
    assert report.freed_bytes > 2 * report.moved_bytes
    assert report.packs == 1
    assert after.pack_bytes <= 1.1 * after.live_bytes + 2 * MIB
    assert content(driver) == held
    assert whole(driver)


def test_where_everything_was_deleted_almost_nothing_is_left(driver: EngineDriver) -> None:
    for key in fill(driver):
        driver.delete("b", key)
    driver.compact()
    assert driver.stats().pack_bytes < 2 * MIB
    assert whole(driver)


def test_a_second_run_finds_nothing_to_do(driver: EngineDriver) -> None:
    fill(driver)
    driver.compact()
    report = driver.compact()
    assert (report.moved_bytes, report.freed_bytes, report.packs) == (0, 0, 0)


def test_nothing_is_moved_where_nothing_was_deleted(driver: EngineDriver) -> None:
    for number in range(20):
        driver.put("b", f"{number}", noise(number, 100_000))
    before = packs(driver)
    assert driver.compact().moved_bytes == 0
    assert packs(driver) == before


def test_overwrites_and_compactions_in_turn_hold_the_space(driver: EngineDriver) -> None:
    held = {}
    for number in range(12):
        for key in range(10):
            held[f"{key}"] = noise((number, key), 400_000)
            driver.put("b", f"{key}", held[f"{key}"])
        driver.compact()
        stats = driver.stats()
        assert stats.pack_bytes <= 1.1 * stats.live_bytes + 2 * MIB
    assert content(driver) == held
    assert whole(driver)


def test_no_number_is_given_to_two_packs(driver: EngineDriver) -> None:
    numbers = []
    for number in range(4):
        driver.put("b", "key", noise(number, 3 * MIB))
        driver.compact()
        numbers += [path.name for path in packs(driver) if path.name not in numbers]
    assert numbers == sorted(numbers)
    assert len(numbers) > 2


def test_a_number_that_others_had_and_gave_up_since_it_was_looked_for_is_not_taken(
    driver: EngineDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        driver.put("b", f"{number}", noise(number, 5000))
        driver.opened().writer.retire()
    gone = packs(driver)[1]
    gone.unlink()
    listed = os.listdir
    late: list[str] = []

    def listdir(path: str) -> list[str]:
        names = listed(path)
        if path == str(gone.parent) and not late:
            late.append(path)
            return [name for name in names if name < gone.name]
        return names

    monkeypatch.setattr(os, "listdir", listdir)
    driver.put("b", "later", noise("later", 5000))
    assert late
    assert not gone.exists()


def test_the_number_of_a_pack_in_which_nothing_was_committed_is_not_given_again(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        for number in range(4):
            yield noise(number, 5 * MIB)
        os._exit(0)

    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "key", noise("key", MIB))
        child = os.fork()
        if child == 0:
            with opened(tmp_path) as driver:
                driver.put("b", "broken", broken())
        os.waitpid(child, 0)
        highest = packs(driver)[-1]
        assert highest.stat().st_size > 4 * MIB
        driver.compact()
        driver.put("b", "key", noise("other", MIB))
        assert packs(driver)[-1] > highest or highest.stat().st_size > 4 * MIB
        driver.compact()
        assert not highest.exists()
        assert driver.get("b", "key").read() == noise("other", MIB)


def test_it_ends_where_chunks_are_so_small_that_what_stands_beside_them_is_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    low_thresholds.lower(monkeypatch)
    told = []

    def progress(done: int, total: int) -> None:
        told.append(done)
        assert len(told) < 1000, "it goes on for ever"

    with opened(tmp_path, durability="relaxed", chunk_size="512") as driver:
        driver.create_bucket("b")
        held = fill(driver, count=40)
        assert driver.compact(progress=progress).packs > 0
        # And by itself it does not begin anew.
        assert driver.compact(progress=progress) == CompactReport(0, 0, 0)
        assert content(driver) == held


def test_it_ends_though_more_is_deleted_all_the_time(driver: EngineDriver) -> None:
    held = fill(driver)
    told = []

    def progress(done: int, total: int) -> None:
        told.append(done)
        assert len(told) < 20, "it goes on for ever"
        driver.put("b", "more", noise(len(told), 3 * MIB))
        driver.delete("b", "more")

    assert driver.compact(progress=progress).packs == 1
    assert content(driver) == held


def test_progress_is_told_and_ends_with_all_of_it(driver: EngineDriver) -> None:
    fill(driver, count=300)
    told: list[tuple[int, int]] = []
    driver.compact(progress=lambda done, total: told.append((done, total)))
    assert len(told) > 1
    assert told[-1][0] == told[-1][1]
    assert all(done <= total for done, total in told)


def test_a_store_that_is_only_read_is_not_compacted(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with opened(tmp_path, mode="r") as driver, pytest.raises(UnsupportedOptionError):
        driver.compact()
