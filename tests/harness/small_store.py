"""Small stores with a known history, to be damaged: what was ever put under each key, and what is there."""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from trove._engine.state import this_boot
from trove.drivers.engine import EngineDriver

from . import small_versions
from .alone import Child
from .described import described

STATE_BOOT = 16  # offset in the state file
SETTINGS = "chunk_size=1024"  # so that a few KiB have many chunks
SIZES = (60, 300, 3_000, 9_000, 40_000)  # inline twice, one or more chunks, lists of chunks
Place = tuple[str, ...]  # bucket and key, and a third word for what is no plain object: see `small_versions`


@dataclass
class History:
    """What was acknowledged, in order: (bucket and key, data or ``None`` for a deletion)."""

    store: str  # in the name of all its data, so that no two stores have the same
    changes: list[tuple[Place, bytes | None]] = field(default_factory=list)
    etags: dict[str, bytes] = field(default_factory=dict)  # of parts, with their data

    @property
    def current(self) -> dict[Place, bytes]:
        """What is there."""
        last = dict(self.changes)
        return {place: data for place, data in last.items() if data is not None}

    @property
    def ever(self) -> dict[Place, set[bytes]]:
        """Everything that was ever there."""
        found: dict[Place, set[bytes]] = defaultdict(set)
        for place, data in self.changes:
            if data is not None:
                found[place].add(data)
        return found


def opened(path: Path) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{path}?{SETTINGS}")
    return driver


def put(driver: EngineDriver, history: History, key: str, version: int, bucket: str = "b") -> None:
    name = f"{history.store}/{bucket}/{key}/{version}"
    size = SIZES[sum(key.encode()) % len(SIZES)]
    data = described(name, size)
    driver.put(bucket, key, data, metadata={"name": name})
    history.changes.append(((bucket, key), data))


def delete(driver: EngineDriver, history: History, key: str, bucket: str = "b") -> None:
    driver.delete(bucket, key)
    history.changes.append(((bucket, key), None))


def first_half(driver: EngineDriver, history: History) -> None:
    driver.create_bucket("b")
    driver.create_bucket("c")
    driver.set_quota(None, max_bytes=1 << 40)
    for number in range(12):
        put(driver, history, f"k{number:02}", 1)
    driver.copy("b", "k09", "c", "copy")
    history.changes.append((("c", "copy"), history.current["b", "k09"]))
    put(driver, history, "k03", 2)
    put(driver, history, "k04", 2)
    delete(driver, history, "k05")
    small_versions.first_half(driver, history)


def second_half(driver: EngineDriver, history: History) -> None:
    driver.set_quota("b", max_objects=1000)
    for number in range(12, 22):
        put(driver, history, f"k{number:02}", 1)
    put(driver, history, "k05", 2)
    put(driver, history, "k06", 2)
    delete(driver, history, "k07")
    delete(driver, history, "k10")
    put(driver, history, "alone", 1, bucket="c")
    small_versions.second_half(driver, history)


def closed(path: Path, history: History) -> None:
    """Closed cleanly, in one pack."""
    with opened(path) as driver:
        first_half(driver, history)
        second_half(driver, history)


def snapshotted(path: Path, history: History) -> None:
    """The same, with two snapshots on the way."""
    with opened(path) as driver:
        first_half(driver, history)
        driver.snapshot()
        second_half(driver, history)
        driver.snapshot()
        put(driver, history, "k08", 2)
        delete(driver, history, "k11")


def two_packs(path: Path, history: History) -> None:
    """Closed cleanly, of two processes that wrote in turn, each to its own pack."""
    driver = opened(path)
    first_half(driver, history)
    told = path.with_suffix(".told")

    def work() -> None:
        with opened(path) as other:
            second_half(other, history)
            told.write_bytes(pickle.dumps(history))

    assert Child(work).wait() == 0
    theirs: History = pickle.loads(told.read_bytes())
    history.changes, history.etags = theirs.changes, theirs.etags
    put(driver, history, "k08", 2)
    delete(driver, history, "k11")
    driver.close()


def died(path: Path, history: History) -> None:
    """Its only writer ended without closing it."""
    driver = opened(path)
    first_half(driver, history)
    second_half(driver, history)


MAKERS: dict[str, Callable[[Path, History], None]] = {
    "closed": closed,
    "snapshotted": snapshotted,
    "two packs": two_packs,
    "died here": died,
    "died elsewhere": died,
}


def settle_in(kind: str, store: Path) -> None:
    """Let the copy ``store`` be what its kind says: a copy of a store is one that comes from another boot."""
    if kind.endswith("died here"):
        with open(store / "state", "r+b") as file:
            file.seek(STATE_BOOT)
            file.write(this_boot(str(store)))
