"""ScopedStore: parts of a store, and parts of parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trove.errors import DriverClosedError, InvalidArgumentError
from trove.store import MemoryStore, Record, ScopedStore


@pytest.mark.parametrize("scope", ["", "/", "/a", "a/", "a//b", None, 5, b"a", "\ud800"])
def test_bad_scope_is_refused(scope: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        ScopedStore(MemoryStore(), scope)


@pytest.mark.parametrize("store", [None, "memory://", MemoryStore])
def test_scope_of_what_is_no_store_is_refused(store: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        ScopedStore(store, "a")


def test_scopes_are_parts_of_the_store_and_nest() -> None:
    base = MemoryStore()
    a, ab = ScopedStore(base, "a"), ScopedStore(base, "ab")
    inner = ScopedStore(a, "b")
    for store in (a, ab, inner):
        store.write(Record("key", b""))
    assert base.list() == ["a/b/key", "a/key", "ab/key"]
    assert a.list() == ["b/key", "key"]
    assert (ab.list(), inner.list(), ScopedStore(base, "a/b").list()) == (["key"], ["key"], ["key"])
    assert a.list(suffix="/key") == ["b/key"]


def test_closing_a_scope_leaves_the_store_open_and_not_the_other_way_round() -> None:
    base = MemoryStore()
    scoped = ScopedStore(base, "a")
    ScopedStore(base, "a").close()
    scoped.write(Record("key", b""))
    base.close()
    calls: list[Callable[[], object]] = [scoped.list, lambda: scoped.get("key"), lambda: scoped.delete("key")]
    for call in calls:
        with pytest.raises(DriverClosedError):
            call()
