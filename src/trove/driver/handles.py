"""The handles that an open driver has given out, so that they end with it."""

from __future__ import annotations

import os
import threading
from typing import Protocol, TypeVar
from weakref import WeakSet


class Closable(Protocol):
    def close(self) -> None: ...


H = TypeVar("H", bound=Closable)


class Handles:
    """Readers and watchers in use; thread-safe. It keeps none of them alive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: WeakSet[Closable] = WeakSet()
        _all.add(self)

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

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()


_all: WeakSet[Handles] = WeakSet()


def _renew_locks() -> None:
    # The thread that held a lock while another one forked does not exist in the child.
    for handles in list(_all):
        handles._renew_lock()


os.register_at_fork(after_in_child=_renew_locks)
