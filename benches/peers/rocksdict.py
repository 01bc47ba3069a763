"""rocksdict: RocksDB in raw mode (bytes to bytes), its write-ahead log on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rocksdict import Options, Rdict, WriteBatch, WriteOptions

from trove.testing.benchmarks import Contestant, Durability, Entry


class RocksDict(Contestant):
    def __init__(self, folder: Path, *, sync: bool = False) -> None:
        self._db: Any = Rdict(str(folder / "rocks"), Options(raw_mode=True))
        self._written = WriteOptions()
        self._written.sync = sync

    def put(self, key: str, data: bytes) -> None:
        self._db.put(key.encode(), data, self._written)

    def get(self, key: str) -> bytes:
        content: bytes = self._db.get(key.encode())
        return content

    def delete(self, key: str) -> None:
        self._db.delete(key.encode(), self._written)

    def list(self, after: str, count: int) -> int:
        """Keys alone: RocksDB knows no sizes apart from the contents."""
        start = after.encode()
        found = 0
        for key in self._db.keys(from_key=start):
            found += key != start
            if found == count:
                break
        return found

    def put_batch(self, items: Sequence[tuple[str, bytes]]) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, data in items:
            batch.put(key.encode(), data)
        self._db.write(batch, self._written)

    def close(self) -> None:
        self._db.close()


def entries() -> list[Entry]:
    return [
        Entry("rocksdict", "sync", Durability.DURABLE, RocksDict, partial(RocksDict, sync=True)),
        Entry("rocksdict", "nosync", Durability.RELAXED, RocksDict, RocksDict),
    ]
