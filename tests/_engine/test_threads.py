"""Threads of one process: they are committed in groups, and what befalls one is its own affair."""

from __future__ import annotations

import ctypes
import errno
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from harness.alone import alone
from harness.described import SIZES, described, name_of
from harness.faults import FAIL, SLOW, Faults
from harness.gathered import WAIT, Gathered, Put, wait_for, waiting
from harness.index_rows import check_store
from harness.opened import opened

import trove
from trove._engine import background
from trove.drivers.engine import EngineDriver
from trove.errors import PreconditionFailedError, StorageIOError, TroveError


@pytest.fixture
def driver(tmp_path: Path) -> Any:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        yield driver


def keys(driver: trove.Driver) -> set[str]:
    return {info.key for info in driver.list("b")}


# Groups.


@alone()
def test_sixteen_threads_share_flushes(tmp_path: Path, fault_library: Path) -> None:
    driver = opened(tmp_path)
    driver.create_bucket("b")
    faults = Faults(tmp_path / "store")
    # Where a flush costs nothing, as in memory, there is none to share.
    faults.arm("fdatasync", SLOW, times=1 << 30)
    threads, each = 16, 25
    start = threading.Barrier(threads)

    def write(number: int) -> None:
        start.wait(WAIT)
        for n in range(each):
            driver.put("b", f"{number}/{n}", described(f"{number}/{n}", 1000))

    workers = [threading.Thread(target=write, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    # Alone, each would cost one.
    assert 0 < faults.count("fdatasync") <= threads * each // 3
    assert driver.opened().state.unflushed() == []
    assert len(list(driver.list("b"))) == threads * each
    driver.close()


def test_a_group_is_one_commit(driver: EngineDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Gathered(driver, monkeypatch)
    before = driver.stats().sequence
    group.join([Put(driver, f"{number}") for number in range(8)])
    assert keys(driver) == {"first", *(f"{number}" for number in range(8))}
    assert driver.stats().sequence == before + 2


def test_a_condition_that_fails_is_the_failure_of_one(
    driver: EngineDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.put("b", "there", b"old")
    group = Gathered(driver, monkeypatch)
    puts = [Put(driver, f"{number}") for number in range(4)]
    failing = [Put(driver, "there", if_none_match="*"), Put(driver, "other", if_match="no such etag")]
    group.join([puts[0], failing[0], *puts[1:], failing[1]])
    assert [put.error for put in puts] == [None] * 4
    assert [type(put.error) for put in failing] == [PreconditionFailedError] * 2
    assert keys(driver) == {"first", "there", "0", "1", "2", "3"}
    assert driver.get("b", "there").read() == b"old"


def test_a_batch_that_fails_half_way_takes_nobody_with_it(
    driver: EngineDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Gathered(driver, monkeypatch)
    told: list[BaseException] = []

    class Batched(Put):
        def run(self) -> None:
            try:
                with driver.batch() as batch:
                    batch.put("b", "half", b"")
                    batch.copy("b", "not there", "b", "copy")
            except trove.ObjectNotFoundError as error:
                told.append(error)

    group.join([Put(driver, "one"), Batched(driver, ""), Put(driver, "two")])
    assert len(told) == 1
    assert keys(driver) == {"first", "one", "two"}


def test_one_of_a_group_wins_a_race(driver: EngineDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Gathered(driver, monkeypatch)
    puts = [Put(driver, "k", f"{number}".encode(), if_none_match="*") for number in range(6)]
    group.join(puts)
    winners = [put for put in puts if put.error is None]
    assert len(winners) == 1
    assert driver.get("b", "k").read() == winners[0].data


@alone()
def test_a_flush_that_fails_is_told_to_all_of_the_group(tmp_path: Path, fault_library: Path) -> None:
    driver = opened(tmp_path)
    driver.create_bucket("b")
    with pytest.MonkeyPatch.context() as monkeypatch:
        group = Gathered(driver, monkeypatch)
        puts = [Put(driver, f"{number}") for number in range(5)]
        faults = Faults(tmp_path / "store")
        faults.arm("fdatasync", FAIL, at=2, error=errno.EIO)  # the first one is the first commit's
        group.join(puts)
        assert faults.injected == 1
    assert group.first.error is None
    assert [type(put.error) for put in puts] == [StorageIOError] * 5
    assert keys(driver) == {"first"}
    faults.disarm()
    driver.put("b", "after", b"")
    driver.close()
    with opened(tmp_path) as driver:
        assert keys(driver) == {"first", "after"}
    check_store(tmp_path / "store", tmp_path / "scratch")


# Interrupts: of one thread, they are not what the others are told.


def interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("whose", ["leader", "member"])
def test_an_interrupt_inside_a_commit_is_the_leaders_alone(
    driver: EngineDriver, monkeypatch: pytest.MonkeyPatch, whose: str, tmp_path: Path
) -> None:
    """It comes while the change of the leader, or of another one, is being made."""
    group = Gathered(driver, monkeypatch)
    puts = [Put(driver, f"{number}", described(f"{number}", 3000), if_none_match="*") for number in range(5)]
    times: list[int] = []

    def once() -> None:
        times.append(1)
        if len(times) == 1:
            interrupted()

    group.checked["0" if whose == "leader" else "3"] = once
    group.join(puts)
    assert [type(put.error) for put in puts] == [KeyboardInterrupt, *[type(None)] * 4]
    assert keys(driver) == {"first", "1", "2", "3", "4"}
    assert all(put.info == driver.head("b", put.key) for put in puts[1:])
    driver.close()
    with opened(tmp_path) as again:
        assert keys(again) == {"first", "1", "2", "3", "4"}
    check_store(tmp_path / "store", tmp_path / "scratch")


def test_an_interrupt_while_the_log_is_written_is_the_leaders_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The making of a new pack is Python."""
    driver = opened(tmp_path)
    driver.create_bucket("b")
    group = Gathered(driver, monkeypatch)
    puts = [Put(driver, f"{number}", if_none_match="*") for number in range(3)]
    real, times = os.listdir, []

    def listdir(path: str) -> list[str]:
        times.append(path)
        if len(times) == 1:
            interrupted()
        return real(path)

    def retire() -> None:
        """Put the present pack away, so that the group needs a new one."""
        if not times:
            driver.opened().writer.retire()
            monkeypatch.setattr(os, "listdir", listdir)

    group.checked["0"] = retire
    group.join(puts)
    assert len(times) >= 2
    assert [type(put.error) for put in puts] == [KeyboardInterrupt, type(None), type(None)]
    assert keys(driver) == {"first", "1", "2"}
    driver.close()
    check_store(tmp_path / "store", tmp_path / "scratch")


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_fails_after_the_commit_does_not_undo_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """The first relaxed write starts the thread that flushes; a process may have too many."""
    driver = opened(tmp_path, durability="relaxed")
    starts: list[int] = []

    class Threading:
        current_thread = staticmethod(threading.current_thread)

        @staticmethod
        def Thread(**options: Any) -> threading.Thread:  # noqa: N802
            starts.append(1)
            if len(starts) == 1:
                raise error
            return threading.Thread(**options)

    monkeypatch.setattr(background, "threading", Threading)
    if error is KeyboardInterrupt:
        # It comes when all is done, as it may right after any call.
        with pytest.raises(KeyboardInterrupt):
            driver.create_bucket("b")
    else:
        driver.create_bucket("b")
    driver.put("b", "k", b"data")
    assert len(starts) == 2
    assert driver.get("b", "k").read() == b"data"
    driver.close()


@alone()
def test_one_that_waits_for_its_turn_can_be_interrupted(tmp_path: Path) -> None:
    """Nothing of it happens then, and nobody waits for it."""
    driver = opened(tmp_path)
    driver.create_bucket("b")
    with pytest.MonkeyPatch.context() as monkeypatch:
        group = Gathered(driver, monkeypatch)
        others = [Put(driver, f"{number}") for number in range(3)]
        group.queue(others[0])

        def interrupt() -> None:
            wait_for(lambda: waiting(driver) == 2)
            group.queue(others[1])
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            driver.put("b", "mine", b"")
        interrupter.join()
        group.join([others[2]])
        for other in others:
            other.join(WAIT)
    assert [put.error for put in [group.first, *others]] == [None] * 4
    assert keys(driver) == {"first", "0", "1", "2"}
    driver.close()
    check_store(tmp_path / "store", tmp_path / "scratch")


@alone()
def test_one_that_is_being_committed_is_interrupted_when_it_is_done(tmp_path: Path) -> None:
    """The exception is that of the signal's handler, whatever it is."""
    driver = opened(tmp_path)
    driver.create_bucket("b")
    handled = threading.Event()

    class Alarm(BaseException):
        pass

    def handle(number: int, frame: object) -> None:
        handled.set()
        raise Alarm

    signal.signal(signal.SIGALRM, handle)
    with pytest.MonkeyPatch.context() as monkeypatch:
        group = Gathered(driver, monkeypatch)
        leader = Put(driver, "leader", if_none_match="*")

        def hold() -> None:
            """The group of the leader and of the main thread has begun, so it goes through."""
            if not handled.is_set():
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
                assert handled.wait(WAIT)

        group.checked["leader"] = hold
        group.queue(leader)

        def release() -> None:
            wait_for(lambda: waiting(driver) == 2)
            group.go.set()

        releaser = threading.Thread(target=release)
        releaser.start()
        with pytest.raises(Alarm):
            driver.put("b", "mine", b"")
        for thread in (leader, releaser, group.first):
            thread.join(WAIT)
    assert leader.error is None
    assert keys(driver) == {"first", "leader", "mine"}
    driver.put("b", "after", b"")
    driver.close()
    check_store(tmp_path / "store", tmp_path / "scratch")


def interrupt_thread(thread: threading.Thread) -> None:
    assert thread.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt)
    )


@alone()
@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_threads_that_are_interrupted_all_the_time_are_told_the_truth(
    tmp_path: Path, durability: str
) -> None:
    driver = opened(tmp_path, durability=durability)
    driver.create_bucket("b")
    threads, rounds = 6, 60
    acknowledged: dict[str, str] = {}
    refused: set[str] = set()
    unknown: set[str] = set()
    over = threading.Event()
    running = [threads]

    def write(writer: int) -> None:
        draw = random.Random(writer)
        number = 0
        while number < rounds:
            name = f"{writer}.{number}"
            try:
                number += 1
                data = described(name, draw.choice(SIZES[:4]))
                unknown.add(name)
                driver.put("b", name, data, if_none_match="*")
                acknowledged[name] = name
            except TroveError:
                refused.add(name)
            except KeyboardInterrupt:
                continue
        running[0] -= 1

    def write_to_the_end(writer: int) -> None:
        while True:
            try:
                return write(writer)
            except KeyboardInterrupt:
                running[0] -= 1  # it came at the very end
                return None

    workers = [threading.Thread(target=write_to_the_end, args=(writer,)) for writer in range(threads)]
    for worker in workers:
        worker.start()

    def bombard() -> None:
        draw = random.Random(0)
        while not over.is_set():
            worker = draw.choice(workers)
            if worker.is_alive():
                interrupt_thread(worker)
            over.wait(0.0005)

    bomber = threading.Thread(target=bombard)
    bomber.start()
    for worker in workers:
        worker.join()
    over.set()
    bomber.join()
    found = {info.key: name_of(driver.get("b", info.key).read()) for info in driver.list("b")}
    assert acknowledged.items() <= found.items()
    assert not refused & set(found)
    assert set(found) <= unknown
    assert acknowledged
    driver.put("b", "after", b"")
    driver.close()
    check_store(tmp_path / "store", tmp_path / "scratch")
