"""obstore: the object_store crate's local and memory stores. Its local store renames, but never flushes."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import obstore
from obstore.store import LocalStore, MemoryStore

from trove.testing.benchmarks import Contestant, Durability, Entry


class Obstore(Contestant):
    def __init__(self, folder: Path) -> None:
        self._store = self._opened(folder)

    def _opened(self, folder: Path) -> Any:
        return LocalStore(folder)

    def put(self, key: str, data: bytes) -> object:
        return obstore.put(self._store, key, data)

    def put_stream(self, key: str, file: IO[bytes]) -> object:
        return obstore.put(self._store, key, file)

    def get(self, key: str) -> memoryview:
        """In Rust's memory, not copied into Python's."""
        return memoryview(obstore.get(self._store, key).bytes())

    def get_range(self, key: str, offset: int, length: int) -> memoryview:
        return memoryview(obstore.get_range(self._store, key, start=offset, length=length))

    def get_stream(self, key: str, block_size: int) -> int:
        return sum(len(block) for block in obstore.get(self._store, key).stream(min_chunk_size=block_size))

    def head(self, key: str) -> object:
        return obstore.head(self._store, key)

    def delete(self, key: str) -> None:
        obstore.delete(self._store, key)

    def copy(self, source: str, target: str) -> None:
        obstore.copy(self._store, source, target)

    def close(self) -> None:
        """There is nothing to close."""


class ObstoreMemory(Obstore):
    def _opened(self, folder: Path) -> Any:
        return MemoryStore()

    def list(self, after: str, count: int) -> int:
        """Here alone: the local store lists in no order."""
        for page in obstore.list(self._store, offset=after, chunk_size=count):
            return len(page)
        return 0


def entries() -> list[Entry]:
    return [
        Entry("obstore-local", "", Durability.RELAXED, Obstore, Obstore),
        Entry("obstore-memory", "", Durability.MEMORY, ObstoreMemory, ObstoreMemory),
    ]
