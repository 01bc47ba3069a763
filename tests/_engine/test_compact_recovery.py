"""Compacted stores: what they are made anew from, what damage costs them, and who watched them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.compacted import age, content, fill, packs, whole
from harness.log_records import CUT_LOG, Commit, read_pack
from harness.noise import noise
from harness.opened import opened

from trove._engine import snapshots
from trove.drivers.engine import EngineDriver
from trove.errors import CorruptStoreError, EventsLostError, ObjectNotFoundError


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[EngineDriver]:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        yield driver


def test_the_index_is_made_anew_without_the_packs_that_are_gone(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        held = fill(driver)
        age(driver)
        driver.compact()
        driver.put("b", "later", noise("later", 300_000))
    shutil.rmtree(tmp_path / "store" / "index")
    with opened(tmp_path) as driver:
        assert content(driver) == {**held, "later": noise("later", 300_000)}
        assert whole(driver)


@pytest.mark.parametrize("newest", [True, False])
def test_one_damaged_snapshot_costs_nothing(tmp_path: Path, newest: bool) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        held = fill(driver)
        age(driver)
        driver.compact()
    shutil.rmtree(tmp_path / "store" / "index")
    kept = snapshots.found(str(tmp_path / "store"))
    assert len(kept) == 2
    kept[0 if newest else 1].write_bytes(b"garbage")
    with opened(tmp_path) as driver:
        assert content(driver) == held
    EngineDriver().repair(f"trove://{tmp_path}/store")
    with opened(tmp_path) as driver:
        assert content(driver) == held
        assert whole(driver)


def test_without_index_and_snapshots_the_store_is_refused_and_repair_says_what_is_lost(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        fill(driver)
        age(driver)
        driver.compact()
        driver.put("b", "later", b"later")
    shutil.rmtree(tmp_path / "store" / "index")
    shutil.rmtree(tmp_path / "store" / "snapshots")
    with pytest.raises(CorruptStoreError):
        opened(tmp_path)
    report = EngineDriver().repair(f"trove://{tmp_path}/store")
    assert any("not known" in lost.why for lost in report.lost)
    with opened(tmp_path) as driver:
        assert whole(driver)


def test_the_index_alone_is_enough_to_repair_from(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        held = fill(driver)
        age(driver)
        driver.compact()
    shutil.rmtree(tmp_path / "store" / "snapshots")
    with opened(tmp_path) as driver:
        assert content(driver) == held
        assert [problem.what for problem in driver.verify().problems if "no snapshot" in problem.what]
    report = EngineDriver().repair(f"trove://{tmp_path}/store")
    assert report.lost == ()
    shutil.rmtree(tmp_path / "store" / "index")
    with opened(tmp_path) as driver:
        assert content(driver) == held
        assert whole(driver)


def test_where_the_commit_that_cut_the_log_is_damaged_a_repair_says_again_that_it_is_cut(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        held = fill(driver)
        age(driver)
        driver.compact()
    ((damaged, offset),) = (
        (path, record.offset)
        for path in tmp_path.glob("store/packs/*")
        for record in read_pack(path)[1]
        if isinstance(record, Commit) and any(operation == CUT_LOG for operation, *_ in record.operations)
    )
    raw = bytearray(damaged.read_bytes())
    raw[offset + 40] ^= 1
    damaged.write_bytes(raw)
    EngineDriver().repair(f"trove://{tmp_path}/store")
    with opened(tmp_path) as driver:
        assert content(driver) == held
        assert whole(driver)
        # And it does so for good.
        driver.snapshot()
        driver.put("b", "later", b"later")
        driver.snapshot()
        assert whole(driver)
    shutil.rmtree(tmp_path / "store" / "index")
    with opened(tmp_path) as driver:
        assert content(driver) == {**held, "later": b"later"}
        assert whole(driver)


def test_a_damaged_chunk_is_not_moved_and_its_pack_stays(driver: EngineDriver) -> None:
    held = fill(driver)
    (pack,) = packs(driver)
    raw = bytearray(pack.read_bytes())
    raw[raw.index(held["key-003"][1000:1100])] ^= 1
    pack.write_bytes(raw)
    driver.compact()
    assert pack.exists()
    assert len(driver.verify().problems) > 0
    del held["key-003"]
    for key, data in held.items():
        assert driver.get("b", key).read() == data


def test_a_moved_chunk_that_is_damaged_is_found_and_repaired_away(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        held = fill(driver)
        driver.compact()
        (pack,) = packs(driver)
    raw = bytearray(pack.read_bytes())
    raw[raw.index(held["key-003"][1000:1100])] ^= 1
    pack.write_bytes(raw)
    report = EngineDriver().repair(f"trove://{tmp_path}/store")
    assert [(lost.bucket, lost.key) for lost in report.lost] == [("b", "key-003")]
    with opened(tmp_path) as driver:
        del held["key-003"]
        assert content(driver) == held
        with pytest.raises(ObjectNotFoundError):
            driver.get("b", "key-003")
        assert whole(driver)


def test_who_asks_for_events_that_are_gone_is_told(driver: EngineDriver) -> None:
    driver.put("b", "first", b"1")
    with driver.watch("b", since=0) as watcher:
        first = watcher.get(1)
    assert first is not None
    fill(driver)
    age(driver)
    driver.compact()
    with pytest.raises(EventsLostError):
        driver.watch("b", since=first.sequence)
    with driver.watch("b") as watcher:
        driver.put("b", "later", b"2")
        later = watcher.get(5)
        assert later is not None
        assert later.key == "later"


def test_a_watcher_that_has_read_on_sees_everything_once(driver: EngineDriver) -> None:
    fill(driver)
    with driver.watch("b") as watcher:
        for number in range(5):
            driver.put("b", f"seen-{number}", b"x")
            driver.compact()
        keys = []
        while event := watcher.get(0):
            keys.append(event.key)
    assert keys == [f"seen-{number}" for number in range(5)]
