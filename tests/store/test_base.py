"""Store: what no store takes."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta, timezone
from threading import Event, RLock, Thread, get_ident
from typing import Any

import pytest

from trove import store
from trove.errors import BackendUnavailableError, InvalidArgumentError, UnsupportedOptionError
from trove.store import MemoryStore, Record


def test_nodes_are_refused_by_stores_without_servers() -> None:
    with pytest.raises(UnsupportedOptionError, match="nodes"):
        MemoryStore(nodes=["localhost:80"])
    assert MemoryStore(nodes=[]).options["nodes"] == ()


@pytest.mark.parametrize("clock", [None, 5, datetime(2026, 1, 1), datetime.now, lambda: 5.0])
def test_bad_clock_is_refused(clock: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        MemoryStore(clock=clock)


def test_stores_are_there_by_name() -> None:
    for name in store.__all__:
        assert hasattr(store, name)


class CountedLock:
    """A lock that knows when as many threads as are ``awaited`` have it or wait for it."""

    def __init__(self, awaited: int) -> None:
        self._lock = RLock()
        self._come: set[int] = set()
        self._awaited = awaited
        self.all_there = Event()

    def __enter__(self) -> None:
        self._come.add(get_ident())
        if len(self._come) == self._awaited:
            self.all_there.set()
        self._lock.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()


class Down(MemoryStore):
    """A backend that is down, as who asks is told once all who are ``awaited`` have asked."""

    def __init__(self, awaited: int) -> None:
        super().__init__()
        self._counted = CountedLock(awaited)
        lock: Any = self._counted
        self._init_lock = lock
        self.tries = 0

    def _prepare(self) -> None:
        self.tries += 1
        assert self._counted.all_there.wait(30)
        raise BackendUnavailableError("down") from OSError("no")


def test_those_who_wait_for_a_backend_that_is_down_are_told_together() -> None:
    store = Down(awaited=8)
    told = []

    def ask() -> None:
        with pytest.raises(BackendUnavailableError) as caught:
            store.get("key")
        told.append(caught.value)

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(error) for error in told}) == 8
    assert all(isinstance(error.__cause__, OSError) for error in told)
    assert store.tries == 1
    ask()
    assert store.tries == 2


@pytest.mark.parametrize("many", [sys.maxsize, 2**64, 10**30])
def test_limits_and_offsets_beyond_what_can_be_counted(many: int) -> None:
    with MemoryStore() as store:
        store.write(Record("a", b""))
        store.write(Record("b", b""))
        assert store.list(limit=many, offset=1) == ["b"]
        assert store.list(offset=many) == []
        assert store.read("a", prefix=True, offset=many, limit=many) == []
        assert [record.key for record in store.read("", prefix=True, limit=many)] == ["a", "b"]


@pytest.mark.parametrize("tells", [None, 5, datetime(2026, 1, 1)], ids=str)
def test_clock_that_no_longer_tells_a_time(tells: Any) -> None:
    moment: list[Any] = [datetime.now(UTC)]
    with MemoryStore(clock=lambda: moment[0]) as store:
        store.write(Record("key", b""), ttl=timedelta(hours=1))
        moment[0] = tells
        with pytest.raises(InvalidArgumentError, match="clock"):
            store.get("key")


def test_time_to_live_up_to_the_end_of_the_calendar_in_another_zone() -> None:
    east = timezone(timedelta(hours=-11))
    late = datetime(9999, 12, 31, 10, tzinfo=east)
    with MemoryStore(clock=lambda: late - timedelta(hours=24)) as store:
        with pytest.raises(InvalidArgumentError):
            store.write(Record("key", b""), ttl=timedelta(hours=30))
        store.write(Record("key", b""), ttl=timedelta(hours=20))
        assert store.read("key")[0].expiry == timedelta(hours=20)
