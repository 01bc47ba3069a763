"""diskcache, set up as its peer of objects is. It has no way to list the keys of a prefix."""

from __future__ import annotations

from datetime import datetime, timedelta

from trove.testing.benchmarks import Durability, Entry

from ..peers.diskcache import DiskCache
from .contestant import Keeper


class DiskCacheRecords(DiskCache, Keeper):
    def put_for(self, key: str, data: bytes, ttl: timedelta) -> None:
        self._cache.set(key, data, expire=ttl.total_seconds())

    def expire(self, now: datetime) -> int:
        gone: int = self._cache.expire(now.timestamp())
        return gone


def entries() -> list[Entry]:
    return [Entry("diskcache", "", Durability.RELAXED, DiskCacheRecords, DiskCacheRecords)]
