"""Verify: it finds every damage, names what it hits, and says nothing of a store that is whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from harness.damage import ALL, Damaged, large, problems, small

import trove
from trove._engine.index import Index
from trove.errors import CorruptStoreError


@pytest.fixture
def store(tmp_path: Path) -> Damaged:
    return Damaged(tmp_path / "store")


def test_a_whole_store_has_no_problems(store: Damaged) -> None:
    with store.open() as driver:
        driver.snapshot()
        assert driver.verify().ok
        assert driver.verify().problems == ()


@pytest.mark.parametrize("hash_name", ["xxh3", "blake3"])
def test_both_kinds_of_ids_are_checked(tmp_path: Path, hash_name: str) -> None:
    if hash_name == "blake3":
        pytest.importorskip("blake3", reason="the blake3 extra is not installed")
    with trove.open(f"trove://{tmp_path}/s?hash={hash_name}") as driver:
        driver.create_bucket("b")
        driver.put("b", "k", large(0))
        assert driver.verify().ok  # type: ignore[attr-defined]


def test_progress_ends_at_its_total(store: Damaged) -> None:
    seen: list[tuple[int, int]] = []
    with store.open() as driver:
        driver.verify(progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 0


def test_a_damaged_chunk_is_named_with_every_object_that_has_it(store: Damaged) -> None:
    store.flip_chunk(1)
    with store.open() as driver:
        found = driver.verify().problems
    assert {(each.bucket, each.key) for each in found} == {("c", "large-1"), ("c", "same-as-1")}
    assert all(each.file == "packs/0000000001.pack" and each.length for each in found)


def test_a_damaged_commit_is_found_though_the_index_is_whole(store: Damaged) -> None:
    store.flip_commit(7)
    found = problems(store)
    assert any("the log breaks after commit" in each for each in found)
    assert any("no whole record stands here" in each for each in found)


def test_the_damaged_head_of_an_extent_is_found(store: Damaged) -> None:
    store.flip(store.pack, store.where(large(2)[:64]) - 5)
    assert any("no whole record stands here" in each for each in problems(store))


def test_a_missing_pack_is_found(store: Damaged) -> None:
    store.pack.unlink()
    found = problems(store)
    assert any("c/large-0" in each and "its pack is missing" in each for each in found)


def test_a_pack_that_is_cut_short_is_found(store: Damaged) -> None:
    os.truncate(store.pack, store.where(large(4)[:64]))
    found = problems(store)
    assert any("c/large-4" in each and "the pack ends before it" in each for each in found)


def test_the_header_of_a_pack_is_checked(store: Damaged) -> None:
    store.flip(store.pack, 20)
    assert problems(store) == [
        "the header of the pack is damaged [packs/0000000001.pack, 64 bytes from 0 on]"
    ]


@pytest.mark.parametrize("size", [0, 20, 64])
def test_a_pack_whose_making_was_cut_short_is_no_damage(store: Damaged, size: int) -> None:
    """Its name and its length were there before its header was."""
    (store.path / "packs" / "0000000002.pack").write_bytes(bytes(size))
    assert problems(store) == []


def test_a_damaged_snapshot_is_found(store: Damaged) -> None:
    with store.open() as driver:
        path = Path(driver.snapshot().path)
    store.flip(path, path.stat().st_size // 2)
    assert problems(store) == [f"the snapshot is damaged [snapshots/{path.name}]"]


def test_a_missing_store_file_is_found_while_the_store_is_open(store: Damaged) -> None:
    with store.open() as driver:
        (store.path / "STORE").unlink()
        assert [each.file for each in driver.verify().problems] == ["STORE"]


# Rows of the index that are wrong, put there as a fault of the engine would: with checksums that fit or not.


def change_row(store: Damaged, table: str, change: str) -> None:
    """Change the first row of a table in the closed store's index, in a process of its own."""
    code = (
        "import lmdb, sys\n"
        "folder, table, change = sys.argv[1:]\n"
        "env = lmdb.open(folder, map_size=1 << 24, max_dbs=16, lib_version=1)\n"
        "db = env.open_db(table.encode())\n"
        "with env.begin(write=True) as txn:\n"
        "    key, value = next(iter(txn.cursor(db)))\n"
        "    if change == 'drop':\n"
        "        txn.delete(key, db=db)\n"
        "    else:\n"
        "        txn.put(key, value[:-1] + bytes([value[-1] ^ 1]), db=db)\n"
    )
    run = [sys.executable, "-c", code, str(store.path / "index"), table, change]
    subprocess.run(run, check=True, timeout=60)


@pytest.mark.parametrize("table", ["buckets", "objects", "lists", "list_uses", "chunks", "packs"])
@pytest.mark.parametrize("change", ["flip", "drop"])
def test_every_row_of_every_table_counts(store: Damaged, table: str, change: str) -> None:
    with store.open() as driver:
        change_row(store, table, change)
        assert driver.verify().problems


def test_a_damaged_row_is_never_read_as_if_it_were_whole(store: Damaged) -> None:
    def read(bucket: str, key: str) -> bytes:
        return driver.get(bucket, key).read()

    with store.open() as driver:
        change_row(store, "objects", "flip")
        bucket, key = min(ALL)  # the first row
        with pytest.raises(CorruptStoreError):
            read(bucket, key)
        with pytest.raises(CorruptStoreError):
            driver.list(bucket)
        for other in sorted(ALL - {(bucket, key)}):
            kind, _, number = other[1].rpartition("-")
            wanted = small(int(number)) if kind == "small" else large(int(number))
            assert read(*other) == wanted


@pytest.mark.parametrize("table", ["buckets", "objects", "lists", "list_uses", "chunks", "packs", "meta"])
def test_a_damaged_row_is_found_without_the_right_to_mend_it(store: Damaged, table: str) -> None:
    change_row(store, table, "flip")
    with store.open(mode="r") as driver:
        assert any(problem.file == "index/data.mdb" for problem in driver.verify().problems)
    with store.open() as driver:
        assert driver.verify().ok


def test_an_index_that_is_behind_is_found_by_its_log(store: Damaged, tmp_path: Path) -> None:
    with store.open() as driver:
        driver.snapshot()
    shutil.copytree(store.path / "index", tmp_path / "old")
    with store.open() as driver:
        driver.put("b", "later", b"x")
        # What the last commit made is looked at by whoever opens the store.
        driver.put("c", "last", b"x")
    change_row(store, "objects", "drop")
    found = problems(store)
    assert any(each.startswith("b/later: ") and "is not what the log says" in each for each in found)


# While others go on.


def test_writers_go_on_while_it_looks(store: Damaged) -> None:
    stop = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not stop.is_set():
            driver.put("b", f"small-{written % 60:03d}", os.urandom(700))
            driver.put("c", f"new-{written % 5}", os.urandom(70_000))
            written += 1

    with store.open() as driver:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(3):
                before = written
                assert driver.verify().problems == ()
                assert written > before
        finally:
            stop.set()
            writer.join()


def test_a_store_that_was_opened_for_reading_can_be_verified(store: Damaged) -> None:
    with store.open(mode="r") as driver:
        assert driver.verify().ok


def test_an_unreadable_index_is_a_problem_and_not_the_end(
    store: Damaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.open() as driver:
        monkeypatch.setattr("sys.executable", "/bin/false")
        found = driver.verify().problems
    assert [each.file for each in found] == ["index/data.mdb"]


def test_it_works_on_copies_that_others_could_have_open(store: Damaged, tmp_path: Path) -> None:
    with store.open() as driver:
        driver.opened().index.copy(str(tmp_path / "copy"))
    Index(str(tmp_path / "copy"), readonly=True, lock=False).close()
