"""Faults that only several threads meet, each of them certain to show."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from trove.store import MemoryStore, Space, Stored

from .fault import caught_by


@caught_by(
    "test_threads_begin_together",
    "test_threads_list_while_others_write",
    "test_threads_write_keys_of_their_own",
    "test_threads_write_one_key",
)
class KeepsThreadsApart(MemoryStore):
    """What a thread writes is there for that thread."""

    def _space_of(self, space: Space) -> Space:
        return (*space, f"{threading.get_ident()}")

    def _load(self, space: Space, key: str) -> Stored | None:
        return super()._load(self._space_of(space), key)

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        super()._save(self._space_of(space), key, stored)

    def _drop(self, space: Space, key: str) -> None:
        super()._drop(self._space_of(space), key)

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        return super()._keys(self._space_of(space), prefix, suffix, now)


@caught_by(
    "test_threads_begin_together",
    "test_threads_list_while_others_write",
    "test_threads_see_a_delete",
    "test_threads_write_keys_of_their_own",
)
class LosesUpdates(MemoryStore):
    """A thread writes back all that it ever wrote, and with that undoes what the others did."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._written = threading.local()

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        if threading.current_thread() is threading.main_thread():
            super()._save(space, key, stored)
            return
        own: dict[str, Stored] = vars(self._written).setdefault("own", {})
        own[key] = stored
        with self._lock:
            self._spaces[space] = dict(own)
            self._sorted.pop(space, None)


@caught_by(
    "test_threads_write_one_key",
)
class MixesValues(MemoryStore):
    """Where another thread has written a value as long as this one, its end stays."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._writers: dict[str, int] = {}
        self._mixing = threading.Lock()

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        with self._mixing:
            before, half = self._load(space, key), len(stored.value) // 2
            writer = self._writers.setdefault(key, threading.get_ident())
            if before and writer != threading.get_ident() and len(before.value) == len(stored.value):
                stored = stored._replace(value=stored.value[:half] + before.value[half:])
            self._writers[key] = threading.get_ident()
            super()._save(space, key, stored)
