"""The handles that an open driver has given out, so that they end with it."""

from __future__ import annotations

import threading
from typing import Protocol, TypeVar
from weakref import WeakSet

from .forking import renew_in_child


class Closable(Protocol):
    def close(self) -> None: ...


H = TypeVar("H", bound=Closable)


class Handles:
    """Readers and watchers in use; thread-safe. It keeps none of them alive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: WeakSet[Closable] = WeakSet()
        renew_in_child(self)

    def add(self, handle: H) -> H:
        """Remember ``handle`` until it goes; returns it."""
        with self._lock:
            self._open.add(handle)
        return handle

    def close(self) -> None:
        """Close every handle that is still in use."""
        with self._lock:
            handles = list(self._open)
            self._open.clear()
        for handle in handles:
            handle.close()

    def _renew_locks(self) -> None:
        self._lock = threading.Lock()
