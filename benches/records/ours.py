"""Trove's stores of records, by their DSN."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import trove
from trove import store
from trove.driver import Driver, LifecycleDriver
from trove.errors import UnsupportedOptionError
from trove.store import MemoryStore, Record
from trove.testing.benchmarks import Durability, Entry

from .contestant import Keeper

FOLDER = "{folder}"
"""In a DSN: the folder that the store is given."""


class Records(Keeper):
    """Any store; a record is made for each write, as a program has to."""

    def __init__(self, opened: store.Store) -> None:
        self.store = opened

    def put(self, key: str, data: bytes) -> None:
        self.store.write(Record(key, data))

    def put_for(self, key: str, data: bytes, ttl: timedelta) -> None:
        self.store.write(Record(key, data), ttl=ttl)

    def get(self, key: str) -> bytes:
        return self.store.read(key)[0].value

    def delete(self, key: str) -> None:
        self.store.delete(key)

    def keys(self, prefix: str) -> int:
        return len(self.store.list(prefix=prefix))

    def close(self) -> None:
        self.store.close()


class DriverRecords(Records):
    """A store on a driver; ``driver`` is another one in the same folder."""

    def __init__(self, dsn: str, folder: Path) -> None:
        dsn = dsn.replace(FOLDER, str(folder))
        super().__init__(store.open(dsn))
        self.driver: Driver = trove.open(dsn)

    def close(self) -> None:
        super().close()
        self.driver.close()


class EngineRecords(DriverRecords):
    def expire(self, now: datetime) -> int:
        """What the store's own thread does about once a minute."""
        if not isinstance(self.driver, LifecycleDriver):
            raise UnsupportedOptionError(f"driver {self.driver.name!r} is no LifecycleDriver")
        return self.driver.apply_lifecycle(now).expired


class MemoryRecords(Records):
    """A MemoryStore lets go of what has expired with each write."""

    def __init__(self, folder: Path) -> None:
        self._ahead: datetime | None = None
        super().__init__(MemoryStore(clock=lambda: self._ahead or store.utc_now()))

    def expire(self, now: datetime) -> None:
        self._ahead = now
        self.put("last", b"")


def entries() -> list[Entry]:
    listed = [Entry("memory", "", Durability.MEMORY, MemoryRecords, MemoryRecords, ours=True)]
    for scheme, kind in (("trove", EngineRecords), ("file", DriverRecords)):
        for level, durability in (("full", Durability.DURABLE), ("relaxed", Durability.RELAXED)):
            dsn = f"{scheme}://{FOLDER}?durability={level}"
            listed.append(Entry(scheme, level, durability, kind, partial(kind, dsn), ours=True))
    return listed
