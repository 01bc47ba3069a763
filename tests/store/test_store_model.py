"""Random histories of records on stores, beside a dictionary that does the same in a few lines."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import hypothesis.strategies as st
import pytest
from harness.workers_kv import ACCOUNT, NAMESPACE, TOKEN, WorkersKV
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from trove.drivers.memory import MemoryDriver
from trove.store import (
    CachedStore,
    CloudflareStore,
    DriverStore,
    EtcdStore,
    MemoryStore,
    Record,
    ScopedStore,
    Store,
)
from trove.testing import ManualClock

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
# So few that histories meet, and such as are easily mixed up when something is put around them.
TEXTS = st.text(alphabet="a/!z\0\1é", max_size=3)
KEYS = TEXTS.filter(bool)
SECONDS = st.integers(1, 5)
OPTIONS = st.fixed_dictionaries(
    {name: st.sampled_from(["", "a", "a/", "z"]) for name in ("namespace", "prefix", "suffix")}
)


def on_a_driver(clock: ManualClock) -> Store:
    driver = MemoryDriver()
    driver.open("mem://")
    return DriverStore(driver, clock=clock)


STORES: dict[str, Callable[[ManualClock], Store]] = {
    "memory": lambda clock: MemoryStore(clock=clock),
    "driver": on_a_driver,
    "scoped": lambda clock: ScopedStore(MemoryStore(clock=clock, prefix="a", suffix="z"), "a/b"),
    "cached": lambda clock: CachedStore(MemoryStore(clock=clock, suffix="a"), on_a_driver(clock)),
    "scoped cached": lambda clock: ScopedStore(
        CachedStore(MemoryStore(clock=clock), MemoryStore(clock=clock), namespace="a"), "z"
    ),
}


class StoreMachine(RuleBasedStateMachine):
    """A store, and a dictionary of (namespace, whole key) to (value, instant)."""

    make: Callable[[ManualClock], Store]
    unit = SECOND

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.store = type(self).make(self.clock)
        self.kept: dict[tuple[str, str], tuple[bytes, datetime | None]] = {}
        self.namespace, self.prefix, self.suffix = "", "", ""

    @rule(given=OPTIONS)
    def options(self, given: dict[str, str]) -> None:
        self.store.init(**given)
        self.namespace, self.prefix, self.suffix = given["namespace"], given["prefix"], given["suffix"]

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds * self.unit)

    @rule(key=KEYS, value=st.binary(max_size=3), seconds=st.none() | SECONDS, how=st.integers(0, 2))
    def write(self, key: str, value: bytes, seconds: int | None, how: int) -> None:
        left = None if seconds is None else seconds * self.unit
        at = None if left is None else self.clock() + left
        if how == 0:
            self.store.write(Record(key, value, left))
        elif how == 1:
            self.store.write(Record(key, value), ttl=left)
        else:
            self.store.write(Record(key, value), expiry=at)
        self.kept[self.namespace, self.prefix + key + self.suffix] = value, at

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.store.delete(key)
        self.kept.pop((self.namespace, self.prefix + key + self.suffix), None)

    @rule(key=KEYS)
    def read(self, key: str) -> None:
        expected = self.there().get(key)
        assert self.store.get(key) == expected
        assert (key in self.store) == (expected is not None)

    @rule(begins=TEXTS, ends=TEXTS, limit=st.integers(0, 3), offset=st.integers(0, 3))
    def listing(self, begins: str, ends: str, limit: int, offset: int) -> None:
        records = self.there()
        keys = [key for key in records if key.startswith(begins) and key.endswith(ends)]
        assert [record.key for record in self.store.scan(prefix=begins, suffix=ends)] == keys
        keys = keys[offset:][: limit or None]
        assert self.store.list(prefix=begins, suffix=ends, limit=limit, offset=offset) == keys
        found = self.store.read(begins, prefix=True, limit=limit, offset=offset)
        assert (
            found
            == [each for key, each in records.items() if key.startswith(begins)][offset:][: limit or None]
        )

    @invariant()
    def everything(self) -> None:
        assert list(self.store.scan()) == list(self.there().values())

    def there(self) -> dict[str, Record]:
        """What can be seen now, in order."""
        found = {}
        now, before, behind = self.clock(), self.prefix, self.suffix
        for (namespace, whole), (value, at) in self.kept.items():
            if namespace != self.namespace or not (at is None or at > now):
                continue
            key = whole[len(before) : len(whole) - len(behind)]
            if key and whole == before + key + behind:
                found[key] = Record(key, value, None if at is None else at - now)
        return dict(sorted(found.items()))

    def teardown(self) -> None:
        self.store.close()


def machine(make: Callable[[ManualClock], Store], unit: timedelta = SECOND) -> type[StoreMachine]:
    return type("Machine", (StoreMachine,), {"make": staticmethod(make), "unit": unit})


class OwningCloudflareStore(CloudflareStore):
    """A CloudflareStore with a stand-in of its own."""

    def __init__(self, clock: ManualClock) -> None:
        self._kv = WorkersKV(clock)
        super().__init__(ACCOUNT, TOKEN, NAMESPACE, url=self._kv.url, clock=clock)

    def _release(self) -> None:
        super()._release()
        self._kv.close()


@pytest.fixture(params=["etcd", "scoped cached etcd", "cloudflare"])
def served(request: pytest.FixtureRequest) -> type[StoreMachine]:
    """The machine on stores that servers keep, in hours: a server's clock goes on, and there are minima."""
    if request.param == "cloudflare":
        return machine(OwningCloudflareStore, HOUR)
    address = request.getfixturevalue("etcd").address

    def on_etcd(clock: ManualClock) -> Store:
        return EtcdStore(address, root=f"{uuid.uuid4().hex}/", clock=clock)

    if request.param == "etcd":
        return machine(on_etcd, HOUR)
    return machine(
        lambda clock: ScopedStore(CachedStore(MemoryStore(clock=clock), on_etcd(clock)), "a"), HOUR
    )


def test_random_histories_on_servers_are_those_of_a_dictionary(served: type[StoreMachine]) -> None:
    run_state_machine_as_test(
        served, settings=settings(max_examples=10, stateful_step_count=25, deadline=None, database=None)
    )


@pytest.mark.slow
def test_long_random_histories_on_servers_are_those_of_a_dictionary(served: type[StoreMachine]) -> None:
    run_state_machine_as_test(
        served, settings=settings(max_examples=60, stateful_step_count=50, deadline=None, database=None)
    )


@pytest.mark.parametrize("name", STORES)
def test_short_random_histories_are_those_of_a_dictionary(name: str) -> None:
    run_state_machine_as_test(
        machine(STORES[name]),
        settings=settings(max_examples=25, stateful_step_count=25, deadline=None, database=None),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", STORES)
def test_long_random_histories_are_those_of_a_dictionary(name: str) -> None:
    run_state_machine_as_test(
        machine(STORES[name]),
        settings=settings(max_examples=150, stateful_step_count=50, deadline=None, database=None),
    )
