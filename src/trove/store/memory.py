"""MemoryStore: records in this process's memory."""

from __future__ import annotations

import heapq
import threading
from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from itertools import takewhile
from typing import Any

from .arguments import Clock, utc_now
from .base import Space, Store, Stored

_SPARE_ENTRIES = 64


class MemoryStore(Store):
    """Records in this process's memory: ``memory://``. They are gone when it is closed."""

    def __init__(self, *, clock: Clock = utc_now, **options: Any) -> None:
        super().__init__(clock=clock, **options)
        self._lock = threading.Lock()
        self._spaces: dict[Space, dict[str, Stored]] = {}
        self._sorted: dict[Space, list[str]] = {}
        self._due: list[tuple[datetime, Space, str]] = []

    @property
    def name(self) -> str:
        return "memory"

    def _release(self) -> None:
        with self._lock:
            self._spaces.clear()
            self._sorted.clear()
            self._due.clear()

    def _load(self, space: Space, key: str) -> Stored | None:
        with self._lock:
            self._check_open()  # when it is closed the records are gone
            return self._spaces.get(space, {}).get(key)

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        with self._lock:
            self._check_open()
            self._forget_due()
            records = self._spaces.setdefault(space, {})
            if key not in records:
                self._sorted.pop(space, None)
            records[key] = stored
            if stored.expires_at is not None:
                heapq.heappush(self._due, (stored.expires_at, space, key))

    def _drop(self, space: Space, key: str) -> None:
        with self._lock:
            self._check_open()
            self._remove(space, key)

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        with self._lock:
            self._check_open()
            records = self._spaces.get(space, {})
            if space not in self._sorted and records:
                self._sorted[space] = sorted(records)
            keys = self._sorted.get(space, [])
            found = [
                key
                for key in takewhile(lambda key: key.startswith(prefix), _from(keys, prefix))
                if key.endswith(suffix) and not records[key].gone(now)
            ]
        return iter(found)

    def _forget_due(self) -> None:
        """Let go of what has expired, so that it takes no room."""
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            instant, space, key = heapq.heappop(self._due)
            stored = self._spaces.get(space, {}).get(key)
            if stored is not None and stored.expires_at == instant:
                self._remove(space, key)
        # What was written again and again has left an entry for each time.
        if len(self._due) > 2 * sum(map(len, self._spaces.values())) + _SPARE_ENTRIES:
            self._due = [
                (stored.expires_at, space, key)
                for space, records in self._spaces.items()
                for key, stored in records.items()
                if stored.expires_at is not None
            ]
            heapq.heapify(self._due)

    def _remove(self, space: Space, key: str) -> None:
        records = self._spaces.get(space, {})
        if key in records:
            self._sorted.pop(space, None)  # first: an interrupt may come between the two
            del records[key]
            if not records:
                del self._spaces[space]

    def _renew_locks(self) -> None:
        super()._renew_locks()
        self._lock = threading.Lock()


def _from(keys: list[str], first: str) -> Iterator[str]:
    """Those of ``keys``, which are in order, from ``first`` on."""
    return map(keys.__getitem__, range(bisect_left(keys, first), len(keys)))
