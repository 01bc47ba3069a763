"""made_in_time: what comes in time, late, or when nobody waits for it any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from harness.in_time import within

from trove.store.served import in_time
from trove.store.served.in_time import NO_ANSWER, made_in_time
from trove.testing.suite.threads import PATIENCE


class Maker:
    """Makes ``"made"``, or raises ``fails``, once it ``may``; tells when one was dropped, and which."""

    def __init__(self, fails: Exception | None = None) -> None:
        self._fails = fails
        self.may = threading.Event()
        self.dropped: list[str] = []
        self._thread: threading.Thread | None = None

    def make(self) -> str:
        self._thread = threading.current_thread()
        assert self.may.wait(PATIENCE)
        if self._fails:
            raise self._fails
        return "made"

    def wait_within(self, seconds: float) -> str:
        return made_in_time(self.make, self.dropped.append, seconds)

    def end(self) -> None:
        """Let it make, and wait until what was made is dropped, if it is."""
        self.may.set()
        assert self._thread is not None
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def interrupting(before: Callable[[Future[str]], object]) -> type[Future[str]]:
    """Futures whose wait with a limit is interrupted after what is done ``before``."""

    class Interrupted(Future[str]):
        def exception(self, timeout: float | None = None) -> BaseException | None:
            if timeout is None:
                return super().exception()
            before(self)
            raise KeyboardInterrupt

    return Interrupted


@pytest.mark.parametrize("fails", [OSError("its own"), TimeoutError("its own")], ids=["error", "timeout"])
def test_what_is_made_or_raised_in_time_is_told(fails: Exception) -> None:
    maker, failing = Maker(), Maker(fails)
    for each in (maker, failing):
        each.may.set()
    assert maker.wait_within(PATIENCE) == "made"
    with pytest.raises(type(fails), match="its own"):
        failing.wait_within(PATIENCE)
    assert maker.dropped == failing.dropped == []


@pytest.mark.parametrize("seconds", [0.01, 0, -1])
def test_what_comes_late_is_dropped(seconds: float) -> None:
    maker = Maker()
    with within(seconds), pytest.raises(TimeoutError, match=NO_ANSWER):
        maker.wait_within(seconds)
    assert maker.dropped == []
    maker.end()
    assert maker.dropped == ["made"]


def test_what_fails_late_fails_unheard() -> None:
    maker = Maker(OSError("late"))
    with pytest.raises(TimeoutError, match=NO_ANSWER):
        maker.wait_within(0)
    maker.end()
    assert maker.dropped == []


@pytest.mark.parametrize("fails", [None, OSError("just now")], ids=["made", "failed"])
def test_what_comes_as_the_time_is_over_is_told(
    fails: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = Maker(fails)

    class Raced(Future[str]):
        def exception(self, timeout: float | None = None) -> BaseException | None:
            maker.may.set()
            super().exception()
            raise TimeoutError

    monkeypatch.setattr(in_time, "Future", Raced)
    if fails:
        with pytest.raises(OSError, match="just now"):
            maker.wait_within(0)
    else:
        assert maker.wait_within(0) == "made"
    assert maker.dropped == []


def test_what_comes_after_an_interrupt_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker()
    monkeypatch.setattr(in_time, "Future", interrupting(lambda making: None))
    with pytest.raises(KeyboardInterrupt):
        maker.wait_within(PATIENCE)
    assert maker.dropped == []
    maker.end()
    assert maker.dropped == ["made"]


@pytest.mark.parametrize("fails", [None, OSError()], ids=["made", "failed"])
def test_what_came_with_an_interrupt_is_dropped(
    fails: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    maker = Maker(fails)
    maker.may.set()
    monkeypatch.setattr(in_time, "Future", interrupting(lambda making: making.exception()))
    with pytest.raises(KeyboardInterrupt):
        maker.wait_within(PATIENCE)
    assert maker.dropped == ([] if fails else ["made"])
