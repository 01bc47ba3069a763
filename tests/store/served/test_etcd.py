"""EtcdStore: its leases and names in etcd, and what becomes of a call when etcd is not there."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import ssl
import subprocess
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import urllib3
from harness.etcd_server import EtcdServer
from harness.http_proxy import CuttingProxy, Fate
from harness.servers import free_port, program, wait_for

from trove import store
from trove.errors import (
    BackendUnavailableError,
    CorruptStoreError,
    InvalidArgumentError,
    InvalidDSNError,
    StorageIOError,
    UnsupportedOptionError,
)
from trove.store import CachedStore, EtcdStore, MemoryStore, Record
from trove.store.served import http
from trove.testing import ManualClock
from trove.testing.suite.threads import together

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
NOON = datetime(2100, 1, 1, 12, tzinfo=UTC)
LARGEST = 1_500_000


def chain(error: BaseException) -> str:
    """What a traceback of ``error`` would show of it and of what led to it."""
    texts = []
    each: BaseException | None = error
    while each is not None:
        texts.append(f"{each} {each!r} {each.args} {vars(each)}")
        each = each.__cause__ or each.__context__
    return "\n".join(texts)


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


@pytest.fixture
def proxy(etcd: EtcdServer) -> Iterator[CuttingProxy]:
    with CuttingProxy(etcd.address) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy: CuttingProxy, root: str) -> Iterator[EtcdStore]:
    """A store that asks through ``proxy``, and is ready."""
    with EtcdStore(proxy.address, root=root, timeout=5) as behind:
        behind.init()
        yield behind


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
                etcd.call("lease/grant", ID=str(lease), TTL="5")
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
        opened.write(Record("key", b""), ttl=timedelta(milliseconds=10))
        opened.write(Record("stays", b""), ttl=HOUR)
        assert "key" in leases(etcd, root)
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

    def test_key_with_a_lease_of_another_program_is_an_error_that_says_so(
        self, etcd: EtcdServer, opened: EtcdStore, root: str
    ) -> None:
        lease = str((1 << 63) - 1)
        etcd.call("lease/grant", ID=lease, TTL="60")
        etcd.call("kv/put", key=f"{root}=key".encode(), value=b"x", lease=lease)
        with pytest.raises(CorruptStoreError, match="another program"):
            opened.read("key")
        etcd.call("lease/revoke", ID=lease)


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

    def test_many_records_are_read_in_few_requests(self, behind: EtcdStore, proxy: CuttingProxy) -> None:
        for number in range(250):
            behind.write(Record(f"{number:03}", b"%d" % number), ttl=HOUR if number % 2 else None)
        proxy.breaks("/v3/kv/txn")
        records = behind.read("", prefix=True)
        assert [int(each.value) for each in records] == list(range(250))
        assert [each.expiry is not None for each in records] == [False, True] * 125
        assert proxy.asked == 3
        assert [each.key for each in behind.scan()] == [each.key for each in records]


class TestBrokenConnections:
    CUTS = (Fate.CUT_BEFORE, Fate.CUT_AFTER, Fate.CUT_HALF)

    @pytest.mark.parametrize("fate", CUTS)
    def test_read_is_sent_again(self, behind: EtcdStore, proxy: CuttingProxy, fate: Fate) -> None:
        behind.write(Record("key", b"value" * 100))
        proxy.breaks("/range", fate, fate)
        assert behind.read("key")[0].value == b"value" * 100
        assert proxy.asked == 3

    @pytest.mark.parametrize("fate", CUTS)
    def test_grant_of_a_lease_is_sent_again(self, behind: EtcdStore, proxy: CuttingProxy, fate: Fate) -> None:
        proxy.breaks("/grant", fate)
        behind.write(Record("key", b"value"), ttl=HOUR)
        assert proxy.asked == 2
        assert behind.read("key")[0].value == b"value"

    @pytest.mark.parametrize("fate", CUTS)
    def test_write_that_may_have_been_done_is_not_sent_again(
        self, behind: EtcdStore, proxy: CuttingProxy, fate: Fate
    ) -> None:
        proxy.breaks("/put", fate)
        with pytest.raises(BackendUnavailableError, match="whether it was done is not known") as raised:
            behind.write(Record("key", b"value"))
        assert raised.value.__cause__ is not None
        assert proxy.asked == 1
        assert ("key" in behind) == (fate is not Fate.CUT_BEFORE)

    @pytest.mark.parametrize("fate", CUTS)
    def test_delete_that_may_have_been_done_is_not_sent_again(
        self, behind: EtcdStore, proxy: CuttingProxy, fate: Fate
    ) -> None:
        behind.write(Record("key", b"value"))
        proxy.breaks("/deleterange", fate)
        with pytest.raises(BackendUnavailableError):
            behind.delete("key")
        assert proxy.asked == 1
        assert ("key" in behind) == (fate is Fate.CUT_BEFORE)

    def test_what_breaks_each_time_is_an_error_with_its_cause(
        self, behind: EtcdStore, proxy: CuttingProxy
    ) -> None:
        proxy.breaks("/range", *[Fate.CUT_BEFORE] * 10)
        with pytest.raises(BackendUnavailableError) as raised:
            behind.list()
        assert isinstance(raised.value.__cause__, urllib3.exceptions.HTTPError)
        assert proxy.asked == http.TRIES

    @pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
    def test_silence_ends_with_the_timeout(
        self, behind: EtcdStore, proxy: CuttingProxy, writes: bool
    ) -> None:
        behind.init(timeout=1)
        proxy.breaks("", *[Fate.SILENCE] * 10)
        began = time.monotonic()
        with pytest.raises(BackendUnavailableError) as raised:
            behind.write(Record("key", b""), ttl=HOUR) if writes else behind.list()
        assert 0.9 < time.monotonic() - began < 10
        assert raised.value.__cause__ is not None

    def test_answer_that_drips_ends_with_the_timeout(self, behind: EtcdStore, proxy: CuttingProxy) -> None:
        behind.init(timeout=1)
        proxy.breaks("", *[Fate.DRIP] * 10)
        began = time.monotonic()
        with pytest.raises(BackendUnavailableError) as raised:
            behind.list()
        assert time.monotonic() - began < 10
        assert isinstance(raised.value.__cause__, TimeoutError)

    def test_silent_server_leaves_time_for_the_next_one_and_is_not_asked_first_again(
        self, etcd: EtcdServer, proxy: CuttingProxy, root: str
    ) -> None:
        proxy.breaks("", *[Fate.SILENCE] * 10)
        with EtcdStore([proxy.address, etcd.address], root=root, timeout=4) as opened:
            assert opened.list() == []
            opened.write(Record("key", b"value"), ttl=HOUR)
            assert opened.list() == ["key"]
        assert proxy.asked == 1

    def test_cache_in_front_has_nothing_that_may_not_have_been_written(
        self, behind: EtcdStore, proxy: CuttingProxy
    ) -> None:
        with CachedStore(MemoryStore(), behind) as cached:
            cached.write(Record("key", b"old"))
            proxy.breaks("/put", Fate.CUT_AFTER)
            with pytest.raises(BackendUnavailableError):
                cached.write(Record("key", b"new"))
            assert cached.read("key")[0].value == b"new"


class TestServersThatAreNotThere:
    def test_nobody_listens(self) -> None:
        with EtcdStore(f"127.0.0.1:{free_port()}", timeout=5) as opened:
            began = time.monotonic()
            with pytest.raises(BackendUnavailableError, match=r"^etcd at http://") as raised:
                opened.write(Record("key", b""))
            assert time.monotonic() - began < 5
        assert isinstance(raised.value.__cause__, urllib3.exceptions.HTTPError)
        assert isinstance(raised.value, OSError)

    def test_first_node_is_dead(self, etcd: EtcdServer, root: str) -> None:
        dead = f"127.0.0.1:{free_port()}"
        with EtcdStore([dead, etcd.address], root=root) as opened:
            opened.write(Record("key", b"value"), ttl=HOUR)
            assert opened.list() == ["key"]
        with EtcdStore(dead, nodes=[dead, etcd.address], root=root) as opened:
            opened.delete("key")
            assert opened.list() == []
            with pytest.raises(BackendUnavailableError):
                opened.init(nodes=[dead])
            assert opened.options["nodes"] == (dead, etcd.address)
            assert opened.list() == []

    def test_server_that_is_no_etcd_is_an_error(self, proxy: CuttingProxy) -> None:
        with EtcdStore(proxy.address) as opened:
            proxy._answer = lambda request: b"HTTP/1.0 200 OK\r\n\r\n<html>"  # type: ignore[method-assign]
            with pytest.raises(StorageIOError, match="no JSON"):
                opened.list()

    def test_server_that_comes_back_is_asked_again(self, tmp_path: Path) -> None:
        server = EtcdServer(tmp_path)
        try:
            with EtcdStore(server.address, timeout=5) as opened:
                opened.write(Record("key", b"value"), ttl=HOUR)
                server.stop()
                with pytest.raises(BackendUnavailableError):
                    opened.read("key")
                server.start()
                opened.write(Record("other", b""))
                assert opened.read("key")[0].value == b"value"
                assert opened.list() == ["key", "other"]
        finally:
            server.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """An etcd whose users are root, and two that each have a root of records of their own."""
    server = EtcdServer(tmp_path_factory.mktemp("guarded"))
    server.call("auth/user/add", name="root", password="of-all")
    server.call("auth/role/add", name="root")
    server.call("auth/user/grant", user="root", role="root")
    for name in ("ann", "bob"):
        server.call("auth/user/add", name=name, password=f"secret-of-{name}")
        server.call("auth/role/add", name=name)
        server.call("auth/user/grant", user=name, role=name)
        first, end = (f"{name}{sign}".encode() for sign in "/0")
        key = {"key": b64encode(first).decode(), "range_end": b64encode(end).decode()}
        server.call("auth/role/grant", name=name, perm={"permType": "READWRITE", **key})
    server.call("auth/enable")
    yield server
    server.stop()


class TestUsers:
    def test_user_keeps_records_where_it_may(self, guarded: EtcdServer) -> None:
        with EtcdStore(guarded.address, user="ann", password="secret-of-ann", root="ann/") as opened:
            opened.write(Record("key", b"value"), ttl=HOUR)
            assert [each.value for each in opened.scan()] == [b"value"]
            opened.delete("key")

    def test_users_with_records_of_one_instant_have_leases_of_their_own(self, guarded: EtcdServer) -> None:
        for name in ("ann", "bob"):
            secret = f"secret-of-{name}"
            with EtcdStore(guarded.address, user=name, password=secret, root=f"{name}/") as opened:
                opened.write(Record("noon", b"value"), expiry=NOON)
                assert opened.list() == ["noon"]

    def test_token_is_renewed_when_it_has_run_out(self, guarded: EtcdServer) -> None:
        with EtcdStore(guarded.address, user="ann", password="secret-of-ann", root="ann/") as opened:
            opened.write(Record("key", b"value"))
            opened._gateway._token = "old.1"
            assert opened.read("key")[0].value == b"value"
            opened._gateway._token = "old.2"
            together([partial(opened.write, Record("key", b"%d" % number)) for number in range(8)])
            opened.delete("key")

    @pytest.mark.parametrize(
        ("user", "password", "root"),
        [
            ("ann", "wrong-password", "ann/"),
            ("nobody", "wrong-password", "ann/"),
            ("ann", "secret-of-ann", "bob/"),
            ("", "", "ann/"),
        ],
    )
    def test_who_may_not_is_told_so_without_a_secret(
        self, guarded: EtcdServer, user: str, password: str, root: str
    ) -> None:
        with (
            EtcdStore(guarded.address, user=user, password=password, root=root) as opened,
            pytest.raises(StorageIOError, match="etcd refused") as raised,
        ):
            opened.list()
        assert not isinstance(raised.value, BackendUnavailableError)
        shown = chain(raised.value) + repr(pickle.loads(pickle.dumps(raised.value)))
        assert "secret-of" not in shown
        assert "wrong-password" not in shown

    def test_password_where_etcd_knows_no_users(self, etcd: EtcdServer, root: str) -> None:
        with EtcdStore(etcd.address, user="ann", password="secret", root=root) as opened:
            assert opened.list() == []

    def test_password_is_no_option_and_in_no_error(self) -> None:
        with EtcdStore("127.0.0.1:1", user="ann", password="hidden-word") as opened:
            assert "hidden-word" not in repr(opened.options) + repr(opened)
            with pytest.raises(BackendUnavailableError) as raised:
                opened.list()
        assert "hidden-word" not in chain(raised.value)


class TestArguments:
    @pytest.mark.parametrize(
        "endpoints",
        [
            *("", "a b", "ftp://host", "host/path", "http://user:pa55@host", "user:pa55@host", "host:port"),
            *("http://", "host:99999", "host?x=1", "höst", 5, None, [5], [], ()),
        ],
        ids=repr,
    )
    def test_bad_endpoints(self, endpoints: Any) -> None:
        with pytest.raises(InvalidArgumentError) as raised:
            EtcdStore(endpoints)
        assert "pa55" not in chain(raised.value)

    @pytest.mark.parametrize("options", [{"nodes": ["a b"]}, {"nodes": "host"}, {"root": 5}, {"timeout": 0}])
    def test_bad_options(self, options: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgumentError):
            EtcdStore("host:2379", **options)

    @pytest.mark.parametrize("who", [{"user": "a"}, {"password": "b"}, {"user": "a", "password": 5}])
    def test_user_without_password(self, who: dict[str, Any]) -> None:
        with pytest.raises(InvalidArgumentError, match="user and password"):
            EtcdStore("host:2379", **who)

    def test_missing_extra_is_named(self) -> None:
        program = (
            "import sys; sys.modules['urllib3'] = None\n"
            "from trove.store import EtcdStore\n"
            "from trove.errors import UnsupportedOptionError\n"
            "try: EtcdStore('host:2379')\n"
            "except UnsupportedOptionError as error: print(error)\n"
        )
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert "pip install 'trove-engine[etcd]'" in ran.stdout


class TestOpening:
    def test_dsn(self, etcd: EtcdServer, root: str) -> None:
        host = etcd.address.removeprefix("http://")
        with store.open(f"etcd://{host}?root={root}&timeout=2.5&prefix=p") as opened:
            opened.write(Record("key", b""))
            assert (opened.options["timeout"], opened.options["prefix"]) == (2.5, "p")
            assert opened.options["nodes"] == ()
        dead = f"127.0.0.1:{free_port()}"
        with store.open(f"etcd://ann:secret@?nodes={dead},{host}", root=root) as opened:
            assert opened.list() == ["pkey"]
        with store.open("etcd://", nodes=[host], root=root) as opened:
            assert opened.list() == ["pkey"]

    @pytest.mark.parametrize(
        "dsn",
        [
            *("etcd://", "etcd://host/path", "etcd://host?nodes=other", "etcd://host?timeout=soon"),
            *("etcd://host?colour=red", "etcd://a:1,b:1", "etcds://"),
        ],
    )
    def test_bad_dsn(self, dsn: str) -> None:
        with pytest.raises(InvalidDSNError):
            store.open(dsn)

    def test_bad_settings(self) -> None:
        for dsn in ("etcd://host?timeout=0", "etcd://user@host", "etcd://?nodes=a%20b"):
            with pytest.raises(InvalidArgumentError):
                store.open(dsn)
        with pytest.raises(UnsupportedOptionError, match="colour"):
            store.open("etcd://host", colour="red")

    def test_tls(self, tmp_path: Path) -> None:
        certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
        command = [program("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes"]
        command += ["-subj", "/CN=etcd", "-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
        server = EtcdServer(tmp_path, tls=(certificate, key))
        try:
            host = server.address.removeprefix("https://")
            trusted = ssl.create_default_context(cafile=str(certificate))
            with store.open(f"etcds://{host}", tls=trusted) as opened:
                opened.write(Record("key", b""))
                assert opened.list() == ["key"]
            with EtcdStore(host, tls=trusted) as bare:
                assert bare.list() == ["key"]
            with pytest.raises(BackendUnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
                store.open(f"etcds://{host}")
        finally:
            server.stop()


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
        with opened._gateway._token_lock, opened._init_lock:
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
