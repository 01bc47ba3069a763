"""Small stores that were compacted: chunks stand elsewhere than objects say, the log has no beginning."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

from trove._engine import compact
from trove.drivers.engine import EngineDriver

from . import low_thresholds
from .alone import Child
from .small_store import History, delete, first_half, opened, put, second_half

# Of the log some commits stay for watchers, and not nearly all.
KEPT = {"KEPT_LEAST": 2 << 10, "KEPT_MOST": 2 << 10}
HALF_WAY = 2  # times that progress is told


class BrokenOffError(Exception):
    """Ends a compaction half way."""


def waste(driver: EngineDriver, history: History, name: str) -> None:
    """Put objects of which nothing is left, before others that stay and after them."""
    for number in range(4):
        put(driver, history, f"{name}{number}", 1)
    for number in range(4):
        delete(driver, history, f"{name}{number}")


def compacted(driver: EngineDriver, halves: bool = False) -> None:
    """Compact a store of which much is gone; by ``halves`` it is broken off, and no pack is removed."""
    told = []

    def progress(done: int, total: int) -> None:
        told.append(done)
        if halves and len(told) == HALF_WAY:
            raise BrokenOffError

    low_thresholds.lower()
    for name, value in KEPT.items():
        setattr(compact, name, value)
    try:
        assert driver.compact(progress=progress).packs, "nothing of a small store is compacted"
    except BrokenOffError:
        return
    assert not halves, "there is too little to be moved"


def once(path: Path, history: History) -> None:
    """Closed cleanly; a second compaction was broken off."""
    with opened(path) as driver:
        first_half(driver, history)
        waste(driver, history, "waste")
        compacted(driver)
        second_half(driver, history)
        waste(driver, history, "more")
        compacted(driver, halves=True)
        put(driver, history, "k08", 2)
        delete(driver, history, "k11")


def twice(path: Path, history: History) -> None:
    """Closed cleanly, of two processes that wrote and compacted in turn: some chunks were moved twice."""
    driver = opened(path)
    first_half(driver, history)
    waste(driver, history, "waste")
    compacted(driver)
    told = path.with_suffix(".told")

    def work() -> None:
        with opened(path) as other:
            second_half(other, history)
            waste(other, history, "more")
            compacted(other)
            told.write_bytes(pickle.dumps(history))

    assert Child(work).wait() == 0
    theirs: History = pickle.loads(told.read_bytes())
    history.changes, history.etags = theirs.changes, theirs.etags
    put(driver, history, "k08", 2)
    driver.copy("b", "k09", "c", "of a hint")
    history.changes.append((("c", "of a hint"), history.current["b", "k09"]))
    delete(driver, history, "k11")
    driver.close()


def died(path: Path, history: History) -> None:
    """Its only writer ended without closing it, the second time that it was compacted."""
    driver = opened(path)
    first_half(driver, history)
    waste(driver, history, "waste")
    compacted(driver)
    second_half(driver, history)
    waste(driver, history, "more")
    compacted(driver, halves=True)


MAKERS: dict[str, Callable[[Path, History], None]] = {
    "compacted": once,
    "compacted twice": twice,
    "compacted, died here": died,
    "compacted, died elsewhere": died,
}
