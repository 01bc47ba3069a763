"""MemoryStore: what it lets go of, and when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from harness.interrupting import interrupted_everywhere

from trove.errors import DriverClosedError
from trove.store import MemoryStore, Record, memory
from trove.testing import ManualClock

HOUR = timedelta(hours=1)


def test_memory_lets_go_of_what_has_expired(clock: ManualClock) -> None:
    store = MemoryStore(clock=clock)
    for number in range(100):
        store.write(Record(f"key-{number}", b""), ttl=HOUR)
    clock.advance(HOUR)
    store.write(Record("new", b""))
    assert [key for records in store._spaces.values() for key in records] == ["new"]


def test_memory_of_one_key_written_often_does_not_grow(clock: ManualClock) -> None:
    store = MemoryStore(clock=clock)
    for _ in range(2000):
        store.write(Record("key", b""), ttl=HOUR)
    assert len(store._due) < 100
    clock.advance(HOUR)
    assert store.list() == []


def test_interrupt_at_any_step_leaves_a_store_that_lists() -> None:
    store = MemoryStore()
    steps = 0
    for call in (
        lambda: store.delete("key"),
        lambda: store.write(Record("new", b"")),
        lambda: store.write(Record("due", b""), ttl=timedelta(microseconds=1)),
    ):
        for _ in interrupted_everywhere(memory.__file__, call):
            steps += 1
            assert set(store.list()) <= {"key", "new"}
            for key in ("key", "new"):
                store.delete(key)
            store.write(Record("key", b""))
            assert store.list() == ["key"]
    assert steps > 10


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store._load((), "key"),
        lambda store: store._drop((), "key"),
        lambda store: list(store._keys((), "", "", store._clock())),
    ],
)
def test_call_that_comes_as_the_store_is_closed_is_told_so(call: Callable[[MemoryStore], object]) -> None:
    """Past the first look at whether it is open: the records are gone by then, but not deleted."""
    store = MemoryStore()
    store.write(Record("key", b""))
    store.close()
    with pytest.raises(DriverClosedError):
        call(store)
