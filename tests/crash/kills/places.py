"""Where a store that is besieged and the ledgers of its clients are, and what is in each of its buckets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from harness.described import name_of

import trove
from trove.driver import LifecycleRule
from trove.drivers.engine import EngineDriver

BUCKET = "b"
JOINT = "joint"  # of uploads that several clients send parts to
# Who applies rules does so as if it were this much later: then all objects have moved to another class, and
# those that expire soon are gone.
LATER = timedelta(days=2)
SOON, NEVER = timedelta(days=1), timedelta(days=3650)
MOVES = [LifecycleRule("moves", transition_days=1, transition_storage="COLD")]


@dataclass(frozen=True)
class Place:
    """Where a store and the ledgers of its clients are, and the driver that the clients use."""

    folder: Path
    chunk_size: int
    driver: type[EngineDriver] = EngineDriver

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def ledger(self, name: str) -> Path:
        return self.folder / f"{name}.ledger"

    def opened(self, options: str, driver: type[EngineDriver] | None = None) -> EngineDriver:
        opened = (driver or self.driver)()
        opened.open(f"trove://{self.store}?{options}")
        return opened

    def make(self, owners: tuple[str, ...]) -> None:
        with self.opened(f"chunk_size={self.chunk_size}", EngineDriver) as driver:
            for name in (BUCKET, JOINT, *map(versioned, owners)):
                driver.create_bucket(name)
            driver.set_lifecycle(BUCKET, MOVES)
            for name in owners:
                driver.set_versioning(versioned(name), True)
                driver.set_lifecycle(versioned(name), MOVES)


def versioned(owner: str) -> str:
    """The bucket with versions that one client has for itself."""
    return f"versions-{owner}"


def look(info: trove.ObjectInfo, data: bytes) -> str:
    """The name of an object's content, which is whole and the one that its metadata tell of."""
    name = name_of(data)
    assert info.metadata["name"] == name, f"{info.key} has the data of {name} and {dict(info.metadata)}"
    assert info.size == len(data)
    return name
