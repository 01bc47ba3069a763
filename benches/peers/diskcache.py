"""diskcache: a cache in SQLite and files, here without eviction. It has no durable mode for its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import IO

import diskcache

from trove.testing.benchmarks import Contestant, Durability, Entry

NO_LIMIT = 1 << 50


class DiskCache(Contestant):
    def __init__(self, folder: Path) -> None:
        self._cache = diskcache.Cache(
            str(folder), eviction_policy="none", size_limit=NO_LIMIT, cull_limit=0, timeout=60
        )

    def put(self, key: str, data: bytes) -> None:
        self._cache.set(key, data)

    def get(self, key: str) -> bytes:
        content: bytes = self._cache.get(key)
        return content

    def delete(self, key: str) -> None:
        self._cache.delete(key)

    def put_batch(self, items: Sequence[tuple[str, bytes]]) -> None:
        with self._cache.transact():
            for key, data in items:
                self._cache.set(key, data)

    def put_stream(self, key: str, file: IO[bytes]) -> None:
        self._cache.set(key, file, read=True)

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        with self._cache.get(key, read=True) as file:
            file.seek(offset)
            content: bytes = file.read(length)
        return content

    def get_stream(self, key: str, block_size: int) -> int:
        size = 0
        with self._cache.get(key, read=True) as file:
            while block := file.read(block_size):
                size += len(block)
        return size

    def close(self) -> None:
        self._cache.close()


def entries() -> list[Entry]:
    return [Entry("diskcache", "", Durability.RELAXED, DiskCache, DiskCache)]
