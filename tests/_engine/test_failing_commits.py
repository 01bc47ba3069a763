"""Commits that fail half way, in the log and not in the index, or in a group. What raised stays absent."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
from pathlib import Path

import lmdb
import pytest
from harness.alone import Child, alone
from harness.failing_index import FailingIndex
from harness.faults import FAIL, Faults
from harness.gathered import Call, Gathered, Put
from harness.index_rows import check_store
from harness.neighbour import Neighbour
from harness.opened import opened

import trove
from trove.drivers.engine import EngineDriver
from trove.errors import StorageFullError, StorageIOError


def keys(driver: trove.Driver) -> list[str]:
    return [info.key for info in driver.list("b")]


def found_later(folder: Path) -> list[str]:
    """The keys in the store when it is opened again; they must be the same when its index is made anew."""
    found = found_by_state(folder)
    check_store(folder / "store", folder / "scratch")
    return found


def found_by_state(folder: Path) -> list[str]:
    """The same, where the log alone does not tell."""
    with opened(folder) as driver:
        found = keys(driver)
    shutil.rmtree(folder / "store" / "index")
    with opened(folder) as driver:
        assert keys(driver) == found
    return found


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> FailingIndex:
    return FailingIndex(monkeypatch)


def refuse() -> None:
    raise lmdb.Error("as the test wants it")


# The index can't be committed.


@pytest.mark.parametrize("next_writer", ["the same", "another"])
@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_a_commit_that_fails_in_the_index_is_none_whoever_comes_next(
    tmp_path: Path, failing: FailingIndex, next_writer: str, durability: str
) -> None:
    """Also where the index can't be asked what became of it."""
    with opened(tmp_path, durability=durability) as driver, Neighbour(f"trove://{tmp_path}/store") as other:
        driver.create_bucket("b")
        before = driver.stats().sequence

        def refuse_all() -> None:
            failing.begin_write = refuse
            refuse()

        failing.commit = refuse_all
        with pytest.raises(StorageIOError, match="as the test wants it"):
            driver.put("b", "raised", b"x")
        failing.commit = failing.begin_write = None
        if next_writer == "another":
            other.put("b", "after", b"x")
        else:
            driver.put("b", "after", b"x")
        assert keys(driver) == ["after"]
        assert driver.stats().sequence == before + 2, "a number was used again"
    assert found_later(tmp_path) == ["after"]


def test_a_commit_that_fails_and_that_nobody_follows_is_none(tmp_path: Path, failing: FailingIndex) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        failing.commit = refuse
        with pytest.raises(StorageIOError, match="as the test wants it"):
            driver.put("b", "raised", b"x")
        failing.commit = None
        assert keys(driver) == []
    assert found_later(tmp_path) == []


def test_another_process_voids_the_commit_of_a_writer_that_lives(
    tmp_path: Path, failing: FailingIndex
) -> None:
    """It gets the lock before the writer has said that its commit failed."""
    with opened(tmp_path) as driver, Neighbour(f"trove://{tmp_path}/store") as other:
        driver.create_bucket("b")
        failing.after_abort = lambda: other.put("b", "overtakes", b"x")
        failing.commit = refuse
        with pytest.raises(StorageIOError, match="as the test wants it"):
            driver.put("b", "raised", b"x")
        failing.commit = failing.after_abort = None
        assert keys(driver) == ["overtakes"]
        driver.put("b", "after", b"x")
        assert keys(driver) == ["after", "overtakes"]
    assert found_later(tmp_path) == ["after", "overtakes"]


@alone()
def test_a_commit_whose_writer_died_in_the_index_is_made_or_none_for_all(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        failing = FailingIndex(monkeypatch)

        def write() -> None:
            with opened(tmp_path) as driver:
                driver.create_bucket("b")
                failing.commit = lambda: os.kill(os.getpid(), signal.SIGKILL)
                driver.put("b", "in flight", b"x")

        assert Child(write).wait() == -signal.SIGKILL
    assert found_later(tmp_path) == ["in flight"]


# The record can't be taken back.


@alone()
def test_a_commit_that_raised_and_can_not_be_voided_is_declared_none(
    tmp_path: Path, fault_library: Path
) -> None:
    """Its record stands whole in the log, and the state says that it does not count."""
    driver = opened(tmp_path)
    driver.create_bucket("b")
    sequence = driver.stats().sequence
    faults = Faults(tmp_path / "store")
    # The record is written; neither the flush nor what would void it goes through.
    faults.arm(("pwrite", "fdatasync"), FAIL, at=2, times=2, error=errno.EIO)
    with pytest.raises(StorageIOError):
        driver.put("b", "raised", b"whole in the log")
    assert faults.injected == 2
    faults.disarm()
    assert any(b"whole in the log" in pack.read_bytes() for pack in (tmp_path / "store").glob("packs/*"))
    assert driver.opened().state.raised == (sequence, sequence + 1)
    assert keys(driver) == []
    driver.close()
    assert found_by_state(tmp_path) == []


# Groups.


def test_each_of_a_group_that_fails_gets_an_exception_of_its_own(
    tmp_path: Path, failing: FailingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = opened(tmp_path)
    driver.create_bucket("b")
    group = Gathered(driver, monkeypatch)
    puts = [Put(driver, f"{number}", if_none_match="*") for number in range(4)]
    cause = OSError(errno.EIO, "as the test wants it")

    def fail() -> None:
        raise StorageIOError.of(cause, "committing", bucket="b", key="k") from cause

    group.checked["0"] = lambda: setattr(failing, "commit", fail)
    group.join(puts)
    failing.commit = None
    errors = [put.error for put in puts]
    assert len({id(error) for error in errors}) == len(puts)
    for error in errors:
        assert type(error) is StorageIOError
        assert error.__cause__ is cause
        assert (error.errno, error.strerror, error.bucket, error.key) == (errno.EIO, cause.strerror, "b", "k")
        assert str(error) == str(errors[0])
        seen = error.__traceback__
        depth = 0
        while seen is not None:
            seen, depth = seen.tb_next, depth + 1
        assert depth < 20, "it was raised in other threads, too"
    driver.close()
    assert found_later(tmp_path) == ["first"]


def half_full_index(driver: EngineDriver) -> None:
    """Put so much in the index that a snapshot wants more room for what comes while it is taken."""
    driver.put_many("b", {f"small/{number:03d}": bytes([number % 256]) * 2000 for number in range(300)})
    info = driver.opened().index.env.info()
    assert (info["last_pgno"] + 1) * 4096 * 2 > info["map_size"]


@alone()
def test_a_snapshot_without_room_fails_alone_in_its_group(tmp_path: Path, fault_library: Path) -> None:
    driver = opened(tmp_path)
    driver.create_bucket("b")
    half_full_index(driver)
    with pytest.MonkeyPatch.context() as monkeypatch:
        group = Gathered(driver, monkeypatch)
        puts = [Put(driver, f"put/{number}") for number in range(2)]
        snapshot = Call(driver.snapshot)
        faults = Faults(tmp_path / "store")
        faults.arm("posix_fallocate", FAIL, times=1 << 30, error=errno.ENOSPC, path="index/data.mdb")
        group.join([puts[0], snapshot, puts[1]])
        assert faults.injected > 0
        faults.disarm()
    assert type(snapshot.error) is StorageFullError
    assert [put.error for put in puts] == [None, None]
    assert driver.snapshot() is not None
    driver.close()
    assert {"put/0", "put/1"} <= set(found_later(tmp_path))


def test_what_a_second_try_finds_gone_is_taken_from_where_the_first_one_found_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch shares a chunk that moves before its commit, and that goes between two tries of it."""
    data = random.Random(1).randbytes(10_000)
    with opened(tmp_path) as driver, Neighbour(f"trove://{tmp_path}/store") as other:
        driver.create_bucket("b")
        half_full_index(driver)
        driver.put("b", "owner", data)
        batch = driver.batch()
        batch.put("b", "shared", data)
        driver.delete("b", "owner")
        driver.put("b", "other", data)
        other.put("b", "first-of-other", b"")  # from here on it needs no lock but the one to write
        group = Gathered(driver, monkeypatch)
        commit = Call(lambda: batch.__exit__(None, None, None))
        snapshot = Call(driver.snapshot)  # it comes after the batch, and wants room first
        gone: list[str] = []
        real = os.posix_fallocate

        def fallocate(fd: int, offset: int, length: int) -> None:
            if not gone and os.readlink(f"/proc/self/fd/{fd}").endswith("data.mdb"):
                gone.append("other")
                other.put("b", "other", b"x")
            real(fd, offset, length)

        monkeypatch.setattr(os, "posix_fallocate", fallocate)
        group.join([commit, snapshot])
        assert (commit.error, snapshot.error, gone) == (None, None, ["other"])
        assert driver.get("b", "shared").read() == data
        assert driver.verify().ok
    with opened(tmp_path, verify="always") as driver:
        assert driver.get("b", "shared").read() == data
    check_store(tmp_path / "store", tmp_path / "scratch")
