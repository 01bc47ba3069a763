"""A thread is in the middle of a call when another one forks: the child uses the store, both go on."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from harness.alone import Child, alone
from harness.described import described, name_of
from harness.index_rows import check_store

from trove.drivers.engine import EngineDriver
from trove.errors import BucketExistsError, DriverClosedError

WAIT = 30  # seconds that nothing here needs


def opened(folder: Path, name: str = "store") -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{folder}/{name}?durability=relaxed")
    return driver


class Busy:
    """A thread that does one thing all the time; forks come wherever it is."""

    def __init__(self, folder: Path, driver: EngineDriver, name: str) -> None:
        self._folder, self._driver = folder, driver
        self._draw = random.Random(name)
        self._work: Callable[[], object] = getattr(self, f"_{name}")
        self._over = threading.Event()
        self._done = threading.Semaphore(0)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self.times = 0

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._work()
                self.times += 1
                self._done.release()
        except BaseException as error:
            self._failure = error
            self._done.release()

    def await_more(self) -> None:
        assert self._done.acquire(timeout=WAIT)
        assert self._failure is None, repr(self._failure)

    def __enter__(self) -> Busy:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()
        assert self._failure is None, repr(self._failure)

    def _data(self) -> bytes:
        return described("busy", self._draw.choice([40, 3000, 90_000]))

    def _put(self) -> None:
        self._driver.put("b", "busy", self._data())

    def _stream(self) -> None:
        def pieces() -> Iterator[bytes]:
            data = described("busy", 600_000)
            for at in range(0, len(data), 50_000):
                yield data[at : at + 50_000]

        self._driver.put("b", "busy", pieces())

    def _batch(self) -> None:
        with self._driver.batch() as batch:
            batch.put("b", "busy", self._data())
            batch.put("b", "busy too", self._data())

    def _snapshot(self) -> None:
        self._driver.put("b", "busy", self._data())
        self._driver.snapshot()

    def _read(self) -> None:
        for info in self._driver.list("b"):
            assert name_of(self._driver.get("b", info.key).read()) in ("busy", "child", "before")

    def _verify(self) -> None:
        assert self._driver.verify().ok

    def _open(self) -> None:
        """Another store, alone: all of what opening and closing are."""
        with opened(self._folder, "other") as driver:
            with suppress(BucketExistsError):
                driver.create_bucket("b")
            driver.put("b", "busy", self._data())

    def _handle(self) -> None:
        """The same store, a handle more and one less."""
        with opened(self._folder) as driver:
            driver.put("b", "busy", self._data())

    def _reopen(self) -> None:
        """The handle that the child has, too."""
        self._driver.close()
        self._driver.open(f"trove://{self._folder}/store?durability=relaxed")


@alone(timeout=900)
@pytest.mark.parametrize(
    "busy", ["put", "stream", "batch", "snapshot", "read", "verify", "open", "handle", "reopen"]
)
@pytest.mark.parametrize("forks", [15, pytest.param(400, marks=pytest.mark.slow)])
def test_whatever_a_thread_is_at_a_fork_leaves_two_sound_processes(
    tmp_path: Path, busy: str, forks: int
) -> None:
    driver = opened(tmp_path)
    driver.create_bucket("b")
    driver.put("b", "before", described("before", 90_000))
    closes = busy == "reopen"

    def use(number: int) -> None:
        try:
            assert name_of(driver.get("b", "before").read()) == "before"
            driver.put("b", f"child/{number}", described("child", 3000))
            assert name_of(driver.get("b", f"child/{number}").read()) == "child"
            if number % 3 == 0:
                driver.close()
        except DriverClosedError:
            assert closes
        # Whatever its handles are, the child opens one of its own.
        with opened(tmp_path) as own:
            own.put("b", f"own/{number}", described("child", 3000))

    with Busy(tmp_path, driver, busy) as thread:
        for number in range(forks):
            child = Child(lambda number=number: use(number))  # type: ignore[misc]
            thread.await_more()
            assert child.wait() == 0
    assert thread.times >= forks
    if closes:
        driver.close()
        driver = opened(tmp_path)
    assert len(list(driver.list("b", prefix="own/"))) == forks
    if not closes:
        assert len(list(driver.list("b", prefix="child/"))) == forks
    assert driver.verify().ok
    driver.close()
    check_store(tmp_path / "store", tmp_path / "scratch")
