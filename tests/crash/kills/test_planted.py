"""The siege is worth something: clients and drivers with a fault are found out by it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from crash.kills.owner import InterruptedDataError
from crash.kills.siege import Siege
from harness.alone import alone

from trove.drivers.engine import EngineDriver
from trove.errors import PreconditionFailedError

ROUNDS = 10  # at the most


class Hasty(EngineDriver):
    """Acknowledges a put before it is made, which it soon is."""

    def __init__(self) -> None:
        super().__init__()
        self._works: queue.Queue[Callable[[], object]] = queue.Queue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                self._works.get()()
            except PreconditionFailedError:
                pass
            finally:
                self._works.task_done()

    def put(self, bucket: str, key: str, data: Any, **options: Any) -> Any:
        if not isinstance(data, bytes) or len(options) > 1:
            self._works.join()
            return super().put(bucket, key, data, **options)
        put = super().put
        self._works.put(lambda: put(bucket, key, data, **options))
        return None

    def delete(self, bucket: str, key: str, **options: Any) -> None:
        self._works.join()
        super().delete(bucket, key, **options)

    def copy(self, *arguments: Any, **options: Any) -> Any:
        self._works.join()
        return super().copy(*arguments, **options)

    def batch(self) -> Any:
        self._works.join()
        return super().batch()

    def close(self) -> None:
        self._works.join()
        super().close()


class Placid(EngineDriver):
    """Keeps its errors to itself."""

    def put(self, bucket: str, key: str, data: Any, **options: Any) -> Any:
        try:
            return super().put(bucket, key, data, **options)
        except (PreconditionFailedError, InterruptedDataError):
            return None


class Eager(EngineDriver):
    """Takes what a put was given until it failed."""

    def put(self, bucket: str, key: str, data: Any, **options: Any) -> Any:
        if isinstance(data, bytes):
            return super().put(bucket, key, data, **options)
        taken: list[bytes] = []
        try:
            taken.extend(data)
        finally:
            super().put(bucket, key, b"".join(taken), **options)


class Piecemeal(EngineDriver):
    """Makes the changes of a batch one after the other, with some time in between."""

    @contextmanager
    def batch(self) -> Iterator[Any]:  # type: ignore[override]
        staged: list[Callable[[], object]] = []
        yield Staged(self, staged)
        for change in staged:
            change()
            time.sleep(0.005)


class Staged:
    def __init__(self, driver: EngineDriver, changes: list[Callable[[], object]]) -> None:
        self._driver, self._changes = driver, changes

    def put(self, *arguments: Any, **options: Any) -> None:
        self._changes.append(lambda: self._driver.put(*arguments, **options))

    def delete(self, *arguments: Any) -> None:
        self._changes.append(lambda: self._driver.delete(*arguments))


FAULTY = {fault.__name__: fault for fault in (Hasty, Placid, Eager, Piecemeal)}


def endure(siege: Siege) -> None:
    for _ in range(ROUNDS):
        siege.round()


@alone(timeout=120)
@pytest.mark.parametrize("fault", FAULTY)
def test_a_driver_with_a_fault_is_found_out(tmp_path: Path, fault: str) -> None:
    siege = Siege(tmp_path, 1, FAULTY[fault])
    with pytest.raises(AssertionError, match=r"acknowledged was|ended with 1"):
        endure(siege)
