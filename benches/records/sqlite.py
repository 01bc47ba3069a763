"""sqlite3: records in one table in WAL mode, with an index of when they are gone."""

from __future__ import annotations

import sqlite3
import time
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from trove.testing.benchmarks import Durability, Entry

from .contestant import Keeper

LAST = "\U0010ffff"
"""Behind all that a key can go on with."""


class SqliteRecords(Keeper):
    def __init__(self, folder: Path, *, synchronous: str) -> None:
        self._connection = sqlite3.connect(folder / "records.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            f"PRAGMA synchronous={synchronous}",
            "CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, value BLOB, expires_at REAL)",
            "CREATE INDEX IF NOT EXISTS by_expiry ON records (expires_at)",
        ):
            self._connection.execute(statement)

    def put(self, key: str, data: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, NULL)", (key, data))

    def put_for(self, key: str, data: bytes, ttl: timedelta) -> None:
        until = time.time() + ttl.total_seconds()
        self._connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", (key, data, until))

    def get(self, key: str) -> bytes:
        row = self._connection.execute(
            "SELECT value FROM records WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)",
            (key, time.time()),
        ).fetchone()
        value: bytes = row[0]
        return value

    def delete(self, key: str) -> None:
        self._connection.execute("DELETE FROM records WHERE key = ?", (key,))

    def keys(self, prefix: str) -> int:
        listed = self._connection.execute(
            "SELECT key FROM records WHERE key >= ? AND key < ? AND (expires_at IS NULL OR expires_at > ?) "
            "ORDER BY key",
            (prefix, prefix + LAST, time.time()),
        )
        return len(listed.fetchall())

    def expire(self, now: datetime) -> int:
        gone = self._connection.execute("DELETE FROM records WHERE expires_at <= ?", (now.timestamp(),))
        return gone.rowcount

    def close(self) -> None:
        self._connection.close()


def entries() -> list[Entry]:
    return [
        Entry("sqlite3", level, durability, SqliteRecords, partial(SqliteRecords, synchronous=level.upper()))
        for level, durability in (("full", Durability.DURABLE), ("normal", Durability.RELAXED))
    ]
