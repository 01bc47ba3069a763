"""When a record is gone, whoever asks."""

from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from ...errors import RecordNotFoundError
from ...store import Record, Store
from .base import SECOND, TICK, StoreTests, fill, keys_of
from .clock import ManualClock

HOUR = timedelta(hours=1)


def there(store: Store) -> bool:
    """Whether ``"key"`` is there, which every way of asking must say alike."""
    found = {
        "key" in store,
        store.get("key") is not None,
        store.list() == ["key"],
        keys_of(store.read("k", prefix=True)) == ["key"],
        keys_of(store.read("y", suffix=True)) == ["key"],
        [record.key for record in store.scan()] == ["key"],
    }
    assert len(found) == 1
    (answer,) = found
    if not answer:
        with pytest.raises(RecordNotFoundError):
            store.read("key")
        assert store.list() == []
    return answer


class StoreExpirySuite(StoreTests):
    """Time left, instants, and which of several counts."""

    def test_expiry_at_its_instant(self, optioned: Store, clock: ManualClock) -> None:
        optioned.write(Record("key", b"value"), ttl=HOUR)
        clock.advance(HOUR - TICK)
        assert there(optioned)
        clock.advance(TICK)
        assert not there(optioned)
        clock.advance(HOUR)
        assert not there(optioned)

    def test_expiry_is_the_time_left(self, optioned: Store, clock: ManualClock) -> None:
        optioned.write(Record("key", b"value"), ttl=HOUR)
        assert optioned.read("key") == [Record("key", b"value", HOUR)]
        clock.advance(10 * SECOND)
        left = Record("key", b"value", HOUR - 10 * SECOND)
        assert optioned.read("key") == [left]
        assert optioned.get("key") == left
        assert optioned.read("k", prefix=True) == [left]
        assert list(optioned.scan()) == [left]

    def test_expiry_of_the_record(self, store: Store, clock: ManualClock) -> None:
        store.write(Record("key", b"value", HOUR))
        clock.advance(HOUR - TICK)
        assert there(store)
        clock.advance(TICK)
        assert not there(store)

    def test_expiry_as_an_instant(self, store: Store, clock: ManualClock) -> None:
        store.write(Record("key", b"value"), expiry=clock() + HOUR)
        assert store.read("key")[0].expiry == HOUR
        clock.advance(HOUR)
        assert not there(store)

    def test_expiry_in_another_timezone(self, store: Store, clock: ManualClock) -> None:
        zone = timezone(timedelta(hours=-7))
        store.write(Record("key", b"value"), expiry=(clock() + HOUR).astimezone(zone))
        assert store.read("key")[0].expiry == HOUR

    def test_expiry_never(self, store: Store, clock: ManualClock) -> None:
        fill(store, "key")
        clock.advance(timedelta(days=36_500))
        assert there(store)
        assert store.read("key")[0].expiry is None

    @pytest.mark.parametrize("ttl", [None, HOUR])
    @pytest.mark.parametrize("instant", [None, 2 * HOUR])
    @pytest.mark.parametrize("own", [None, 3 * HOUR])
    def test_expiry_ttl_before_expiry_before_the_own(
        self,
        store: Store,
        clock: ManualClock,
        ttl: timedelta | None,
        instant: timedelta | None,
        own: timedelta | None,
    ) -> None:
        store.write(Record("key", b"", own), ttl=ttl, expiry=clock() + instant if instant else None)
        assert store.read("key")[0].expiry == (ttl or instant or own)

    def test_expiry_in_the_past(self, optioned: Store, clock: ManualClock) -> None:
        fill(optioned, "key")
        optioned.write(Record("key", b"new"), expiry=clock() - SECOND)
        assert not there(optioned)
        optioned.write(Record("key", b"new"), expiry=clock())
        assert not there(optioned)

    def test_expiry_is_replaced_with_the_record(self, store: Store, clock: ManualClock) -> None:
        store.write(Record("key", b"1"), ttl=self.SHORTEST)
        store.write(Record("key", b"2"), ttl=HOUR)
        clock.advance(self.SHORTEST)
        assert store.read("key") == [Record("key", b"2", HOUR - self.SHORTEST)]
        store.write(Record("key", b"3"))
        clock.advance(HOUR)
        assert store.read("key") == [Record("key", b"3")]

    def test_expiry_of_what_was_read_goes_on(self, store: Store, clock: ManualClock) -> None:
        store.write(Record("key", b"1"), ttl=HOUR)
        clock.advance(HOUR / 2)
        store.write(store.read("key")[0])
        assert store.read("key")[0].expiry == HOUR / 2

    def test_expiry_and_a_new_record(self, store: Store, clock: ManualClock) -> None:
        store.write(Record("key", b"1"), ttl=HOUR)
        clock.advance(HOUR)
        fill(store, "key")
        assert there(store)
        store.delete("key")
        assert not there(store)

    def test_expiry_leaves_the_others(self, optioned: Store, clock: ManualClock) -> None:
        for hours in range(1, 6):
            optioned.write(Record(f"key-{hours}", b""), ttl=hours * HOUR)
        clock.advance(2 * HOUR)
        assert optioned.list() == ["key-3", "key-4", "key-5"]
        assert optioned.list(limit=2) == ["key-3", "key-4"]
        assert optioned.list(offset=2) == ["key-5"]
        assert keys_of(optioned.read("key", prefix=True, limit=1, offset=1)) == ["key-4"]

    def test_expiry_while_it_is_scanned(self, store: Store, clock: ManualClock) -> None:
        for key in ("a", "b"):
            store.write(Record(key, b""), ttl=HOUR)
        scan = store.scan()
        assert next(scan).key == "a"
        clock.advance(HOUR)
        assert list(scan) == []
