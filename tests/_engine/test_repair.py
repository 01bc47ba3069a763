"""Repair: whatever is damaged, the store is usable again, and what could not be saved is named."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest
from harness.damage import ALL, Damaged, large, problems, repaired, small
from harness.files import unchanged

from trove._engine.reports import RepairReport
from trove.drivers.engine import EngineDriver
from trove.errors import (
    CorruptStoreError,
    InvalidArgumentError,
    InvalidDSNError,
    NotFoundError,
    UnsupportedOptionError,
)


@pytest.fixture
def store(tmp_path: Path) -> Damaged:
    return Damaged(tmp_path / "store")


def lost(report: RepairReport) -> set[tuple[str | None, str | None]]:
    return {(each.bucket, each.key) for each in report.lost}


def check(store: Damaged, expected: set[tuple[str, str]]) -> None:
    """The store has these objects, is whole, takes writes, and its index can be made from its log alone."""
    assert set(store.content()) == expected
    with store.open() as driver:
        driver.put("b", "new", b"new")
    shutil.rmtree(store.path / "index")
    shutil.rmtree(store.path / "snapshots")
    assert problems(store) == []
    with store.open() as driver:
        assert driver.get("b", "new").read() == b"new"
        driver.delete("b", "new")
    assert set(store.content()) == expected


def test_a_store_that_is_whole_stays_as_it_is(store: Damaged) -> None:
    report = repaired(store)
    assert report.ok
    assert (report.lost, report.quarantined) == ((), ())
    check(store, ALL)


def test_an_open_driver_is_closed_for_it_and_opened_again(store: Damaged) -> None:
    with store.open() as driver:
        assert driver.repair().ok
        assert driver.get("b", "small-001").read() == small(1)


def test_it_refuses_a_store_that_somebody_has_open(store: Damaged) -> None:
    with store.open(), pytest.raises(InvalidArgumentError, match="close it"):
        repaired(store)


def test_it_refuses_to_write_in_a_store_opened_for_reading(store: Damaged) -> None:
    with store.open(mode="r") as driver, pytest.raises(UnsupportedOptionError):
        driver.repair()
    with pytest.raises(UnsupportedOptionError):
        EngineDriver().repair(store.dsn + "&mode=r")


# The STORE file.


@pytest.mark.parametrize("left", [None, b"", b"junk", b"trove store 1\n{}\n0\n"])
def test_the_store_file_is_made_from_a_pack(store: Damaged, left: bytes | None) -> None:
    before = (store.path / "STORE").read_bytes()
    (store.path / "STORE").unlink()
    if left is not None:
        (store.path / "STORE").write_bytes(left)
    with pytest.raises(CorruptStoreError, match="trove repair"):
        store.open()
    report = repaired(store)
    assert (store.path / "STORE").read_bytes() == before
    if left is not None:
        assert (store.path / report.quarantined[0].kept).read_bytes() == left
    check(store, ALL)


@pytest.mark.parametrize("offset", range(0, 64, 3))
def test_one_bit_of_a_packs_header_is_mended(store: Damaged, offset: int) -> None:
    before = store.pack.read_bytes()[:64]
    store.flip(store.pack, offset)
    report = repaired(store)
    assert store.pack.read_bytes()[:64] == before
    assert [each.what for each in report.quarantined] == ["the header of the pack was damaged"]


def test_a_damaged_number_in_the_title_is_no_newer_store(store: Damaged) -> None:
    text = (store.path / "STORE").read_bytes()
    (store.path / "STORE").write_bytes(text.replace(b"store 1", b"store 3", 1))
    assert repaired(store).ok
    assert (store.path / "STORE").read_bytes() == text


def test_a_store_that_a_newer_trove_made_is_refused(store: Damaged) -> None:
    text = b"trove store 2\n{}\n"
    (store.path / "STORE").write_bytes(text)
    with pytest.raises(CorruptStoreError, match="update Trove"):
        repaired(store)
    assert (store.path / "STORE").read_bytes() == text


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "STORE").write_text("mine too")
    with unchanged(tmp_path), pytest.raises(InvalidDSNError, match="not a store"):
        EngineDriver().repair(f"trove://{tmp_path}")
    (tmp_path / "notes.txt").unlink()
    with unchanged(tmp_path), pytest.raises(InvalidDSNError, match="not a store"):
        EngineDriver().repair(f"trove://{tmp_path}")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in "none", "empty":
        with unchanged(tmp_path), pytest.raises(NotFoundError, match=f"no store in .*{name}"):
            EngineDriver().repair(f"trove://{tmp_path}/{name}")


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with unchanged(tmp_path), pytest.raises(InvalidDSNError, match="is a file; a store is a folder"):
        EngineDriver().repair(f"trove://{tmp_path}/file")


# The index, its helpers, and snapshots.


@pytest.mark.parametrize("name", ["index", "state", "snapshots"])
def test_garbage_beside_the_log_is_replaced(store: Damaged, name: str) -> None:
    with store.open() as driver:
        driver.snapshot()
    for path in [store.path / name] if name == "state" else (store.path / name).iterdir():
        path.write_bytes(random.Random(1).randbytes(max(4096, path.stat().st_size)))
    assert repaired(store).lost == ()
    check(store, ALL)


# Commits.


def test_the_old_index_bridges_a_damaged_commit(store: Damaged) -> None:
    store.flip_commit(7)
    report = repaired(store)
    assert report.lost == ()
    assert [each.what for each in report.quarantined] == ["no whole record stands here"]
    check(store, ALL)


def test_a_snapshot_bridges_a_damaged_commit(store: Damaged) -> None:
    with store.open() as driver:
        driver.snapshot()
        driver.put("b", "small-000", small(0))
    store.flip_commit(7)
    store.drop_index()
    assert repaired(store).lost == ()
    check(store, ALL)


def test_without_either_what_came_before_is_kept_and_the_rest_is_named(store: Damaged) -> None:
    store.flip_commit(7)
    store.drop_index()
    with pytest.raises(CorruptStoreError, match="breaks after commit"):
        store.open()
    report = repaired(store)
    kept = {("b", f"small-{number:03d}") for number in range(7)}
    # The damaged one itself can't be named; all others that were put later are.
    assert lost(report) >= ALL - kept - {("b", "small-007")}
    assert (None, None) in lost(report)
    check(store, kept)


def test_a_repair_does_not_bring_back_what_it_gave_up(store: Damaged) -> None:
    store.flip_commit(7)
    store.drop_index()
    repaired(store)
    (store.path / "state").unlink()
    store.drop_index()
    assert len(set(store.content())) == 7


def test_the_last_commit_counts_too(store: Damaged) -> None:
    with store.open() as driver:
        driver.put("b", "small-059", small(59))
        driver.put("b", "small-999", small(999))
    store.flip_commit(999)
    assert repaired(store).lost == ()
    check(store, ALL | {("b", "small-999")})


# Data.


def test_damaged_objects_leave_and_every_byte_of_them_is_kept(store: Damaged) -> None:
    store.flip_chunk(1)
    report = repaired(store)
    assert lost(report) == {("c", "large-1"), ("c", "same-as-1")}
    folder = (store.path / report.quarantined[0].kept).parent
    chunks = (folder / "chunks").read_bytes()
    for line in (folder / "objects.jsonl").read_text().splitlines():
        found = json.loads(line)
        data = b"".join(chunks[start : start + length] for start, length, _, _ in found["chunks"])
        assert len(data) == found["size"] == 300_000
        assert sum(a != b for a, b in zip(data, large(1), strict=True)) == 1
        assert [damaged for _, _, damaged, _ in found["chunks"]].count(True) == 1
    # Each chunk is kept once, though two objects have it.
    assert len(chunks) == 300_000
    check(store, ALL - lost(report))


def test_a_damaged_object_can_be_put_again_before_the_repair(store: Damaged) -> None:
    store.flip_chunk(2)
    with store.open() as driver:
        driver.put("c", "large-2", large(2))
    assert repaired(store).lost == ()
    check(store, ALL)


def test_the_head_of_an_extent_is_mended_and_its_data_stays(store: Damaged) -> None:
    store.flip(store.pack, store.where(large(2)[:64]) - 5)
    assert repaired(store).lost == ()
    check(store, ALL)


@pytest.mark.parametrize("shift", range(8))
def test_an_object_that_holds_a_piece_of_the_log_stays_whole(store: Damaged, shift: int) -> None:
    """Where the head of its extent is damaged, its data is searched, and a commit is found in it."""
    at = store.where(small(7)) // 8 * 8
    piece = store.pack.read_bytes()[at - 400 : at + 1200]
    data = large(1)[: 1000 + shift] + piece + large(2)[:1000]
    with store.open() as driver:
        driver.put("c", "piece", data)
    store.flip(store.pack, store.where(data[:64]) - 5)
    assert repaired(store).lost == ()
    assert problems(store) == []
    with store.open() as driver:
        assert driver.get("c", "piece").read() == data
        driver.delete("c", "piece")
    check(store, ALL)


def test_a_missing_pack_costs_its_data_and_not_what_the_index_has(store: Damaged) -> None:
    store.pack.unlink()
    report = repaired(store)
    assert {bucket for bucket, _ in lost(report)} == {"c"}
    check(store, {(bucket, key) for bucket, key in ALL if bucket == "b"})


def test_a_pack_that_is_cut_short_costs_what_was_behind(store: Damaged) -> None:
    os.truncate(store.pack, store.where(large(4)[:64]))
    report = repaired(store)
    assert lost(report) == {("c", f"large-{number}") for number in range(4, 8)}
    check(store, ALL - lost(report))


def test_nobody_goes_on_with_a_pack_that_has_no_header_any_more(store: Damaged) -> None:
    os.truncate(store.pack, 0)
    store.drop_index()
    repaired(store)
    with store.open() as driver:
        driver.create_bucket("after")
        driver.put("after", "k", large(0))
    assert problems(store) == []
    store.drop_index()
    with store.open() as driver:
        assert driver.get("after", "k").read() == large(0)


def test_nobody_goes_on_with_a_pack_whose_header_is_damaged(store: Damaged) -> None:
    store.flip(store.pack, 20)
    with store.open() as driver:
        driver.put("b", "new", small(0))
    assert len(list(store.path.glob("packs/*.pack"))) == 2


def test_a_pack_of_another_store_is_set_aside(store: Damaged, tmp_path: Path) -> None:
    other = Damaged(tmp_path / "other")
    shutil.copy(other.pack, store.path / "packs" / "0000000002.pack")
    report = repaired(store)
    assert [each.what for each in report.quarantined] == ["it is a pack of another store"]
    check(store, ALL)


@pytest.mark.parametrize("seed", range(12))
def test_any_flipped_bit_is_survived(store: Damaged, seed: int) -> None:
    """Wherever the bit is: what verify finds, repair mends, and what is left reads right."""
    rnd = random.Random(seed)
    with store.open() as driver:
        driver.snapshot()
    files = [path for path in store.path.rglob("*") if path.is_file() and path.name != "lock.mdb"]
    path = rnd.choice([*files, store.pack, store.pack])
    if path.stat().st_size == 0:
        path = store.pack
    store.flip(path, rnd.randrange(path.stat().st_size))
    report = repaired(store)
    assert report.ok
    check(store, ALL - lost(report))


def test_a_flush_that_failed_for_bytes_that_are_gone_is_over_after_a_repair(store: Damaged) -> None:
    """Or whoever closes the store would be told to repair it, time and again."""
    pack = store.pack
    pack.write_bytes(pack.read_bytes()[:64] + bytes(pack.stat().st_size - 64))
    state = bytearray((store.path / "state").read_bytes())
    state[32:40] = bytes(8)  # it is in use, in this boot
    for at, value in zip(
        range(128, 160, 8), (1, 4096, 64, 1), strict=True
    ):  # a pack, its end, flushed, failed
        state[at : at + 8] = value.to_bytes(8, "little")
    (store.path / "state").write_bytes(state)
    assert repaired(store).ok
    with store.open() as driver:
        driver.create_bucket("again")
    with store.open() as driver:
        assert driver.verify().problems == ()
