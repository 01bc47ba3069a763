"""EtcdStore: its records, leases and names in etcd, also of several processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest
from harness.http_proxy import HttpProxy
from harness.servers import wait_for

from trove.errors import InvalidArgumentError, StorageIOError
from trove.store import EtcdStore, Record
from trove.testing import ManualClock
from trove.testing.suite.threads import together

if TYPE_CHECKING:
    from harness.etcd_server import EtcdServer

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
NOON = datetime(2100, 1, 1, 12, tzinfo=UTC)
LARGEST = 1_500_000


def leases(etcd: EtcdServer, root: str) -> dict[str, int]:
    """The leases of the records under ``root``, by the records' keys."""
    return {
        b64decode(found["key"]).decode().removeprefix(root + "="): int(found.get("lease", 0))
        for found in etcd.keys(root)
    }


def seconds_left(etcd: EtcdServer, lease: int) -> int:
    return int(etcd.call("lease/timetolive", ID=str(lease)).get("TTL", 0))


@pytest.fixture
def opened(etcd: EtcdServer, root: str) -> Iterator[EtcdStore]:
    with EtcdStore(etcd.address, root=root) as opened:
        yield opened


class TestLeases:
    def test_record_without_expiry_has_none(self, etcd: EtcdServer, opened: EtcdStore, root: str) -> None:
        opened.write(Record("key", b""), ttl=HOUR)
        opened.write(Record("key", b""))
        assert leases(etcd, root) == {"key": 0}

    def test_records_of_one_instant_share_one(self, etcd: EtcdServer, opened: EtcdStore, root: str) -> None:
        for key in ("a", "b", "c"):
            opened.write(Record(key, b""), expiry=NOON + HOUR)
        assert len(set(leases(etcd, root).values())) == 1

    def test_time_to_live_is_rounded_up_and_a_little_more(
        self, etcd: EtcdServer, opened: EtcdStore, root: str
    ) -> None:
        opened.write(Record("key", b""), ttl=timedelta(seconds=100.2))
        (lease,) = leases(etcd, root).values()
        assert int(etcd.call("lease/timetolive", ID=str(lease))["grantedTTL"]) == 102

    def test_clock_that_is_behind_gets_another_lease_of_the_instant(
        self, etcd: EtcdServer, opened: EtcdStore, root: str
    ) -> None:
        """Whose clock is ahead made one that ends too early for those whose clock is right."""
        ahead = ManualClock()
        instant = ahead() + 2 * HOUR
        ahead.advance(HOUR)
        with EtcdStore(etcd.address, root=root, clock=ahead) as early:
            early.write(Record("early", b""), expiry=instant)
            opened.write(Record("right", b""), expiry=instant)
            found = leases(etcd, root)
            assert found["early"] != found["right"]
            assert seconds_left(etcd, found["early"]) < 3700 < 7000 < seconds_left(etcd, found["right"])
            early.write(Record("joins", b""), expiry=instant)
            assert leases(etcd, root)["joins"] == found["early"]
            assert opened.list() == early.list() == ["early", "joins", "right"]
            left = opened.read("early")[0].expiry
            assert left is not None
            assert 2 * HOUR - timedelta(minutes=1) < left <= 2 * HOUR

    def test_all_leases_of_an_instant_taken_is_an_error_that_says_so(
        self, etcd: EtcdServer, root: str
    ) -> None:
        clock = ManualClock()
        instant = clock() + HOUR
        with EtcdStore(etcd.address, root=root, clock=clock) as opened:
            opened.write(Record("key", b"old"), expiry=instant)
            (first,) = leases(etcd, root).values()
            etcd.call("lease/revoke", ID=str(first))
            for lease in range(first, first + 16):
                etcd.call("lease/grant", ID=str(lease), TTL="600")
            with pytest.raises(StorageIOError, match="do the clocks"):
                opened.write(Record("key", b"new"), expiry=instant)
            assert opened.list() == []

    def test_lease_that_ended_between_grant_and_put_is_made_anew(
        self, etcd: EtcdServer, opened: EtcdStore, root: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        granted: list[int] = []
        grant = EtcdStore._grant

        def grant_and_end(self: EtcdStore, lease: int, left: float, until: float) -> bool:
            made = grant(self, lease, left, until)
            granted.append(lease)
            if len(granted) == 1:
                etcd.call("lease/revoke", ID=str(lease))
            return made

        monkeypatch.setattr(EtcdStore, "_grant", grant_and_end)
        opened.write(Record("key", b"value"), ttl=HOUR)
        assert len(granted) == 2
        assert leases(etcd, root) == {"key": granted[-1]}
        assert opened.read("key")[0].value == b"value"

    def test_record_that_expires_is_freed_by_etcd(
        self, etcd: EtcdServer, opened: EtcdStore, root: str
    ) -> None:
        opened.write(Record("stays", b""), ttl=HOUR)
        before = int(etcd.call("kv/range", key=b"x")["header"]["revision"])
        opened.write(Record("key", b""), ttl=timedelta(milliseconds=10))
        # By now it may be freed: etcd is asked for the moment of the write.
        (written,) = etcd.call("kv/range", key=f"{root}=key".encode(), revision=before + 1)["kvs"]
        assert int(written["lease"])
        wait_for(lambda: "key" not in leases(etcd, root))
        assert opened.list() == ["stays"]

    def test_lease_that_was_left_does_not_take_the_record_along(
        self, etcd: EtcdServer, opened: EtcdStore, root: str
    ) -> None:
        opened.write(Record("key", b"1"), ttl=HOUR)
        opened.write(Record("other", b"1"), ttl=HOUR)
        left = leases(etcd, root)
        opened.write(Record("key", b"2"))
        for lease in left.values():
            etcd.call("lease/revoke", ID=str(lease))
        assert [(each.key, each.value) for each in opened.scan()] == [("key", b"2")]

    def test_expiry_beyond_what_etcd_takes_is_kept_and_can_be_shared(
        self, etcd: EtcdServer, opened: EtcdStore, root: str
    ) -> None:
        last = datetime.max.replace(tzinfo=UTC)
        ahead = ManualClock()
        ahead.advance(HOUR)
        with EtcdStore(etcd.address, root=root, clock=ahead) as other:
            other.write(Record("a", b""), expiry=last)
        opened.write(Record("b", b""), expiry=last)
        assert len(set(leases(etcd, root).values())) == 1
        left = opened.read("a")[0].expiry
        assert left is not None
        assert abs(last - left - datetime.now(UTC)) < timedelta(minutes=1)

    @pytest.mark.parametrize("lease", [str((1 << 63) - 1), "-5"])
    def test_lease_of_another_program_tells_the_time_left(
        self, etcd: EtcdServer, opened: EtcdStore, root: str, lease: str
    ) -> None:
        etcd.call("lease/grant", ID=lease, TTL="60")
        etcd.call("kv/put", key=f"{root}=key".encode(), value=b"x", lease=lease)
        opened.write(Record("ours", b""))
        assert opened.list() == ["key", "ours"]
        for record in (*opened.read("key"), *opened.read("k", prefix=True)):
            assert record.expiry is not None
            assert timedelta(seconds=30) < record.expiry <= timedelta(seconds=60)
        etcd.call("lease/revoke", ID=lease)
        assert opened.list() == ["ours"]


class TestNames:
    def test_value_is_kept_as_it_is_under_root_and_name(
        self, etcd: EtcdServer, opened: EtcdStore, root: str
    ) -> None:
        opened.init(namespace="n/s")
        opened.write(Record("a\0é", b"\0value\xff"))
        (found,) = etcd.keys(root)
        assert b64decode(found["key"]) == f"{root}@n%2Fs/=a\1\1é".encode()
        assert (
            b64decode(etcd.call("kv/range", key=b64decode(found["key"]))["kvs"][0]["value"]) == b"\0value\xff"
        )

    def test_roots_are_apart(self, etcd: EtcdServer, root: str) -> None:
        with EtcdStore(etcd.address, root=root) as one, EtcdStore(etcd.address, root=root + "a") as other:
            one.write(Record("key", b"1"))
            assert other.list() == []

    def test_what_others_keep_under_the_root_is_passed_over(
        self, etcd: EtcdServer, opened: EtcdStore, root: str
    ) -> None:
        etcd.call("kv/put", key=f"{root}=\xff".encode("latin-1"), value=b"")
        etcd.call("kv/put", key=f"{root}other".encode(), value=b"")
        opened.write(Record("key", b""))
        assert opened.list() == ["key"]

    @pytest.mark.parametrize("size", [LARGEST, 1_700_000, 3_000_000])
    def test_value_that_is_too_large_is_an_error_that_says_the_limit(
        self, opened: EtcdStore, size: int
    ) -> None:
        value = os.urandom(size)
        if size <= LARGEST:
            opened.write(Record("key", value), ttl=HOUR)
            assert opened.read("key")[0].value == value
            return
        for ttl in (None, HOUR):
            with pytest.raises(InvalidArgumentError, match=r"1\.5 MiB"):
                opened.write(Record("key", value), ttl=ttl)
        assert opened.list() == []


class TestListings:
    @pytest.fixture
    def paged(self, opened: EtcdStore, monkeypatch: pytest.MonkeyPatch) -> EtcdStore:
        monkeypatch.setattr("trove.store.served.etcd.PAGE_KEYS", 3)
        for number in range(10):
            opened.write(Record(f"key-{number}", b"%d" % number))
        return opened

    def test_pages_make_one_listing(self, paged: EtcdStore) -> None:
        assert paged.list() == [f"key-{number}" for number in range(10)]
        assert paged.list(prefix="key-9") == ["key-9"]
        assert paged.list(limit=4, offset=5) == [f"key-{number}" for number in range(5, 9)]

    def test_listing_is_of_one_moment(self, paged: EtcdStore) -> None:
        keys = paged._keys((), "", "", datetime.now(UTC))
        assert next(keys) == "key-0"
        paged.write(Record("key-55", b""))
        paged.delete("key-9")
        assert list(keys) == [f"key-{number}" for number in range(1, 10)]

    def test_listing_goes_on_when_its_moment_was_compacted(self, etcd: EtcdServer, paged: EtcdStore) -> None:
        keys = paged._keys((), "", "", datetime.now(UTC))
        assert next(keys) == "key-0"
        paged.delete("key-9")
        revision = etcd.call("kv/range", key=b"x")["header"]["revision"]
        etcd.call("kv/compaction", revision=revision)
        assert list(keys) == [f"key-{number}" for number in range(1, 9)]

    def test_many_records_are_read_in_few_requests(self, etcd: EtcdServer, root: str) -> None:
        with HttpProxy(etcd.address) as proxy, EtcdStore(proxy.address, root=root) as behind:
            for number in range(250):
                behind.write(Record(f"{number:03}", b"%d" % number), ttl=HOUR if number % 2 else None)
            proxy.breaks("/v3/kv/txn")
            records = behind.read("", prefix=True)
            assert [int(each.value) for each in records] == list(range(250))
            assert [each.expiry is not None for each in records] == [False, True] * 125
            assert proxy.asked == 3
            assert [each.key for each in behind.scan()] == [each.key for each in records]


def write_hundred(address: str, root: str, who: int) -> None:
    with EtcdStore(address, root=root) as opened:
        for number in range(100):
            opened.write(Record(f"{who}/{number:02}", b"%d" % who), expiry=NOON)
            opened.write(Record("shared", b"%d" % who), ttl=HOUR)


class TestProcesses:
    def test_two_processes_write(self, etcd: EtcdServer, opened: EtcdStore, root: str) -> None:
        spawn = multiprocessing.get_context("spawn")
        writers = [spawn.Process(target=write_hundred, args=(etcd.address, root, who)) for who in (1, 2)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(60)
            assert writer.exitcode == 0
        assert len(opened.list()) == 201
        assert opened.read("shared")[0].value in (b"1", b"2")
        assert len({lease for key, lease in leases(etcd, root).items() if key != "shared"}) == 1

    @pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
    def test_forked_process_has_connections_of_its_own(self, opened: EtcdStore) -> None:
        opened.write(Record("key", b"0"))
        with opened._asking()._token_lock, opened._init_lock:
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                sound = opened.read("key")[0].value == b"0"
                for number in range(100):
                    opened.write(Record("child", b"%d" % number))
                    sound = sound and opened.read("child")[0].value == b"%d" % number
                os._exit(0 if sound else 1)
        for number in range(100):
            opened.write(Record("parent", b"%d" % number))
            assert opened.read("parent")[0].value == b"%d" % number
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert opened.list() == ["child", "key", "parent"]

    def test_threads_share_leases(self, etcd: EtcdServer, opened: EtcdStore, root: str) -> None:
        def write(thread: int) -> None:
            for number in range(20):
                opened.write(Record(f"{thread}-{number}", b""), expiry=NOON + number * SECOND)

        together([partial(write, thread) for thread in range(8)])
        assert len(set(leases(etcd, root).values())) == 20
