"""Small stores with a known history, to be damaged: what was ever put under each key, and what is there."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import trove
from trove._engine.state import this_boot

from .alone import Child
from .described import described

STATE_BOOT = 16  # offset in the state file
SETTINGS = "chunk_size=1024"  # so that a few KiB have many chunks
SIZES = (60, 300, 3_000, 9_000, 40_000)  # inline twice, one or more chunks, lists of chunks
Place = tuple[str, str]


@dataclass
class History:
    """What was acknowledged, in order: (bucket and key, data or ``None`` for a deletion)."""

    store: str  # in the name of all its data, so that no two stores have the same
    changes: list[tuple[Place, bytes | None]] = field(default_factory=list)

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


def put(driver: trove.Driver, history: History, key: str, version: int, bucket: str = "b") -> None:
    name = f"{history.store}/{bucket}/{key}/{version}"
    size = SIZES[sum(key.encode()) % len(SIZES)]
    data = described(name, size)
    driver.put(bucket, key, data, metadata={"name": name})
    history.changes.append(((bucket, key), data))


def delete(driver: trove.Driver, history: History, key: str, bucket: str = "b") -> None:
    driver.delete(bucket, key)
    history.changes.append(((bucket, key), None))


def first_half(driver: trove.Driver, history: History) -> None:
    driver.create_bucket("b")
    driver.create_bucket("c")
    driver.set_quota(None, max_bytes=1 << 40)  # type: ignore[attr-defined]
    for number in range(12):
        put(driver, history, f"k{number:02}", 1)
    driver.copy("b", "k09", "c", "copy")
    history.changes.append((("c", "copy"), history.current["b", "k09"]))
    put(driver, history, "k03", 2)
    put(driver, history, "k04", 2)
    delete(driver, history, "k05")


def second_half(driver: trove.Driver, history: History) -> None:
    driver.set_quota("b", max_objects=1000)  # type: ignore[attr-defined]
    for number in range(12, 22):
        put(driver, history, f"k{number:02}", 1)
    put(driver, history, "k05", 2)
    put(driver, history, "k06", 2)
    delete(driver, history, "k07")
    delete(driver, history, "k10")
    put(driver, history, "alone", 1, bucket="c")


def closed(path: Path, history: History) -> None:
    """Closed cleanly, in one pack."""
    with trove.open(f"trove://{path}?{SETTINGS}") as driver:
        first_half(driver, history)
        second_half(driver, history)


def snapshotted(path: Path, history: History) -> None:
    """The same, with two snapshots on the way."""
    with trove.open(f"trove://{path}?{SETTINGS}") as driver:
        first_half(driver, history)
        driver.snapshot()  # type: ignore[attr-defined]
        second_half(driver, history)
        driver.snapshot()  # type: ignore[attr-defined]
        put(driver, history, "k08", 2)
        delete(driver, history, "k11")


def two_packs(path: Path, history: History) -> None:
    """Closed cleanly, of two processes that wrote in turn, each to its own pack."""
    ours, theirs = os.pipe()
    driver = trove.open(f"trove://{path}?{SETTINGS}")
    first_half(driver, history)

    def work() -> None:
        with trove.open(f"trove://{path}?{SETTINGS}") as other:
            second_half(other, History(history.store))
            os.write(theirs, b".")

    assert Child(work).wait() == 0
    assert os.read(ours, 1) == b"."
    os.close(ours)
    os.close(theirs)
    expected = History(history.store)
    second_half(_Nothing(), expected)  # type: ignore[arg-type]
    history.changes += expected.changes
    put(driver, history, "k08", 2)
    delete(driver, history, "k11")
    driver.close()


class _Nothing:
    """Stands in for a driver where only the history is wanted."""

    def put(self, *arguments: object, **options: object) -> None: ...

    def delete(self, *arguments: object) -> None: ...

    def set_quota(self, *arguments: object, **options: object) -> None: ...


def died(path: Path, history: History) -> None:
    """Its only writer ended without closing it."""
    driver = trove.open(f"trove://{path}?{SETTINGS}")
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
    if kind == "died here":
        with open(store / "state", "r+b") as file:
            file.seek(STATE_BOOT)
            file.write(this_boot(str(store)))
