"""Calls made at the same moment by many threads, and calls that may have to wait for one another."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

PATIENCE = 60.0
"""Seconds after which a call that should have ended counts as hanging."""


class Call:
    """One call in a thread of its own; ``result`` is what it returned or raised, once it is ``done``."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.result: Any = None
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._function()
        except BaseException as error:
            self.result = error

    def done(self, seconds: float) -> bool:
        """Wait at most ``seconds``; whether the call is over."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def end(self) -> Any:
        """Wait for the call; what it returned. Raises what it raised."""
        if not self.done(PATIENCE):
            raise AssertionError(f"a call did not end within {PATIENCE:.0f} seconds")
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


@contextmanager
def eager_switching() -> Iterator[None]:
    """Threads take turns far more often than usual, which makes races likely."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def outcomes(functions: Sequence[Callable[[], Any]]) -> list[Any]:
    """What ``functions`` return or raise when they are all called at the same moment."""
    barrier = threading.Barrier(len(functions))

    def starting(function: Callable[[], Any]) -> Callable[[], Any]:
        def start() -> Any:
            barrier.wait(PATIENCE)
            return function()

        return start

    with eager_switching():
        calls = [Call(starting(function)) for function in functions]
        for call in calls:
            assert call.done(PATIENCE), f"a call did not end within {PATIENCE:.0f} seconds"
    return [call.result for call in calls]


def together(functions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Like :func:`outcomes`, but raises the first error."""
    results = outcomes(functions)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
