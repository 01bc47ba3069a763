"""The index that processes share: it grows under all of them, and what the dead held comes free."""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest
from harness.alone import Child, alone, processes_together
from harness.described import described, name_of
from harness.held_read import HeldRead
from harness.index_rows import check_store

from trove.drivers.engine import EngineDriver


def opened(folder: Path, **options: str) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{folder}/store", durability="relaxed", **options)
    return driver


def index_size(folder: Path) -> int:
    return (folder / "store" / "index" / "data.mdb").stat().st_size


@alone()
def test_the_index_grows_under_eight_processes(tmp_path: Path) -> None:
    """Some write until it has grown several times, others read on, through maps that are too short again
    and again; a page that one of them could not touch would kill it."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        for key in ("here", "there"):
            driver.put("b", key, described(key, 1500))
    writers, objects = 4, 400
    running = memoryview(mmap.mmap(-1, 8 * writers)).cast("q")
    before = index_size(tmp_path)

    def write(writer: int) -> None:
        running[writer] = 1
        with opened(tmp_path) as driver:
            for number in range(objects):
                driver.put("b", f"{writer}/{number:04d}", described(f"{writer}/{number}", 1800))
        running[writer] = 2

    def read() -> None:
        with opened(tmp_path) as driver:
            while min(running) < 2:
                assert name_of(driver.get("b", "here").read()) == "here"
                newest = list(driver.list("b", prefix="1/"))[-1:]
                for info in newest:
                    assert name_of(driver.get("b", info.key).read()) == f"1/{int(info.key[2:])}"

    def idle() -> None:
        """One whose map stays as it was until all is over."""
        with opened(tmp_path) as driver:
            while min(running) < 2:
                os.sched_yield()
            assert name_of(driver.get("b", "there").read()) == "there"
            driver.put("b", "idle", b"")

    works: list[Callable[[], None]] = [lambda writer=writer: write(writer) for writer in range(writers)]  # type: ignore[misc]
    processes_together(*works, read, read, read, idle)
    assert index_size(tmp_path) >= 4 * before
    with opened(tmp_path) as driver:
        assert driver.stats().objects == writers * objects + 3
    check_store(tmp_path / "store", tmp_path / "scratch")


@alone()
@pytest.mark.parametrize("mode", ["rw", "r"])
@pytest.mark.parametrize("commits", [1, 2, 3])
def test_a_read_held_up_where_it_begins_sees_a_whole_index(tmp_path: Path, mode: str, commits: int) -> None:
    """After two commits the meta page that it was about to copy is of another commit than it noted."""
    held = HeldRead(tmp_path)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", b"before")

    def read() -> None:
        with opened(tmp_path, mode=mode) as driver:
            assert driver.get("b", "k").read() == b"before"
            held.make_ready(tmp_path / "store" / "index" / "data.mdb")
            assert driver.get("b", "k").read() in (b"before", str(commits - 1).encode())
            assert driver.get("b", "k").read() == str(commits - 1).encode()

    with opened(tmp_path) as driver:
        driver.put("b", "other", b"opened to write")
        reader = Child(read)
        held.wait()
        for number in range(commits):
            driver.put("b", "k", str(number).encode())
        held.let_go()
        assert reader.wait() == 0


def killed_while_reading(folder: Path, transactions: int) -> None:
    """A process that has that many read transactions open, or all that there can be, is killed."""

    def read() -> None:
        driver = opened(folder)
        held: list[object] = []
        with contextlib.suppress(lmdb.ReadersFullError):
            while len(held) < transactions:
                held.append(driver.opened().index.env.begin())
        os.kill(os.getpid(), signal.SIGKILL)

    assert Child(read).wait() == -signal.SIGKILL


@alone()
def test_what_a_killed_reader_held_is_used_again(tmp_path: Path) -> None:
    """Its snapshot would keep every page that is written from then on from being used again."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", b"")
        killed_while_reading(tmp_path, 1)
        for number in range(3000):
            driver.put("b", f"k{number % 10}", bytes(1900))
        # Ten objects; a version of the index for each commit would be 3,000 times several pages.
        assert index_size(tmp_path) <= 4 << 20


@alone()
def test_killed_readers_leave_room_for_others(tmp_path: Path) -> None:
    """As many die as LMDB has places for; a process that had the store open all along reads on."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", b"here")
        killed_while_reading(tmp_path, sys.maxsize)
        with pytest.raises(lmdb.ReadersFullError):
            driver.opened().index.env.begin()
        assert driver.get("b", "k").read() == b"here"
        driver.put("b", "k", b"still")
        assert [info.size for info in driver.list("b")] == [5]
