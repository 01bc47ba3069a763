"""Fork: the child reopens by itself, the parent goes on, whatever was under way when it happened."""

from __future__ import annotations

import functools
import multiprocessing
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.alone import Child, alone, processes_together
from harness.described import SIZES, described, name_of
from harness.index_rows import check_store
from harness.opened import opened

import trove
from trove._engine import cores
from trove._engine import engine as engine_module
from trove.drivers.engine import EngineDriver
from trove.errors import InvalidArgumentError

WAIT = 30  # seconds that nothing here needs


def contents(driver: trove.Driver) -> dict[str, str]:
    return {info.key: name_of(driver.get("b", info.key).read()) for info in driver.list("b")}


class Writers:
    """Threads that put and delete until they are told to stop, and remember what was acknowledged."""

    def __init__(self, driver: EngineDriver, count: int, sizes: tuple[int, ...]) -> None:
        self.driver = driver
        self.sizes = sizes
        self.left: dict[str, str] = {}
        self.errors: list[BaseException] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(each,)) for each in range(count)]
        self.written = threading.Semaphore(0)

    def _write(self, writer: int) -> None:
        draw = random.Random(writer)
        number = 0
        try:
            while not self._over.is_set():
                number += 1
                key, name = f"{writer}/{draw.randrange(8)}", f"{writer}.{number}"
                if draw.random() < 0.2:
                    self.driver.delete("b", key)
                    self.left.pop(key, None)
                else:
                    data = described(name, draw.choice(self.sizes))
                    source = iter([data[:1000], data[1000:]]) if draw.random() < 0.3 else data
                    self.driver.put("b", key, source)
                    self.left[key] = name
                    assert name_of(self.driver.get("b", key).read()) == name
                self.written.release()
        except BaseException as error:
            self.errors.append(error)
            self.written.release()
            raise

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        assert self.errors == []


@alone()
@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_forks_under_load_lose_nothing(tmp_path: Path, durability: str) -> None:
    with opened(tmp_path, durability=durability) as driver:
        driver.create_bucket("b")
        driver.create_bucket("children")
        forks = 25
        with Writers(driver, 4, SIZES[:4]) as writers:
            for number in range(forks):

                def work(number: int = number) -> None:
                    for key in ("0/1", "1/2"):
                        found = driver.get_many("b", [key])
                        assert all(name_of(data).split(".")[0] == key[0] for data in found.values())
                    driver.put("children", f"{number}", described(f"{number}", 3000))
                    assert name_of(driver.get("children", f"{number}").read()) == f"{number}"
                    if number % 3 == 0:
                        driver.close()

                child = Child(work)
                # The parent goes on while the child runs, and after it.
                for _ in range(5):
                    assert writers.written.acquire(timeout=WAIT)
                assert child.wait() == 0
        assert contents(driver) == writers.left
        assert len(list(driver.list("children"))) == forks
        assert driver.verify().ok
    check_store(tmp_path / "store", tmp_path / "scratch")


@alone()
def test_forks_while_snapshots_are_taken(tmp_path: Path) -> None:
    """A fork waits until the index was copied, and lets the rest of the snapshot go on."""
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        driver.put_many("b", {f"{number}": described(f"{number}", 1900) for number in range(2000)})
        over = threading.Event()
        taken: list[int] = []

        def take() -> None:
            while not over.is_set():
                taken.append(driver.snapshot().sequence)

        thread = threading.Thread(target=take)
        thread.start()

        def work(number: int) -> None:
            assert name_of(driver.get("b", f"{number}").read()) == f"{number}"
            driver.put("b", f"child/{number}", described("child", 40))
            if number == 5:
                assert driver.snapshot().sequence == driver.stats().sequence

        for number in range(10):
            processes_together(lambda number=number: work(number))  # type: ignore[misc]
        over.set()
        thread.join()
        assert taken == sorted(taken)
        assert len(list(driver.list("b", prefix="child/"))) == 10
        assert driver.verify().ok


@alone()
@pytest.mark.parametrize("ending", ["_exit", "exit", "kill", "close"])
def test_however_a_child_ends_the_parent_goes_on(tmp_path: Path, ending: str) -> None:
    driver = opened(tmp_path, durability="relaxed")
    driver.create_bucket("b")
    driver.put("b", "before", described("before", 3000))
    pid = os.fork()
    if pid == 0:
        driver.put("b", "child", described("child", 3000))
        if ending == "_exit":
            os._exit(0)
        if ending == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if ending == "close":
            driver.close()
        sys.exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status == (-signal.SIGKILL if ending == "kill" else 0)
    driver.put("b", "after", described("after", 3000))
    everything = {name: name for name in ("before", "child", "after")}
    assert contents(driver) == everything
    driver.close()
    with opened(tmp_path) as driver:
        assert contents(driver) == everything
    check_store(tmp_path / "store", tmp_path / "scratch")


@alone()
def test_the_child_outlives_the_parent_and_its_writes(tmp_path: Path) -> None:
    """The parent's handle is closed, and the store changed by others, before the child says a word."""
    driver = opened(tmp_path)
    driver.create_bucket("b")
    closed = multiprocessing.get_context("fork").Event()

    def work() -> None:
        assert closed.wait(WAIT)
        assert contents(driver) == {"last": "last"}
        driver.put("b", "child", described("child", 40))
        driver.close()

    child = Child(work)
    driver.put("b", "last", described("last", 3000))
    driver.close()
    closed.set()
    assert child.wait() == 0
    with opened(tmp_path) as driver:
        assert contents(driver) == {"last": "last", "child": "child"}


@alone()
def test_a_child_may_fork_again(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")

        def work(depth: int) -> None:
            # The second one forks before it touched the store, the others after.
            if depth != 2:
                driver.put("b", f"{depth}", described(f"{depth}", 3000))
            if depth < 4:
                processes_together(
                    lambda: work(depth + 1), lambda: driver.put("b", f"{depth}+", described("x", 3000))
                )
            driver.put("b", f"{depth}.", described(f"{depth}", 40))
            assert f"{depth}." in contents(driver)

        processes_together(lambda: work(0))
        assert set(contents(driver)) == {
            *("0", "1", "3", "4"),
            *(f"{depth}+" for depth in range(4)),
            *(f"{depth}." for depth in range(5)),
        }
    check_store(tmp_path / "store", tmp_path / "scratch")


def pooled(job: tuple[EngineDriver, int]) -> str:
    driver, number = job
    driver.put("b", f"pool/{number}", described(f"{number}", 3000))
    return name_of(driver.get("b", "before").read())


_shared: list[EngineDriver] = []  # what a pool's workers inherit: a handle can't be sent to them


def pool_work(number: int) -> str:
    return pooled((_shared[0], number))


@alone()
def test_the_workers_of_a_multiprocessing_pool_share_the_handle(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        driver.put("b", "before", described("before", 3000))
        _shared.append(driver)
        with multiprocessing.get_context("fork").Pool(3) as pool:
            assert pool.map(pool_work, range(30)) == ["before"] * 30
            driver.put("b", "meanwhile", described("meanwhile", 40))
        names = {f"pool/{number}": f"{number}" for number in range(30)}
        assert contents(driver) == {"before": "before", "meanwhile": "meanwhile", **names}


@alone()
def test_a_reader_that_is_open_reads_on_in_both(tmp_path: Path) -> None:
    size = SIZES[-1]
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        data = described("old", size)
        driver.put("b", "k", data)
        reader = driver.get("b", "k")
        assert reader.read(100_000) == data[:100_000]

        def work() -> None:
            assert reader.read() == data[100_000:]
            reader.seek(5)
            assert reader.read(10) == data[5:15]
            assert bytes(reader.view()) == data
            driver.delete("b", "k")
            driver.close()
            with pytest.raises(ValueError, match="closed"):
                reader.read()

        processes_together(work)
        # They have a position each, and the child's close is not the parent's.
        assert reader.read() == data[100_000:]
        assert contents(driver) == {}


@alone()
def test_a_batch_under_way_can_be_committed_in_both(tmp_path: Path) -> None:
    """Content of it that was found in the store is gone by then, so it is written again, by either into its
    own pack: the child must not write where the parent does."""
    data = described("shared", 700_000)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "owner", data)
        batch = driver.batch()
        with batch:
            batch.put("b", "staged", data)
            batch.put("b", "new", described("new", 700_000))
            driver.delete("b", "owner")

            def commit() -> None:
                batch.__exit__(None, None, None)
                assert {info.key for info in driver.list("b")} - {"parent"} == {"staged", "new"}
                # Not what the parent put: it may be gone by the time that it is read.
                assert name_of(driver.get("b", "staged").read()) == "shared"
                assert name_of(driver.get("b", "new").read()) == "new"
                driver.delete("b", "staged")
                driver.delete("b", "new")
                with pytest.raises(InvalidArgumentError):
                    batch.put("b", "late", b"")

            child = Child(commit)
            driver.put("b", "parent", described("parent", 700_000))
            driver.delete("b", "parent")
            assert child.wait() == 0
        assert contents(driver) == {"staged": "shared", "new": "new"}
        assert driver.verify().ok
    check_store(tmp_path / "store", tmp_path / "scratch")


@alone()
def test_data_that_forks_is_put_by_the_parent_only(tmp_path: Path) -> None:
    """The child would append where the parent does."""
    data = described("whole", 9_000_000)
    pids: list[int] = []

    def pieces() -> Iterator[bytes]:
        yield data[:5_000_000]
        pids.append(os.fork())
        yield data[5_000_000:]

    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        refused = None
        try:
            driver.put("b", "k", pieces())
        except InvalidArgumentError as error:
            refused = error
        if pids == [0]:
            assert "forked" in str(refused)
            driver.put("b", "child", described("child", 3000))
            os._exit(0)
        assert refused is None
        assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 0
        assert contents(driver) == {"k": "whole", "child": "child"}


@alone()
def test_threads_of_a_child_that_come_first_together_open_the_store_once(tmp_path: Path) -> None:
    """Opened twice, it would count a handle that nobody closes: its writes would stay unflushed for good."""
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")

        def work() -> None:
            real = cores.open_core
            here = threading.Barrier(4)
            opens = []

            def slow(*arguments: object) -> object:
                # Who opens lets all the others come to the same point first.
                opens.append(1)
                first_in.set()
                return real(*arguments)  # type: ignore[arg-type]

            first_in = threading.Event()
            engine_module.open_core = slow  # type: ignore[attr-defined]
            errors: list[BaseException] = []

            def write(number: int) -> None:
                try:
                    here.wait(WAIT)
                    driver.put("b", f"{number}", described(f"{number}", 40))
                except BaseException as error:
                    errors.append(error)

            threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert errors == []
            assert driver.opened().handles == 1
            assert len(opens) == 1
            driver.close()

        processes_together(*[work] * 6)
        assert set(contents(driver)) == {"0", "1", "2", "3"}


@alone()
def test_a_lock_that_another_thread_held_at_the_fork_is_nobodys_in_the_child(tmp_path: Path) -> None:
    """A thread of the parent is in the middle of opening another store."""
    driver = opened(tmp_path)
    driver.create_bucket("b")
    other = EngineDriver()
    entered, go = threading.Event(), threading.Event()

    def slow(*arguments: object) -> object:
        entered.set()
        assert go.wait(WAIT)
        raise InvalidArgumentError("not this one")

    engine_module.open_core = slow  # type: ignore[attr-defined]

    def open_other() -> None:
        with pytest.raises(InvalidArgumentError):
            other.open(f"trove://{tmp_path}/other")

    thread = threading.Thread(target=open_other)
    thread.start()
    assert entered.wait(WAIT)
    engine_module.open_core = cores.open_core  # type: ignore[attr-defined]

    def work() -> None:
        other.open(f"trove://{tmp_path}/other")
        other.create_bucket("b")
        other.close()
        driver.put("b", "k", b"")
        driver.close()

    processes_together(work)
    go.set()
    thread.join()
    assert driver.head("b", "k").size == 0
    driver.close()


@alone()
def test_an_interrupt_while_a_fork_waits_for_a_commit_comes_after_it(tmp_path: Path) -> None:
    """And the fork is as sound as any: what interrupts its preparation must not leave it half done."""
    driver = opened(tmp_path, durability="relaxed")
    driver.create_bucket("b")
    committing, go = threading.Event(), threading.Event()

    class Slow(str):
        """A tag for `if_match` whose comparison, inside the commit, takes as long as the test wants."""

        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            committing.set()
            assert go.wait(WAIT)
            return True

        def __ne__(self, other: object) -> bool:
            return not self == other

        def __hash__(self) -> int:
            return super().__hash__()

    info = driver.put("b", "k", b"old")
    put = functools.partial(driver.put, "b", "k", b"new", if_match=Slow(info.etag))
    thread = threading.Thread(target=put)
    thread.start()
    assert committing.wait(WAIT)
    main = threading.get_ident()

    handled = threading.Event()

    def handle(number: int, frame: object) -> None:
        handled.set()
        raise KeyboardInterrupt

    def interrupt() -> None:
        # The fork queues up behind the commit.
        while not driver.opened().waiting:
            os.sched_yield()
        signal.pthread_kill(main, signal.SIGINT)
        assert handled.wait(WAIT)
        go.set()

    default = signal.signal(signal.SIGINT, handle)
    threading.Thread(target=interrupt).start()
    pid = -1
    interrupted = False
    try:
        pid = os.fork()
        if pid == 0:
            driver.put("b", "child", b"")
            driver.close()
            os._exit(0)
        for _ in range(10_000_000):
            os.sched_yield()
    except KeyboardInterrupt:
        interrupted = True
    signal.signal(signal.SIGINT, default)
    assert interrupted
    assert handled.is_set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
    assert driver.get("b", "k").read() == b"new"
    assert [info.key for info in driver.list("b")] == ["child", "k"]
    driver.put("b", "k", b"newer")
    driver.close()
    check_store(tmp_path / "store", tmp_path / "scratch")
