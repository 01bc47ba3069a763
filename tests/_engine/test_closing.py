"""Closing: beside calls of other threads, which get an answer or DriverClosedError, and interrupted."""

from __future__ import annotations

import fcntl
import gc
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from harness.alone import Child, alone
from harness.faults import Faults
from harness.gathered import WAIT, Call, Gathered, Put, wait_for
from harness.index_rows import check_store
from harness.opened import opened

import trove
from trove._engine import store as store_module
from trove.drivers.engine import EngineDriver
from trove.errors import DriverClosedError, InvalidArgumentError, ObjectNotFoundError, TroveError

CLEAN = 32  # where in the state file it stands


def keys(driver: trove.Driver) -> list[str]:
    return [info.key for info in driver.list("b")]


# Beside calls of other threads.


def call_at_random(driver: EngineDriver, thread: int, over: threading.Event, kept: dict[str, bytes]) -> None:
    """Call this and that until it is over; what comes out is an answer, or says that the driver is closed."""
    draw = random.Random(thread)
    large = draw.randbytes(200_000)
    while not over.is_set():
        key = f"{thread}/{draw.randrange(50)}"
        try:
            kind = draw.randrange(7)
            if kind < 2:
                data = large[: draw.choice([10, 3000, 200_000])] + draw.randbytes(8)
                driver.put("b", key, data if kind else iter([data[:5], data[5:]]))
                kept[key] = data
            elif kind == 2:
                driver.list("b")
            elif kind == 3:
                driver.list_buckets()
            elif kind == 4:
                for found, data in driver.get_many("b", [f"{thread}/{n}" for n in range(50)]).items():
                    assert data == kept.get(found, data)
            elif kind == 5:
                if draw.random() < 0.05:
                    driver.snapshot()
                driver.stats()
            else:
                assert driver.head("b", key).size == len(kept.get(key, b"")) or key not in kept
        except (DriverClosedError, ObjectNotFoundError):
            pass


@alone(timeout=120)
@pytest.mark.parametrize("durability", ["full", "relaxed"])
@pytest.mark.parametrize("rounds", [10, pytest.param(80, marks=pytest.mark.slow)])
def test_calls_that_race_with_closing_get_an_answer_or_a_closed_driver(
    tmp_path: Path, durability: str, rounds: int
) -> None:
    driver = opened(tmp_path, durability=durability)
    driver.create_bucket("b")
    over = threading.Event()
    kept: dict[str, bytes] = {}
    calls = [Call(lambda n=n: call_at_random(driver, n, over, kept)) for n in range(5)]  # type: ignore[misc]
    for call in calls:
        call.start()
    draw = random.Random(0)
    for _ in range(rounds):
        over.wait(draw.random() * 0.04)
        driver.close()
        driver.open(f"trove://{tmp_path}/store", durability=durability)
    over.set()
    for call in calls:
        call.join(WAIT)
    assert [call.error for call in calls] == [None] * len(calls), [repr(call.error) for call in calls]
    assert kept
    assert {key: driver.get("b", key).read() for key in kept} == kept
    assert driver.verify().ok
    driver.close()
    check_store(tmp_path / "store", tmp_path / "scratch")


def test_a_close_waits_for_a_read_that_is_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = opened(tmp_path)
    driver.create_bucket("b")
    core = driver.opened()
    reading, go = threading.Event(), threading.Event()
    real = os.open

    def open_file(path: Any, *args: Any, **options: Any) -> int:
        if str(path).endswith("snapshots/new/data.mdb"):  # inside the transaction whose index is copied
            reading.set()
            assert go.wait(WAIT)
        return real(path, *args, **options)

    monkeypatch.setattr(os, "open", open_file)
    snapshot, close = Call(driver.snapshot), Call(driver.close)
    snapshot.start()
    assert reading.wait(WAIT)
    close.start()
    wait_for(lambda: core.handles == 0)
    close.join(0.3)
    assert close.is_alive()
    go.set()
    for call in (snapshot, close):
        call.join(WAIT)
    assert close.error is None
    assert snapshot.error is None or type(snapshot.error) is DriverClosedError
    with opened(tmp_path) as again:
        assert again.verify().ok


@alone()
def test_nothing_comes_behind_the_flush_of_a_close(tmp_path: Path, fault_library: Path) -> None:
    """The close finds one commit under way, which it waits for, and one that waits, which it refuses."""
    driver = opened(tmp_path, durability="relaxed")
    driver.create_bucket("b")
    faults = Faults(tmp_path / "store")
    with pytest.MonkeyPatch.context() as monkeypatch:
        group = Gathered(driver, monkeypatch)
        late, close = Put(driver, "late"), Call(driver.close)
        core = driver.opened()
        group.queue(late)
        close.start()
        wait_for(lambda: core.waiting == 2)
        group.join([])
        for call in (late, close):
            call.join(WAIT)
    assert (group.first.error, close.error) == (None, None)
    assert type(late.error) is DriverClosedError
    assert faults.dirty == 0
    assert (tmp_path / "store" / "state").read_bytes()[CLEAN] == 1
    with opened(tmp_path) as driver:
        assert keys(driver) == ["first"]
    check_store(tmp_path / "store", tmp_path / "scratch")


def test_a_stream_that_the_close_overtakes_writes_no_more(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(12 << 20)
    driver = opened(tmp_path, durability="relaxed")
    driver.create_bucket("b")
    core = driver.opened()
    sizes: list[int] = []

    def pieces() -> Iterator[bytes]:
        yield data[: 6 << 20]
        driver.close()
        sizes.append(core.writer.tail)
        yield data[6 << 20 :]

    with pytest.raises(DriverClosedError):
        driver.put("b", "stream", pieces())
    assert sizes == [core.writer.tail]
    with opened(tmp_path) as again:
        again.put("b", "after", data)
        assert again.get("b", "after").read() == data
        assert again.verify().ok
    check_store(tmp_path / "store", tmp_path / "scratch")


def test_closing_cuts_off_no_record_that_is_being_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives back the space that the pack has asked for ahead, when nobody appends to it any more."""
    driver = opened(tmp_path)
    driver.create_bucket("b")
    group = Gathered(driver, monkeypatch)
    core = driver.opened()
    cutting = threading.Event()
    real = os.ftruncate

    def ftruncate(fd: int, length: int) -> None:
        if os.readlink(f"/proc/self/fd/{fd}").endswith(".pack"):
            cutting.set()
            group.go.set()
            group.first.join(WAIT)
        real(fd, length)

    monkeypatch.setattr(os, "ftruncate", ftruncate)
    close = Call(driver.close)
    close.start()
    wait_for(lambda: cutting.is_set() or core.waiting == 1)
    group.go.set()
    for call in (close, group.first):
        call.join(WAIT)
    assert cutting.is_set()
    assert (close.error, group.first.error) == (None, None)
    with opened(tmp_path) as again:
        assert keys(again) == ["first"]
        assert again.verify().ok
    check_store(tmp_path / "store", tmp_path / "scratch")


@alone()
def test_a_finalizer_that_closes_the_driver_inside_a_call_is_refused(tmp_path: Path) -> None:
    """It would wait for the end of the read or the commit that it has come into."""
    driver = opened(tmp_path, durability="relaxed")
    driver.create_bucket("b")
    driver.put_many("b", {f"{n}": b"x" for n in range(2000)})
    outcomes: list[type[BaseException] | None] = []

    class Finalized:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            try:
                driver.close()
                outcomes.append(None)
            except BaseException as error:
                outcomes.append(type(error))

    gc.set_threshold(100)
    for n in range(50):
        Finalized()
        try:
            driver.list("b", max_keys=2000)
            driver.put("b", f"{n}", b"y", metadata={"a": "b"})
        except DriverClosedError:
            pass
        if outcomes and outcomes[-1] is None:
            driver.open(f"trove://{tmp_path}/store", durability="relaxed")
            outcomes.append(InvalidArgumentError)
    gc.set_threshold(0)
    assert set(outcomes) <= {None, InvalidArgumentError}
    assert InvalidArgumentError in outcomes
    driver.close()
    check_store(tmp_path / "store", tmp_path / "scratch")


# Beside openings: each store has its own turn.


class Held:
    """The making of one store, which stands still inside of it until it may go on."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entered, self.go, self.over = threading.Event(), threading.Event(), threading.Event()
        real = store_module.check_empty

        def check_empty(path: str) -> None:
            if path == os.path.realpath(folder / "store"):
                self.entered.set()
                assert self.go.wait(WAIT)
            real(path)

        monkeypatch.setattr(store_module, "check_empty", check_empty)
        self.call = Call(lambda: self._open(folder))
        self.call.start()
        assert self.entered.wait(WAIT)

    def _open(self, folder: Path) -> EngineDriver:
        driver = opened(folder)
        self.over.set()
        return driver

    def finish(self) -> EngineDriver:
        self.go.set()
        self.call.join(WAIT)
        assert self.call.error is None
        driver: EngineDriver = self.call.result
        return driver


@alone()
def test_a_store_that_takes_long_to_open_holds_up_no_other(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        held = Held(tmp_path / "slow", monkeypatch)
        with opened(tmp_path / "other") as other:
            other.create_bucket("b")
        assert not held.over.is_set()
        second = Call(lambda: opened(tmp_path / "slow"))
        second.start()
        driver = held.finish()
        second.join(WAIT)
    assert second.error is None
    assert second.result.opened() is driver.opened()
    second.result.close()
    driver.close()


@alone()
def test_a_fork_waits_for_a_store_that_is_being_opened(tmp_path: Path) -> None:
    forking = threading.Event()
    # Those that were registered last come first.
    os.register_at_fork(before=forking.set)
    with pytest.MonkeyPatch.context() as monkeypatch:
        held = Held(tmp_path, monkeypatch)

        def release() -> None:
            assert forking.wait(WAIT)
            held.go.set()

        releaser = Call(release)
        releaser.start()

        def work() -> None:
            assert held.over.is_set() or held.call.result is None
            with opened(tmp_path) as driver:
                driver.create_bucket("of the child")

        child = Child(work)
        driver = held.finish()
        assert child.wait() == 0
    releaser.join(WAIT)
    assert [info.name for info in driver.list_buckets()] == ["of the child"]
    with opened(tmp_path / "other") as other:
        other.create_bucket("b")
    driver.close()


# Interrupted.


class Interruption(KeyboardInterrupt):
    pass


class InterruptAt:
    """Raises where Python code is entered or left for the n-th time in this thread, as Ctrl-C can."""

    def __init__(self, number: int) -> None:
        self.left = number

    def trace(self, frame: FrameType, event: str, argument: object) -> Any:
        if event in ("call", "return"):
            self.left -= 1
            if self.left == 0:
                sys.settrace(None)
                raise Interruption
        return self.trace

    def __enter__(self) -> InterruptAt:
        sys.settrace(self.trace)
        return self

    def __exit__(self, *exc_info: object) -> None:
        sys.settrace(None)


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock of that file or folder."""
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def descriptors(folder: Path) -> list[str]:
    found = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    return [os.readlink(path) for path in found if path.is_symlink() and str(folder) in os.readlink(path)]


@alone(timeout=120)
@pytest.mark.parametrize(
    ("call", "every"), [("open", 7), ("close", 1), pytest.param("open", 1, marks=pytest.mark.slow)]
)
def test_an_interrupt_anywhere_in_it_leaves_no_lock_behind(tmp_path: Path, call: str, every: int) -> None:
    store = tmp_path / "store"
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
    number, interrupted = 0, True
    while interrupted:
        number += every
        driver, interrupted = EngineDriver(), False
        errors: list[BaseException] = []  # kept, and with them all that their tracebacks hold
        try:
            if call == "open":
                with InterruptAt(number):
                    driver.open(f"trove://{store}", durability="relaxed")
            else:
                driver.open(f"trove://{store}", durability="relaxed")
                driver.put("b", f"{number}", b"x")
                with InterruptAt(number):
                    driver.close()
        except Interruption as error:
            errors.append(error)
            interrupted = True
        driver.close()
        assert is_free(store), f"the gate is held after an interrupt at step {number}"
        assert is_free(store / "LOCK"), f"the store is in use after an interrupt at step {number}"
        with opened(tmp_path, durability="relaxed") as again:
            assert call == "open" or again.head("b", f"{number}").size == 1
        errors.clear()
        assert descriptors(store) == []
    assert number > 20, "it was not interrupted"
    check_store(store, tmp_path / "scratch")


@alone()
def test_an_interrupt_of_a_close_that_waits_comes_when_it_is_closed(tmp_path: Path) -> None:
    driver = opened(tmp_path)
    driver.create_bucket("b")
    handled = threading.Event()

    def handle(number: int, frame: object) -> None:
        handled.set()
        raise Interruption

    signal.signal(signal.SIGALRM, handle)
    with pytest.MonkeyPatch.context() as monkeypatch:
        group = Gathered(driver, monkeypatch)
        core = driver.opened()

        def interrupt() -> None:
            wait_for(lambda: core.waiting == 1)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)
            assert handled.wait(WAIT)
            group.go.set()

        interrupter = Call(interrupt)
        interrupter.start()
        with pytest.raises(Interruption):
            driver.close()
        for thread in (interrupter, group.first):
            thread.join(WAIT)
    assert is_free(tmp_path / "store" / "LOCK")
    assert group.first.error is None
    with pytest.raises(TroveError):
        driver.list("b")
    with opened(tmp_path) as again:
        assert keys(again) == ["first"]
    check_store(tmp_path / "store", tmp_path / "scratch")
