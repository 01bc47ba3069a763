"""CachedStore: what is asked of which store, what is filled, and what happens when one fails."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from harness.interrupting import interrupted_everywhere

from trove.errors import DriverClosedError, InvalidArgumentError, RecordNotFoundError, StorageIOError
from trove.store import CachedStore, MemoryStore, NoopStore, Record, ScopedStore, Store, Stored, cached
from trove.store.base import Space
from trove.testing import ManualClock
from trove.testing.suite.threads import PATIENCE, Call, together

HOUR = timedelta(hours=1)


class Watched(MemoryStore):
    """Counts what is asked of it, fails while it is told to, and can be held up in a read or a write."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock=clock)
        self.calls: Counter[str] = Counter()
        self.fails: set[str] = set()
        self.before_load: Callable[[], object] = lambda: None
        self.after_load: Callable[[], object] = lambda: None

    def _called(self, call: str) -> None:
        self.calls[call] += 1
        if call in self.fails:
            raise StorageIOError(f"{call} failed")

    def _load(self, space: Space, key: str) -> Stored | None:
        self._called("load")
        self.before_load()
        stored = super()._load(space, key)
        self.after_load()
        return stored

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        self._called("save")
        super()._save(space, key, stored)

    def _drop(self, space: Space, key: str) -> None:
        self._called("drop")
        super()._drop(space, key)

    def _keys(self, *args: Any) -> Any:
        self._called("keys")
        return super()._keys(*args)


def held_up(reached: threading.Event, go: threading.Event) -> Callable[[], None]:
    """Tells that it was reached, and waits for ``go``."""

    def hold() -> None:
        reached.set()
        assert go.wait(PATIENCE)

    return hold


@pytest.fixture
def stores(clock: ManualClock) -> list[Watched]:
    return [Watched(clock) for _ in range(3)]


# Reading and filling.


def test_a_miss_fills_all_faster_stores_with_the_time_left(clock: ManualClock, stores: list[Watched]) -> None:
    stores[2].write(Record("key", b"value"), ttl=HOUR)
    clock.advance(HOUR / 4)
    cached = CachedStore(*stores)
    assert cached.read("key") == [Record("key", b"value", HOUR * 3 / 4)]
    for store in stores:
        assert store.read("key") == [Record("key", b"value", HOUR * 3 / 4)]
    clock.advance(HOUR * 3 / 4)
    for each in (cached, *stores):
        assert "key" not in each


def test_a_hit_asks_no_slower_store(stores: list[Watched]) -> None:
    stores[1].write(Record("key", b"value"))
    cached = CachedStore(*stores)
    for _ in range(3):
        assert cached.get("key") is not None
    assert stores[2].calls["load"] == 0
    assert stores[1].calls["load"] == 1


def test_what_is_missing_is_asked_for_each_time(stores: list[Watched]) -> None:
    cached = CachedStore(*stores)
    assert cached.get("key") is None
    stores[2].write(Record("key", b"value"))
    assert cached.get("key") is not None


def test_writes_and_deletes_go_through_all(stores: list[Watched]) -> None:
    cached = CachedStore(*stores)
    cached.write(Record("key", b"value"), ttl=HOUR)
    assert [store.read("key") for store in stores] == [[Record("key", b"value", HOUR)]] * 3
    cached.delete("key")
    assert [store.list() for store in stores] == [[]] * 3


def test_listings_are_those_of_the_last_store(stores: list[Watched]) -> None:
    cached = CachedStore(*stores)
    stores[0].write(Record("only above", b""))
    stores[2].write(Record("key", b""))
    assert cached.list() == ["key"]
    assert [record.key for record in cached.scan()] == ["key"]


def test_stores_keep_their_options(clock: ManualClock) -> None:
    fast, slow = MemoryStore(clock=clock, prefix="fast/"), MemoryStore(clock=clock, namespace="slow")
    CachedStore(fast, slow, prefix="p/").write(Record("key", b""))
    assert (fast.list(), slow.list()) == (["p/key"], ["p/key"])
    slow.init(namespace="")
    assert slow.list() == []


# Concurrent misses.


def test_concurrent_misses_of_one_key_ask_the_slow_store_once(stores: list[Watched]) -> None:
    fast, _, slow = stores
    slow.write(Record("key", b"value"))
    asked, go = threading.Event(), threading.Event()
    slow.before_load = held_up(asked, go)
    missed = threading.Semaphore(0)
    fast.after_load = missed.release
    cached = CachedStore(*stores)
    calls = [Call(lambda: cached.read("key")) for _ in range(10)]
    assert asked.wait(PATIENCE)
    for _ in range(11):  # each has missed once, and the one that leads twice
        assert missed.acquire(timeout=PATIENCE)
    go.set()
    assert [call.end() for call in calls] == [[Record("key", b"value")]] * 10
    assert slow.calls["load"] == 1


def test_misses_of_other_keys_do_not_wait(stores: list[Watched]) -> None:
    slow = stores[2]
    slow.write(Record("other", b""))
    asked, go = threading.Event(), threading.Event()
    cached = CachedStore(*stores)
    slow.before_load = held_up(asked, go)
    waiting = Call(lambda: cached.get("key"))
    assert asked.wait(PATIENCE)
    slow.before_load = lambda: None
    assert cached.get("other") is not None
    go.set()
    assert waiting.end() is None


def test_an_error_reaches_all_who_wait_and_is_not_kept(stores: list[Watched]) -> None:
    slow = stores[2]
    cached = CachedStore(*stores)
    slow.fails = {"load"}
    for _ in range(2):
        with pytest.raises(StorageIOError):
            cached.get("key")
    slow.fails = set()
    assert cached.get("key") is None


@pytest.mark.parametrize("change", ["write", "delete"])
def test_what_was_read_before_a_change_fills_nothing(stores: list[Watched], change: str) -> None:
    fast, _, slow = stores
    slow.write(Record("key", b"old"))
    read, go = threading.Event(), threading.Event()
    slow.after_load = held_up(read, go)
    cached = CachedStore(*stores)
    reading = Call(lambda: cached.read("key"))
    assert read.wait(PATIENCE)
    slow.after_load = lambda: None
    if change == "write":
        cached.write(Record("key", b"new"))
    else:
        cached.delete("key")
    after = Record("key", b"new") if change == "write" else None
    assert cached.get("key") == after
    go.set()
    assert reading.end() == [Record("key", b"old")]
    assert [store.get("key") for store in stores] == [after] * 3
    assert fast.get("key") == cached.get("key")


def test_after_a_race_of_writers_and_readers_all_stores_agree(stores: list[Watched]) -> None:
    cached = CachedStore(*stores)

    def write(thread: int) -> None:
        for number in range(50):
            cached.write(Record("key", b"%d-%d" % (thread, number)))
            if number % 5 == 0:
                cached.delete("key")
            stores[0].delete("key")  # as a cache forgets

    def read() -> None:
        for _ in range(100):
            cached.get("key")

    together([*(lambda thread=thread: write(thread) for thread in range(4)), *[read] * 4])
    cached.get("key")
    assert stores[0].read("key") == stores[1].read("key") == stores[2].read("key")


# A store that fails.


@pytest.mark.parametrize("failing", range(3))
@pytest.mark.parametrize("call", ["save", "load", "drop"])
def test_one_store_failing_is_an_error(stores: list[Watched], failing: int, call: str) -> None:
    cached = CachedStore(*stores)
    stores[failing].fails = {call}
    act: dict[str, Callable[[], object]] = {
        "save": lambda: cached.write(Record("key", b"value")),
        "load": lambda: cached.read("key"),
        "drop": lambda: cached.delete("key"),
    }
    with pytest.raises(StorageIOError, match=f"{call} failed"):
        act[call]()


@pytest.mark.parametrize("failing", range(3))
def test_a_failed_write_leaves_nothing_old_above_it(stores: list[Watched], failing: int) -> None:
    cached = CachedStore(*stores)
    cached.write(Record("key", b"old"))
    stores[failing].fails = {"save"}
    with pytest.raises(StorageIOError):
        cached.write(Record("key", b"new"))
    stores[failing].fails = set()
    assert all("key" not in store for store in stores[: min(failing + 1, 2)])
    assert cached.read("key")[0].value == (b"old" if failing == 2 else b"new")


@pytest.mark.parametrize("skip", [False, True])
def test_an_interrupted_write_leaves_nothing_old_above_the_last_store(
    stores: list[Watched], skip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    cached = CachedStore(*stores, skip_failing=skip)
    cached.write(Record("key", b"old"))
    with monkeypatch.context() as patched:
        patched.setattr(stores[1], "_save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cached.write(Record("key", b"new"))
    assert cached.read("key") == stores[0].read("key") == [Record("key", b"new")]


def test_who_waits_for_a_read_that_is_interrupted_reads_by_itself(stores: list[Watched]) -> None:
    fast, _, slow = stores
    slow.write(Record("key", b"value"))
    asked, go = threading.Event(), threading.Event()
    hold = held_up(asked, go)

    def interrupted() -> None:
        slow.after_load = lambda: None
        hold()
        raise KeyboardInterrupt

    slow.after_load = interrupted
    missed = threading.Semaphore(0)
    fast.after_load = missed.release
    cached = CachedStore(*stores)
    leading = Call(lambda: cached.get("key"))
    assert asked.wait(PATIENCE)
    waiting = Call(lambda: cached.get("key"))
    for _ in range(3):
        assert missed.acquire(timeout=PATIENCE)
    go.set()
    with pytest.raises(KeyboardInterrupt):
        leading.end()
    assert waiting.end() == Record("key", b"value")


@pytest.mark.parametrize("failing", range(3))
def test_a_failing_store_is_passed_over_when_told(stores: list[Watched], failing: int) -> None:
    cached = CachedStore(*stores, skip_failing=True)
    stores[failing].fails = {"save", "load", "drop"}
    cached.write(Record("key", b"value"))
    assert cached.read("key") == [Record("key", b"value")]
    stores[0]._spaces.clear()
    assert cached.read("key") == [Record("key", b"value")]
    cached.delete("key")
    stores[failing].fails = set()
    assert cached.get("key") is None


def test_what_only_the_failing_last_store_can_know_is_an_error(stores: list[Watched]) -> None:
    cached = CachedStore(*stores, skip_failing=True)
    stores[2].fails = {"load", "keys"}
    with pytest.raises(StorageIOError):
        cached.get("key")
    with pytest.raises(StorageIOError):
        cached.list()
    stores[2].fails = set()
    stores[1].fails = {"load"}
    with pytest.raises(RecordNotFoundError):
        cached.read("key")


def test_all_stores_failing_is_an_error_in_either_case(stores: list[Watched]) -> None:
    for skip in (False, True):
        cached = CachedStore(*stores, skip_failing=skip)
        for store in stores:
            store.fails = {"save", "load", "drop"}
        with pytest.raises(StorageIOError):
            cached.write(Record("key", b""))
        with pytest.raises(StorageIOError):
            cached.delete("key")
        with pytest.raises(StorageIOError):
            cached.get("key")


# Making and closing.


@pytest.mark.parametrize("bad", [(), (None,), ("memory://",), (MemoryStore,)])
def test_what_is_no_store_is_refused(bad: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidArgumentError):
        CachedStore(*bad)


def test_one_store_twice_is_refused() -> None:
    store = MemoryStore()
    with pytest.raises(InvalidArgumentError):
        CachedStore(store, store)


@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_skip_failing_is_true_or_false(value: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        CachedStore(MemoryStore(), skip_failing=value)


def test_close_closes_all_also_when_one_can_not() -> None:
    class Stubborn(MemoryStore):
        def _release(self) -> None:
            raise StorageIOError("no")

    stores: list[Store] = [Stubborn(), MemoryStore()]
    with pytest.raises(StorageIOError):
        CachedStore(*stores).close()
    with pytest.raises(DriverClosedError):
        stores[1].list()


def test_a_scope_of_a_cache_is_a_scope_of_its_stores(stores: list[Watched]) -> None:
    ScopedStore(CachedStore(*stores), "a").write(Record("key", b""))
    assert [store.list() for store in stores] == [["a/key"]] * 3


def test_interrupt_at_any_step_of_a_read_leaves_nobody_waiting() -> None:
    slow = MemoryStore()
    slow.write(Record("key", b"value"))
    steps = 0
    for last in (slow, NoopStore()):
        store = CachedStore(MemoryStore(), last)
        store.init()

        def read(store: CachedStore = store) -> None:
            store._stores[0].delete("key")
            store.get("key")

        for _ in interrupted_everywhere(cached.__file__, read):
            steps += 1
            follower = Thread(target=store.get, args=["key"], daemon=True)
            follower.start()
            follower.join(10)
            assert not follower.is_alive()
    assert steps > 20


def test_times_of_a_zone_in_which_hours_come_twice() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    moment = [datetime(2026, 10, 25, 0, 50, tzinfo=UTC)]  # the clocks go back ten minutes later
    with CachedStore(MemoryStore(clock=lambda: moment[0].astimezone(berlin))) as store:
        store.write(Record("key", b""), ttl=timedelta(minutes=30))
        moment[0] += timedelta(minutes=29)
        assert store.read("key")[0].expiry == timedelta(minutes=1)
        moment[0] += timedelta(minutes=1)
        assert store.get("key") is None
        assert store.list() == []


# Many at once.


class Bulk(Watched):
    """One that reads a hundred at once."""

    _batch = 100

    def _load_many(self, space: Space, keys: Sequence[str]) -> list[Stored | None]:
        self._called("many")
        return [MemoryStore._load(self, space, key) for key in keys]


def test_many_are_read_from_the_slow_store_in_its_batches_and_fill_the_fast_one(clock: ManualClock) -> None:
    slow, fast = Bulk(clock), Watched(clock)
    keys = [f"{number:03}" for number in range(250)]
    for key in keys:
        slow.write(Record(key, key.encode()), ttl=HOUR)
    fast.write(Record("001", b"fast"))
    slow.delete("003")
    cached = CachedStore(fast, slow)
    slow.calls.clear()
    found = cached.read("", prefix=True)
    keys.remove("003")
    assert [record.key for record in found] == keys
    assert found[1].value == b"fast"
    assert slow.calls["many"] <= 5  # a few first, in case that no more are wanted
    assert slow.calls["load"] <= 1
    assert fast.list() == keys
    slow.calls.clear()
    assert cached.read("", prefix=True) == found
    assert slow.calls == {"keys": 1}


def test_many_that_are_missed_together_are_each_asked_for_once(clock: ManualClock) -> None:
    asked: list[str] = []
    reached, go = threading.Event(), threading.Event()

    class Slow(Bulk):
        def _load_many(self, space: Space, keys: Sequence[str]) -> list[Stored | None]:
            asked.extend(keys)
            held_up(reached, go)()
            return super()._load_many(space, keys)

    slow = Slow(clock)
    for key in ("a", "b", "c", "d"):
        slow.write(Record(key, b"value"))
    cached = CachedStore(MemoryStore(clock=clock), slow)
    cached.init()
    found: list[list[Stored | None]] = []
    first = Thread(target=lambda: found.append([*cached._load_many((), ["a", "b"])]))
    first.start()
    assert reached.wait(PATIENCE)
    second = Thread(target=lambda: found.append([*cached._load_many((), ["b", "c", "d", "x"])]))
    second.start()
    go.set()
    first.join()
    second.join()
    assert sorted(asked) == ["a", "b", "c", "d", "x"]
    here = Stored(b"value", None)
    assert sorted(found, key=len) == [[here, here], [here, here, here, None]]


@pytest.mark.parametrize("skip", [False, True])
def test_many_of_which_a_store_fails(clock: ManualClock, stores: list[Watched], skip: bool) -> None:
    for key in ("a", "b", "c"):
        stores[2].write(Record(key, b""))
    cached = CachedStore(*stores, skip_failing=skip)
    cached.init()
    stores[1].fails = {"load"}
    if skip:
        assert all(cached._load_many((), ["a", "b", "c"]))
        return
    with pytest.raises(StorageIOError, match="load failed"):
        cached._load_many((), ["a", "b", "c"])
    stores[1].fails = set()
    assert all(cached._load_many((), ["a", "b", "c"]))


def test_who_waits_for_one_of_many_hears_nothing_of_the_others(clock: ManualClock) -> None:
    reached, go = threading.Event(), threading.Event()

    class Damaged(Bulk):
        def _load_many(self, space: Space, keys: Sequence[str]) -> list[Stored | None]:
            held_up(reached, go)()
            raise StorageIOError("b is damaged")

    slow = Damaged(clock)
    for key in ("a", "b"):
        slow.write(Record(key, b"value"))
    cached = CachedStore(MemoryStore(clock=clock), slow)
    cached.init()
    told: list[object] = []

    def both() -> None:
        with pytest.raises(StorageIOError, match="b is damaged"):
            cached._load_many((), ["a", "b"])

    leader = Thread(target=both)
    leader.start()
    assert reached.wait(PATIENCE)
    waiter = Thread(target=lambda: told.append(cached.get("a")))
    waiter.start()
    go.set()
    leader.join()
    waiter.join()
    assert told == [Record("a", b"value")]
    assert cached._flights == {}


def test_interrupted_read_of_many_leaves_nothing_behind(clock: ManualClock) -> None:
    class Interrupted(Bulk):
        def _load_many(self, space: Space, keys: Sequence[str]) -> list[Stored | None]:
            raise KeyboardInterrupt

    cached = CachedStore(MemoryStore(clock=clock), Interrupted(clock))
    cached.init()
    with pytest.raises(KeyboardInterrupt):
        cached._load_many((), ["a", "b"])
    assert cached._flights == {}


def test_key_that_is_asked_for_twice_is_read_once(clock: ManualClock) -> None:
    slow = Bulk(clock)
    slow.write(Record("a", b"value"))
    cached = CachedStore(MemoryStore(clock=clock), slow)
    cached.init()
    here = Stored(b"value", None)
    assert cached._load_many((), ["a", "b", "a"]) == [here, None, here]


# Stores above the last one that can't take a record.


class Picky(Watched):
    """One that takes nothing short-lived or large."""

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        if len(stored.value) > 10 or (stored.expires_at and stored.expires_at - self._clock() < HOUR):
            raise InvalidArgumentError("not here")
        super()._save(space, key, stored)


@pytest.mark.parametrize("record", [Record("key", bytes(11)), Record("key", b"new", HOUR / 2)])
def test_a_store_that_can_not_take_a_record_does_without(clock: ManualClock, record: Record) -> None:
    fast, picky, last = Watched(clock), Picky(clock), Watched(clock)
    cached = CachedStore(fast, picky, last)
    cached.write(Record("key", b"old"))
    cached.write(record)
    assert "key" not in picky
    assert fast.read("key") == last.read("key") == [record]
    fast.delete("key")
    assert cached.read("key") == [record]
    assert "key" not in picky
    assert "key" in fast


@pytest.mark.parametrize("skip", [False, True])
def test_a_record_that_the_last_store_can_not_take_is_refused_and_nothing_changes(
    clock: ManualClock, skip: bool
) -> None:
    fast, last = Watched(clock), Picky(clock)
    cached = CachedStore(fast, last, skip_failing=skip)
    cached.write(Record("key", b"old"))
    with pytest.raises(InvalidArgumentError, match="not here"):
        cached.write(Record("key", bytes(11)))
    assert cached.read("key") == last.read("key") == [Record("key", b"old")]
