"""Changes of several threads that are committed together, held up where a test wants it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import trove
from trove.driver.options import Conditions
from trove.drivers.engine import EngineDriver

if TYPE_CHECKING:
    import pytest

WAIT = 30  # seconds that nothing here needs


class Call(threading.Thread):
    """A call in a thread of its own, and what came of it."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__()
        self.call = call
        self.error: BaseException | None = None
        self.result: Any = None

    def run(self) -> None:
        try:
            self.result = self.call()
        except BaseException as error:
            self.error = error


class Put(Call):
    """A put, and what it was told."""

    def __init__(self, driver: trove.Driver, key: str, data: Any = b"data", **options: Any) -> None:
        super().__init__(lambda: driver.put("b", key, data, **options))
        self.key, self.data = key, data

    @property
    def info(self) -> trove.ObjectInfo | None:
        info: trove.ObjectInfo | None = self.result
        return info


class Gathered:
    """A group that is committed together: it waits while a first commit is held up, inside of it.

    The check of a condition is Python, and runs in the thread of whoever leads.
    """

    def __init__(self, driver: EngineDriver, monkeypatch: pytest.MonkeyPatch) -> None:
        self.driver = driver
        self.entered, self.go = threading.Event(), threading.Event()
        self.checked: dict[str, Callable[[], None]] = {}
        real = Conditions.check

        def check(conditions: Conditions, bucket: str, key: str, etag: str | None) -> None:
            if key == "first":
                self.entered.set()
                assert self.go.wait(WAIT)
            elif key in self.checked:
                self.checked[key]()
            real(conditions, bucket, key, etag)

        monkeypatch.setattr(Conditions, "check", check)
        self.first = Put(driver, "first", if_none_match="*")
        self.first.start()
        assert self.entered.wait(WAIT)

    def join(self, calls: Sequence[Call]) -> None:
        """Let ``calls`` queue up, in that order, and the first commit end; then all that they wait for."""
        for call in calls:
            self.queue(call)
        self.go.set()
        for call in [self.first, *calls]:
            call.join(WAIT)
            assert not call.is_alive()

    def queue(self, call: Call) -> None:
        before = waiting(self.driver)
        call.start()
        wait_for(lambda: waiting(self.driver) > before)


def waiting(driver: EngineDriver) -> int:
    return driver.opened().waiting


def wait_for(condition: Callable[[], bool]) -> None:
    """Until ``condition()`` holds, which another thread of this process is about to bring about."""
    for _ in range(10_000_000):
        if condition():
            return
        os.sched_yield()
    raise AssertionError("it did not come to that")
