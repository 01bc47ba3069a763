"""Snapshots: a rebuild begins with the newest that is whole; taking one keeps nobody waiting."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from harness.damage import ALL, Damaged, problems

from trove._engine import background, snapshots
from trove.drivers.engine import EngineDriver
from trove.errors import StorageFullError, StorageIOError, UnsupportedOptionError


@pytest.fixture
def store(tmp_path: Path) -> Damaged:
    return Damaged(tmp_path / "store")


def test_a_snapshot_says_where_it_is_and_counts_when_it_was_read_back(store: Damaged) -> None:
    with store.open() as driver:
        taken = driver.snapshot()
        assert taken.sequence == driver.stats().sequence
        assert taken.size == Path(taken.path).stat().st_size == driver.stats().snapshot_bytes
    assert snapshots.whole(Path(taken.path))


def test_the_two_newest_are_kept(store: Damaged) -> None:
    taken = []
    with store.open() as driver:
        for number in range(4):
            driver.put("b", "small-000", b"" if number == 9 else b"x" * number)
            taken.append(driver.snapshot().sequence)
    assert [int(path.stem) for path in snapshots.found(str(store.path))] == [taken[3], taken[2]]


def test_a_second_one_of_the_same_commit_is_the_first(store: Damaged) -> None:
    with store.open() as driver:
        first = Path(driver.snapshot().path)
        written = first.stat().st_ino
        assert Path(driver.snapshot().path) == first
    assert first.stat().st_ino == written
    assert problems(store) == []


def test_a_checksum_whose_snapshot_is_gone_goes_with_the_next_one(store: Damaged) -> None:
    with store.open() as driver:
        first = Path(driver.snapshot().path)
        first.unlink()  # as a power cut leaves it that came while it was removed
        driver.put("b", "small-000", b"later")
        second = Path(driver.snapshot().path)
    assert set(second.parent.iterdir()) == {second, second.with_suffix(".xxh3")}


def test_a_rebuild_begins_with_the_newest_one(store: Damaged) -> None:
    with store.open() as driver:
        driver.snapshot()
        driver.put("b", "small-001", b"later")
    # The part of the log before it could not be applied any more.
    store.flip_commit(7)
    store.drop_index()
    with store.open() as driver:
        assert driver.get("b", "small-007").info.size == 500
        assert driver.get("b", "small-001").read() == b"later"


def test_one_that_is_damaged_is_passed_over_for_the_one_before(store: Damaged) -> None:
    with store.open() as driver:
        driver.snapshot()
        driver.put("b", "small-001", b"later")
        newest = Path(driver.snapshot().path)
    store.flip(newest, 5000)
    store.flip_commit(7)
    store.drop_index()
    with store.open() as driver:
        assert driver.get("b", "small-001").read() == b"later"


def test_a_store_opened_for_reading_takes_none(store: Damaged) -> None:
    with store.open(mode="r") as driver, pytest.raises(UnsupportedOptionError):
        driver.snapshot()


def test_the_log_is_on_disk_before_a_snapshot_counts(store: Damaged, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or after a power cut the snapshot would know of chunks that are gone."""
    kept = snapshots._keep
    unflushed = []

    def keep(path: str, store_id: bytes, sequence: int, temporary: Path) -> Path:
        unflushed.append(driver.opened().state.unflushed())
        return kept(path, store_id, sequence, temporary)

    monkeypatch.setattr(snapshots, "_keep", keep)
    with store.open() as driver:
        driver.put("c", "large-0", os.urandom(100_000))
        driver.snapshot()
    assert unflushed == [[]]


def test_a_copy_that_reads_back_otherwise_never_counts(
    store: Damaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = snapshots._flush

    def lying(path: Path, forget: bool = False) -> None:
        flush(path, forget)
        if forget:
            store.flip(path, 5000)

    monkeypatch.setattr(snapshots, "_flush", lying)
    with store.open() as driver, pytest.raises(StorageIOError, match="reads back otherwise"):
        driver.snapshot()
    assert list((store.path / "snapshots").iterdir()) == []


def test_a_failed_one_leaves_nothing_and_the_store_goes_on(
    store: Damaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> str:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(snapshots, "checksum", full)
    with store.open() as driver:
        with pytest.raises(StorageFullError):
            driver.snapshot()
        driver.put("b", "small-000", b"x")
    assert list((store.path / "snapshots").iterdir()) == []


def test_leftovers_of_one_that_was_killed_go(store: Damaged) -> None:
    left = store.path / "snapshots" / "new"
    left.mkdir()
    (left / "data.mdb").write_bytes(b"half")
    with store.open() as driver:
        driver.snapshot()
    assert not left.exists()


def test_they_are_taken_in_the_background_as_the_log_grows(
    store: Damaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "SNAPSHOT_CHANGES", 200)
    monkeypatch.setattr(background, "SNAPSHOT_SHARE", 1 << 30)
    taken = threading.Event()
    keep = snapshots._keep

    def noted(*args: object) -> Path:
        path = keep(*args)  # type: ignore[arg-type]
        taken.set()
        return path

    monkeypatch.setattr(snapshots, "_keep", noted)
    with store.open() as driver:
        for number in range(400):
            driver.put("b", f"small-{number % 60:03d}", b"x")
        assert taken.wait(30)
    assert snapshots.newest(str(store.path)) > 0
    assert problems(store) == []


def test_many_short_openings_come_to_one_too(store: Damaged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "SNAPSHOT_CHANGES", 150)
    monkeypatch.setattr(background, "SNAPSHOT_SHARE", 1 << 30)
    for number in range(8):
        with store.open() as driver:
            for each in range(20):
                driver.put("b", f"small-{each:03d}", str(number).encode())
    assert snapshots.newest(str(store.path)) > 0


def test_writers_and_snapshots_go_on_beside_each_other(store: Damaged) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            driver.put("b", "other", os.urandom(1500))

    with store.open() as driver:
        writers = [threading.Thread(target=write) for _ in range(3)]
        for writer in writers:
            writer.start()
        try:
            sequences = [driver.snapshot().sequence for _ in range(5)]
        finally:
            stop.set()
            for writer in writers:
                writer.join()
        assert sequences == sorted(set(sequences))
        driver.delete("b", "other")
    shutil.rmtree(store.path / "index")
    assert set(store.content()) == ALL


def test_one_that_is_dropped_meanwhile_troubles_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the listing of snapshots and the look at them the older one goes."""
    driver = EngineDriver()
    driver.open(f"trove://{tmp_path / 'store'}")
    with driver:
        driver.create_bucket("b")
        path = Path(driver.snapshot().path)
        gone = path.with_name(f"{0:020d}.mdb")
        monkeypatch.setattr(snapshots, "found", lambda store: [path, gone])
        assert driver.stats().snapshots == 1
        assert driver.verify().ok
