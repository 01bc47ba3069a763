"""lmdb: the bare B-tree under a dictionary's two verbs, a transaction for each call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import lmdb

from trove.testing.benchmarks import Contestant, Durability, Entry

MAP_SIZE = 1 << 36


class Lmdb(Contestant):
    def __init__(self, folder: Path, *, sync: bool = True) -> None:
        self._env: Any = lmdb.open(str(folder / "lmdb"), map_size=MAP_SIZE, sync=sync)

    def put(self, key: str, data: bytes) -> None:
        with self._env.begin(write=True) as txn:
            txn.put(key.encode(), data)

    def get(self, key: str) -> bytes:
        with self._env.begin() as txn:
            content: bytes = txn.get(key.encode())
            return content

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        with self._env.begin(buffers=True) as txn:
            return bytes(txn.get(key.encode())[offset : offset + length])

    def head(self, key: str) -> int:
        with self._env.begin(buffers=True) as txn:
            return len(txn.get(key.encode()))

    def delete(self, key: str) -> None:
        with self._env.begin(write=True) as txn:
            txn.delete(key.encode())

    def list(self, after: str, count: int) -> int:
        start = after.encode()
        with self._env.begin(buffers=True) as txn, txn.cursor() as cursor:
            if not cursor.set_range(start):
                return 0
            if bytes(cursor.key()) == start and not cursor.next():
                return 0
            return len([(bytes(key), len(data)) for key, data in islice(cursor.iternext(), count)])

    def copy(self, source: str, target: str) -> None:
        with self._env.begin(write=True) as txn:
            txn.put(target.encode(), txn.get(source.encode()))

    def put_batch(self, items: Sequence[tuple[str, bytes]]) -> None:
        with self._env.begin(write=True) as txn, txn.cursor() as cursor:
            cursor.putmulti([(key.encode(), data) for key, data in items])

    def close(self) -> None:
        self._env.close()


def entries() -> list[Entry]:
    return [
        Entry("lmdb", "sync", Durability.DURABLE, Lmdb, Lmdb),
        Entry("lmdb", "nosync", Durability.RELAXED, Lmdb, partial(Lmdb, sync=False)),
    ]
