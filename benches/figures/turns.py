"""Turns: two things timed round by round, one after the other."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Ratio:
    """How the time of the first side compares with that of the second.

    ``median``, ``low`` and ``high`` are of the rounds' ratios; ``first`` and ``second`` are median times in
    seconds.
    """

    median: float
    low: float
    high: float
    first: float
    second: float

    def inverted(self) -> Ratio:
        """How the second side compares with the first."""
        return Ratio(1 / self.median, 1 / self.high, 1 / self.low, self.second, self.first)

    def note(self, operations: int = 1) -> str:
        """Both times for one operation, and the spread of the ratios."""
        times = [shown_time(seconds / operations) for seconds in (self.first, self.second)]
        return f"{times[0]} to {times[1]}; rounds {self.low:.2f} to {self.high:.2f}"


def compare(first: Callable[[], float], second: Callable[[], float], rounds: int) -> Ratio:
    """Call both, which return seconds, in turns; one round more comes first and doesn't count."""
    firsts: list[float] = []
    seconds: list[float] = []
    for number in range(rounds + 1):
        # Who begins changes, so that none always finds what the other left in the caches.
        if number % 2:
            firsts.append(first())
            seconds.append(second())
        else:
            seconds.append(second())
            firsts.append(first())
    ratios = sorted(a / b for a, b in zip(firsts[1:], seconds[1:], strict=True))
    return Ratio(
        statistics.median(ratios),
        ratios[0],
        ratios[-1],
        statistics.median(firsts[1:]),
        statistics.median(seconds[1:]),
    )


def timed(
    function: Callable[..., object], arguments: Iterable[tuple[Any, ...]], used: list[float] | None = None
) -> float:
    """Seconds that calling ``function`` with each of ``arguments`` takes.

    The processor's seconds, of all threads, are added to ``used``: others on the machine hardly change them.
    """
    listed = list(arguments)
    with collector_off():
        processor = time.process_time()
        begin = time.perf_counter()
        for given in listed:
            function(*given)
        seconds = time.perf_counter() - begin
        if used is not None:
            used.append(time.process_time() - processor)
        return seconds


def used_ratio(first: list[float], second: list[float]) -> str:
    """How the processor's times of two sides compare that ``timed`` noted in the rounds of ``compare``."""
    ratios = sorted(a / b for a, b in zip(first[1:], second[1:], strict=True))
    return f"processor {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


@contextmanager
def collector_off() -> Iterator[None]:
    """The garbage collector runs before the block, and not in it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def shown_time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"
