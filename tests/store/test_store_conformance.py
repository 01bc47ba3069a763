"""The conformance suite for stores on all of them, and on stores made of several."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from harness.workers_kv import ACCOUNT, NAMESPACE, TOKEN, WorkersKV

import trove
from trove.driver import Driver, ObjectInfo
from trove.drivers.memory import MemoryDriver
from trove.errors import UnsupportedOptionError
from trove.store import (
    CachedStore,
    CloudflareStore,
    DriverStore,
    EngineStore,
    EtcdStore,
    MemoryStore,
    NoopStore,
    PostgresStore,
    ScopedStore,
    Store,
)
from trove.testing import ManualClock, StoreArgumentSuite, StoreClosingSuite, StoreSuite
from trove.testing.stores import StoreExpirySuite, StoreOptionSuite

if TYPE_CHECKING:
    from harness.etcd_server import EtcdServer
    from harness.postgres_server import PostgresServer


class WithoutExpiry(MemoryDriver):
    """A driver that can't honour ``expires_at``."""

    def put(
        self, bucket: str, key: str, data: Any, *, expires_at: datetime | None = None, **options: Any
    ) -> ObjectInfo:
        if expires_at is not None:
            raise UnsupportedOptionError.of(self.name, "expires_at", "leave it out")
        return super().put(bucket, key, data, **options)


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[Store]:
        with MemoryStore(clock=clock) as store:
            yield store


class TestDriverStore(StoreSuite):
    @pytest.fixture(params=[MemoryDriver, WithoutExpiry])
    def driver(self, request: pytest.FixtureRequest) -> Iterator[Driver]:
        with request.param() as driver:
            driver.open("mem://")
            yield driver

    @pytest.fixture
    def store(self, driver: Driver, clock: ManualClock) -> Iterator[Store]:
        with DriverStore(driver, bucket="kept", clock=clock) as store:
            yield store


class TestDriverStoreOnFiles(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
        with (
            trove.open(f"file://{tmp_path}/files", durability="relaxed") as driver,
            DriverStore(driver, clock=clock) as store,
        ):
            yield store


class TestEngineStore(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
        with EngineStore(tmp_path / "store", durability="relaxed", clock=clock) as store:
            yield store


class TestPostgresStore(StoreSuite):
    @pytest.fixture
    def store(self, postgres: PostgresServer, table: str, clock: ManualClock) -> Iterator[Store]:
        with PostgresStore(postgres.dsn, table=table, clock=clock) as store:
            yield store


class TestScopedStoreOnPostgres(StoreOptionSuite):
    @pytest.fixture
    def store(self, postgres: PostgresServer, table: str, clock: ManualClock) -> Iterator[Store]:
        with PostgresStore(postgres.dsn, table=table, clock=clock, namespace="n", suffix=".s") as base:
            yield ScopedStore(base, "a")


class TestCachedStoreOnPostgres(StoreExpirySuite):
    @pytest.fixture
    def store(self, postgres: PostgresServer, table: str, clock: ManualClock) -> Iterator[Store]:
        slow = PostgresStore(postgres.dsn, table=table, clock=clock)
        with CachedStore(MemoryStore(clock=clock), slow) as store:
            yield store


class TestScopedStore(StoreSuite):
    LONGEST_KEY = StoreSuite.LONGEST_KEY - len("outer-/a/b/-z")

    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[Store]:
        with MemoryStore(clock=clock, namespace="n", prefix="outer-/", suffix="-z") as base:
            for beside in (base, ScopedStore(base, "a"), ScopedStore(base, "ab"), ScopedStore(base, "a/bc")):
                beside.init()
            ScopedStore(base, "a/bc").write(trove.store.Record("not here", b""))
            with ScopedStore(ScopedStore(base, "a"), "b") as store:
                yield store
            assert ScopedStore(base, "a/bc").list() == ["not here"]


class TestScopedStoreOnADriver(StoreSuite):
    LONGEST_KEY = StoreSuite.LONGEST_KEY - len("a/")

    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[Store]:
        with MemoryDriver() as driver:
            driver.open("mem://")
            base = DriverStore(driver, clock=clock, namespace="n/s")
            with ScopedStore(base, "a") as store:
                yield store


class TestCachedStore(StoreSuite):
    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[Store]:
        with CachedStore(*(MemoryStore(clock=clock) for _ in range(3))) as store:
            yield store


class TestCachedStoreThatSkips(StoreSuite):
    """With options of their own below, and a faster store that is never there."""

    LONGEST_KEY = StoreSuite.LONGEST_KEY - len("slow/")

    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[Store]:
        slow, broken = MemoryStore(clock=clock, prefix="slow/"), MemoryStore(clock=clock)
        broken.close()
        fast = MemoryStore(clock=clock, namespace="fast", suffix="x")
        with CachedStore(broken, fast, slow, skip_failing=True) as store:
            yield store


class TestEtcdStore(StoreSuite):
    @pytest.fixture
    def store(self, etcd: EtcdServer, root: str, clock: ManualClock) -> Iterator[Store]:
        with EtcdStore(etcd.address, root=root, clock=clock) as store:
            yield store


class TestScopedStoreOnACachedEtcd(StoreSuite):
    LONGEST_KEY = StoreSuite.LONGEST_KEY - len("slow/a/")

    @pytest.fixture
    def store(self, etcd: EtcdServer, root: str, clock: ManualClock) -> Iterator[Store]:
        slow = EtcdStore(etcd.address, root=root, namespace="n", prefix="slow/", clock=clock)
        with CachedStore(MemoryStore(clock=clock), slow) as cached, ScopedStore(cached, "a") as store:
            yield store


class TestCloudflareStore(StoreSuite):
    LONGEST_KEY = StoreSuite.LONGEST_KEY - len("=")
    SHORTEST = timedelta(seconds=60)

    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[Store]:
        with (
            WorkersKV(clock) as kv,
            CloudflareStore(ACCOUNT, TOKEN, NAMESPACE, url=kv.url, clock=clock) as store,
        ):
            yield store


class TestNoopStore(StoreArgumentSuite, StoreClosingSuite):
    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[Store]:
        with NoopStore(clock=clock) as store:
            yield store
