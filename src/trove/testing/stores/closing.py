"""A store's name, and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ...errors import DriverClosedError
from ...store import Record, Store
from .base import StoreTests

CALLS: dict[str, Callable[[Store], Any]] = {
    "init": lambda store: store.init(),
    "read": lambda store: store.read("key"),
    "read prefix": lambda store: store.read("key", prefix=True),
    "write": lambda store: store.write(Record("key", b"")),
    "delete": lambda store: store.delete("key"),
    "list": lambda store: store.list(),
    "get": lambda store: store.get("key"),
    "in": lambda store: "key" in store,
    "scan": lambda store: store.scan(),
}


class StoreClosingSuite(StoreTests):
    """``name``, ``close`` and the ``with`` statement."""

    def test_name(self, store: Store) -> None:
        assert isinstance(store.name, str)
        assert store.name

    def test_close_twice(self, store: Store) -> None:
        store.close()
        store.close()

    @pytest.mark.parametrize("used", [False, True], ids=["unused", "used"])
    @pytest.mark.parametrize("call", CALLS)
    def test_close_ends_every_call(self, store: Store, call: str, used: bool) -> None:
        if used:
            store.write(Record("key", b""))
        store.close()
        with pytest.raises(DriverClosedError):
            CALLS[call](store)
        assert store.name
        assert store.options["prefix"] == ""

    def test_close_by_the_with_statement(self, store: Store) -> None:
        with store as entered:
            assert entered is store
            store.write(Record("key", b""))
        with pytest.raises(DriverClosedError):
            store.list()

    def test_close_ends_a_scan(self, store: Store) -> None:
        store.init()
        scan = store.scan()
        store.close()
        with pytest.raises(DriverClosedError):
            list(scan)
