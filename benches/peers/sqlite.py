"""sqlite3: one table in WAL mode, a connection for each thread, every put a transaction of its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from trove.testing.benchmarks import Contestant, Durability, Entry


class Sqlite(Contestant):
    def __init__(self, folder: Path, *, synchronous: str) -> None:
        self._path = str(folder / "objects.db")
        self._synchronous = synchronous
        self._own = threading.local()
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self._connection.execute("CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, data BLOB)")

    @property
    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path, timeout=60, isolation_level=None, check_same_thread=False
            )
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={self._synchronous}")
            self._own.connection = connection
            with self._lock:
                self._connections.append(connection)
        return connection

    def put(self, key: str, data: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO objects VALUES (?, ?)", (key, data))

    def get(self, key: str) -> bytes:
        row = self._connection.execute("SELECT data FROM objects WHERE key = ?", (key,)).fetchone()
        content: bytes = row[0]
        return content

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        """By way of a blob handle, which reads no more than it is asked for."""
        (row,) = self._connection.execute("SELECT rowid FROM objects WHERE key = ?", (key,)).fetchone()
        with self._connection.blobopen("objects", "data", row, readonly=True) as blob:
            blob.seek(offset)
            return blob.read(length)

    def head(self, key: str) -> object:
        return self._connection.execute("SELECT length(data) FROM objects WHERE key = ?", (key,)).fetchone()

    def delete(self, key: str) -> None:
        self._connection.execute("DELETE FROM objects WHERE key = ?", (key,))

    def list(self, after: str, count: int) -> int:
        page = self._connection.execute(
            "SELECT key, length(data) FROM objects WHERE key > ? ORDER BY key LIMIT ?", (after, count)
        )
        return len(page.fetchall())

    def copy(self, source: str, target: str) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO objects SELECT ?, data FROM objects WHERE key = ?", (target, source)
        )

    def put_batch(self, items: Sequence[tuple[str, bytes]]) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?)", items)
        connection.execute("COMMIT")

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def entries() -> list[Entry]:
    levels = (
        ("full", Durability.DURABLE),
        ("normal", Durability.RELAXED),
        ("off", Durability.RELAXED),
    )
    return [
        Entry("sqlite3", level, durability, Sqlite, partial(Sqlite, synchronous=level.upper()))
        for level, durability in levels
    ]
