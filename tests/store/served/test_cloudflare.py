"""CloudflareStore: what it keeps in Workers KV, and what becomes of a call when that is busy or not there."""

from __future__ import annotations

import os
import pickle
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from harness.error_text import whole_text
from harness.http_proxy import HttpProxy
from harness.in_time import within
from harness.proxy import Fate
from harness.servers import closed_port
from harness.workers_kv import ACCOUNT, MAX_VALUE, NAMESPACE, TOKEN, Pair, WorkersKV

from trove import store
from trove.errors import (
    BackendUnavailableError,
    CorruptStoreError,
    InvalidArgumentError,
    InvalidDSNError,
    InvalidKeyError,
    StorageIOError,
    UnsupportedOptionError,
)
from trove.store import CachedStore, CloudflareStore, MemoryStore, Record, ScopedStore
from trove.testing import ManualClock
from trove.testing.suite.threads import together

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)


def opened_at(url: str, clock: ManualClock, **options: Any) -> CloudflareStore:
    return CloudflareStore(ACCOUNT, TOKEN, NAMESPACE, url=url, clock=clock, **options)


@pytest.fixture
def kv(clock: ManualClock) -> Iterator[WorkersKV]:
    with WorkersKV(clock) as kv:
        yield kv


@pytest.fixture
def opened(kv: WorkersKV, clock: ManualClock) -> Iterator[CloudflareStore]:
    with opened_at(kv.url, clock) as opened:
        opened.init()
        kv.asked.clear()
        yield opened


@pytest.fixture
def proxy(kv: WorkersKV) -> Iterator[HttpProxy]:
    with HttpProxy(kv.url) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy: HttpProxy, clock: ManualClock) -> Iterator[CloudflareStore]:
    """A store that asks through ``proxy``, and is ready."""
    with opened_at(f"{proxy.address}/client/v4", clock) as behind:
        behind.init()
        yield behind


class TestExpiry:
    def test_shortest_is_a_minute_and_less_is_an_error_that_says_so(
        self, kv: WorkersKV, opened: CloudflareStore, clock: ManualClock
    ) -> None:
        opened.write(Record("key", b"old"), ttl=MINUTE)
        for given in ({"ttl": MINUTE - TICK}, {"expiry": clock() + TICK}, {"ttl": timedelta(seconds=1)}):
            with pytest.raises(InvalidArgumentError, match="no less than 60") as raised:
                opened.write(Record("key", b"new"), **given)
            assert raised.value.key == "key"
        assert opened.read("key")[0].value == b"old"
        assert sum(call.startswith("PUT") for call in kv.asked) == 1

    def test_expiration_is_the_instant_rounded_up(
        self, kv: WorkersKV, opened: CloudflareStore, clock: ManualClock
    ) -> None:
        whole = (clock() + HOUR).replace(microsecond=0)
        opened.write(Record("whole", b""), expiry=whole)
        opened.write(Record("part", b""), expiry=whole + TICK)
        assert kv.pairs()["=whole"].expiration == int(whole.timestamp())
        assert kv.pairs()["=part"].expiration == int(whole.timestamp()) + 1

    def test_record_is_gone_at_its_instant_and_freed_at_the_second(
        self, kv: WorkersKV, opened: CloudflareStore, clock: ManualClock
    ) -> None:
        instant = clock().replace(microsecond=500_000) + HOUR
        opened.write(Record("key", b""), expiry=instant)
        clock.advance(instant - clock() - TICK)
        assert opened.list() == ["key"]
        clock.advance(TICK)
        assert opened.list() == []
        assert opened.get("key") is None
        assert list(kv.pairs()) == ["=key"]
        clock.advance(timedelta(microseconds=500_000))
        assert kv.pairs() == {}

    def test_clock_that_is_behind_cloudflare_is_an_error(
        self, kv: WorkersKV, opened: CloudflareStore, clock: ManualClock
    ) -> None:
        kv._clock = lambda: clock() + HOUR
        with pytest.raises(StorageIOError, match="at least 60 seconds in the future"):
            opened.write(Record("key", b""), ttl=2 * MINUTE)
        assert kv.pairs() == {}

    def test_metadata_that_is_newer_than_the_value_is_read_again(
        self, kv: WorkersKV, opened: CloudflareStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened.write(Record("key", b"1"), ttl=HOUR)
        ask = CloudflareStore._ask

        def write_between(self: CloudflareStore, method: str, path: str, **more: Any) -> Any:
            if path.startswith("/metadata"):
                monkeypatch.undo()
                opened.write(Record("key", b"2"), ttl=2 * HOUR)
            return ask(self, method, path, **more)

        monkeypatch.setattr(CloudflareStore, "_ask", write_between)
        assert opened.read("key") == [Record("key", b"2", 2 * HOUR)]

    @pytest.mark.parametrize("metadata", [None, {}, "text", {"trove-record-expires-at": "2100-01-01T00:00Z"}])
    def test_second_must_do_where_the_metadata_does_not_fit(
        self, kv: WorkersKV, opened: CloudflareStore, clock: ManualClock, metadata: Any
    ) -> None:
        second = int(clock().timestamp()) + 100
        kv.put("=key", Pair(b"value", second, metadata))
        left = opened.read("key")[0].expiry
        assert left is not None
        assert abs(left - timedelta(seconds=100)) <= timedelta(seconds=1)
        assert opened.list() == ["key"]

    @pytest.mark.parametrize("text", ["soon", 5, None])
    def test_damaged_instant_is_an_error(self, kv: WorkersKV, opened: CloudflareStore, text: Any) -> None:
        kv.put("=key", Pair(b"", 4_000_000_000, {"trove-record-expires-at": text or "9999"}))
        with pytest.raises(CorruptStoreError):
            opened.read("key")

    def test_expiration_later_than_any_datetime_is_not_due(
        self, kv: WorkersKV, opened: CloudflareStore
    ) -> None:
        kv.put("=key", Pair(b"value", 10**12, None))
        assert opened.list() == ["key"]
        assert opened.read("key")[0].value == b"value"


class TestPairs:
    def test_value_is_kept_as_it_is(self, kv: WorkersKV, opened: CloudflareStore) -> None:
        value = bytes(range(256)) + b"\r\n--\r\n\xff"
        for ttl in (None, HOUR):
            opened.init(namespace="n/s")
            opened.write(Record("a\0b%/é", value), ttl=ttl)
            assert opened.read("a\0b%/é")[0].value == value
            assert kv.pairs()["@n%2Fs/=a\1\1b%/é"].value == value

    def test_largest_value(self, kv: WorkersKV, opened: CloudflareStore) -> None:
        opened.write(Record("key", b"x" * MAX_VALUE))
        assert len(opened.read("key")[0].value) == MAX_VALUE
        with pytest.raises(InvalidArgumentError, match="26214400"):
            opened.write(Record("key", b"x" * (MAX_VALUE + 1)))

    def test_key_with_its_namespace_is_at_most_512_bytes(self, opened: CloudflareStore) -> None:
        opened.init(namespace="n" * 100)
        longest = "k" * (512 - len("@/=") - 100)
        opened.write(Record(longest, b""))
        assert opened.list() == [longest]
        with pytest.raises(InvalidKeyError, match="513 bytes"):
            opened.write(Record(longest + "k", b""))
        assert opened.list(prefix="k" * 600) == []

    def test_listing_follows_the_cursor(
        self, kv: WorkersKV, opened: CloudflareStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("trove.store.served.cloudflare.PAGE_KEYS", 10)
        keys = [f"key-{number:02}" for number in range(35)]
        for key in keys:
            opened.write(Record(key, b""), ttl=HOUR)
        kv.asked.clear()
        assert opened.list() == keys
        assert kv.asked == ["GET /keys"] * 4
        assert opened.list(prefix="key-3", limit=2, offset=1) == ["key-31", "key-32"]

    def test_text_is_read_in_bulk(self, kv: WorkersKV, opened: CloudflareStore) -> None:
        written = [
            Record(f"{number:03}", f"{number} \0\r\né\U0001f600".encode(), HOUR if number % 2 else None)
            for number in range(250)
        ]
        for record in written:
            opened.write(record)
        kv.asked.clear()
        assert opened.read("", prefix=True) == written
        assert kv.asked == ["GET /keys"] + ["POST /bulk/get"] * 3
        opened.delete("000")
        assert list(opened.scan()) == written[1:]

    @pytest.mark.parametrize("value", [b"\xff", "\ufeffmark".encode(), b"\xed\xa0\x80"])
    def test_what_bulk_reads_would_change_is_read_alone(
        self, kv: WorkersKV, opened: CloudflareStore, value: bytes
    ) -> None:
        written = [Record("a", b"text"), Record("b", value, HOUR), Record("c", value)]
        for record in written:
            opened.write(record)
        kv.put("=d", Pair("\ufefffrom elsewhere".encode()))
        assert list(opened.scan()) == [*written, Record("d", "\ufefffrom elsewhere".encode())]

    def test_writes_are_seen_elsewhere_later(
        self, kv: WorkersKV, opened: CloudflareStore, clock: ManualClock
    ) -> None:
        opened.write(Record("key", b"old"))
        with kv.far_away():
            opened.write(Record("key", b"new"), ttl=HOUR)
            opened.write(Record("other", b""))
            assert opened.read("key") == [Record("key", b"old")]
            assert opened.list() == ["key"]
        assert opened.read("key") == [Record("key", b"new", HOUR)]
        assert opened.list() == ["key", "other"]


class TestFailures:
    CUTS = (Fate.CUT_BEFORE, Fate.CUT_AFTER, Fate.CUT_HALF)

    @pytest.mark.parametrize("fate", CUTS)
    @pytest.mark.parametrize("of", ["/values/%3Dkey", "/metadata/%3Dkey", "/keys", "/bulk/get"])
    def test_read_is_sent_again(self, behind: CloudflareStore, proxy: HttpProxy, fate: Fate, of: str) -> None:
        behind.write(Record("key", b"value" * 1000, HOUR))
        proxy.breaks(of, fate)
        assert behind.read("key") == behind.read("k", prefix=True) == [Record("key", b"value" * 1000, HOUR)]
        assert proxy.asked >= 2

    @pytest.mark.parametrize("fate", CUTS)
    @pytest.mark.parametrize("writes", [False, True], ids=["delete", "write"])
    def test_change_that_may_have_been_done_is_not_sent_again(
        self, behind: CloudflareStore, proxy: HttpProxy, kv: WorkersKV, fate: Fate, writes: bool
    ) -> None:
        if not writes:
            behind.write(Record("key", b"value"))
        proxy.breaks("/values/%3Dkey", fate)
        with pytest.raises(BackendUnavailableError, match="whether it was done is not known") as raised:
            behind.write(Record("key", b"value")) if writes else behind.delete("key")
        assert raised.value.__cause__ is not None
        assert TOKEN not in whole_text(raised.value)
        assert proxy.asked == 1
        assert ("=key" in kv.pairs()) == (writes != (fate is Fate.CUT_BEFORE))

    def test_too_many_requests_are_sent_again_when_cloudflare_says(
        self, kv: WorkersKV, opened: CloudflareStore
    ) -> None:
        kv.busy.extend([(429, "1"), (429, "")])
        began = time.monotonic()
        opened.write(Record("key", b"value"))
        assert time.monotonic() - began > 1
        assert kv.asked == ["PUT /values/%3Dkey"] * 3
        kv.busy.append((429, "1"))
        opened.delete("key")
        assert opened.list() == []

    @pytest.mark.parametrize("wait", ["3600", "9" * 5000])
    def test_more_time_than_there_is_is_not_waited_for(
        self, kv: WorkersKV, opened: CloudflareStore, wait: str
    ) -> None:
        kv.busy.append((429, wait))
        with within(0), pytest.raises(BackendUnavailableError, match="429 Please wait"):
            opened.write(Record("key", b"value"))

    def test_busy_until_the_timeout_is_an_error(self, kv: WorkersKV, opened: CloudflareStore) -> None:
        opened.init(timeout=2)
        kv.busy.extend([(429, "")] * 100)
        with within(2), pytest.raises(BackendUnavailableError):
            opened.list()
        assert 0 < len(kv.busy) < 99
        kv.busy.clear()

    @pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520, 524, 530])
    def test_server_that_can_not_now_is_asked_again_by_reads_only(
        self, kv: WorkersKV, opened: CloudflareStore, status: int
    ) -> None:
        kv.busy.append((status, ""))
        assert opened.list() == []
        kv.busy.append((status, ""))
        with pytest.raises(BackendUnavailableError, match=f"{status} Please wait"):
            opened.write(Record("key", b"value"))
        assert kv.asked == ["GET /keys"] * 2 + ["PUT /values/%3Dkey"]

    def test_silence_ends_with_the_timeout(self, behind: CloudflareStore, proxy: HttpProxy) -> None:
        behind.init(timeout=1)
        for call in (behind.list, partial(behind.write, Record("key", b""))):
            proxy.breaks("", *[Fate.SILENCE] * 10)
            with within(1), pytest.raises(BackendUnavailableError):
                call()
            assert proxy.asked == 1

    def test_nobody_listens(self, clock: ManualClock) -> None:
        with (
            closed_port() as port,
            opened_at(f"http://127.0.0.1:{port}", clock) as opened,
            pytest.raises(BackendUnavailableError) as raised,
        ):
            opened.list()
        assert raised.value.__cause__ is not None
        assert TOKEN not in whole_text(raised.value)

    @pytest.mark.parametrize(
        ("account", "token", "namespace", "told"),
        [
            (ACCOUNT, "wrong-token", NAMESPACE, "401 Authentication error"),
            ("0", TOKEN, NAMESPACE, "404 namespace not found"),
            (ACCOUNT, TOKEN, "0", "404 namespace not found"),
        ],
    )
    def test_refusal_is_an_error_with_cloudflares_words_and_no_token(
        self, kv: WorkersKV, account: str, token: str, namespace: str, told: str
    ) -> None:
        with (
            CloudflareStore(account, token, namespace, url=kv.url) as opened,
            pytest.raises(StorageIOError, match=told) as raised,
        ):
            opened.read("key")
        assert not isinstance(raised.value, BackendUnavailableError)
        assert token not in whole_text(raised.value) + repr(pickle.loads(pickle.dumps(raised.value)))

    @pytest.mark.parametrize("tells", [False, True])
    def test_key_that_is_gone_is_no_error_to_delete(
        self, kv: WorkersKV, opened: CloudflareStore, tells: bool
    ) -> None:
        kv.tells_missing = tells
        opened.write(Record("other", b""))
        opened.delete("key")
        assert kv.asked[-1] == "DELETE /values/%3Dkey"
        opened.delete("other")
        assert opened.list() == []


class TestTogether:
    def test_threads_behind_a_cache_and_a_scope(self, opened: CloudflareStore, clock: ManualClock) -> None:
        cached = CachedStore(MemoryStore(clock=clock), opened)
        scoped = ScopedStore(cached, "a")

        def work(thread: int) -> None:
            for number in range(10):
                key = f"{thread}/{number}"
                scoped.write(Record(key, key.encode()), ttl=HOUR)
                assert scoped.read(key)[0].value == key.encode()

        together([partial(work, thread) for thread in range(8)])
        assert opened.list() == [f"a/{thread}/{number}" for thread in range(8) for number in range(10)]

    @pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
    def test_forked_process_has_connections_of_its_own(self, opened: CloudflareStore) -> None:
        opened.write(Record("key", b"0"))
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            sound = True
            for number in range(30):
                opened.write(Record("child", b"%d" % number))
                sound = sound and opened.read("child")[0].value == b"%d" % number
            os._exit(0 if sound else 1)
        for number in range(30):
            opened.write(Record("parent", b"%d" % number))
            assert opened.read("parent")[0].value == b"%d" % number
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert opened.list() == ["child", "key", "parent"]


class TestArguments:
    @pytest.mark.parametrize("value", ["", "a/b", "..", "a b", "é", None, 5, "a" * 65])
    def test_bad_ids(self, value: Any) -> None:
        with pytest.raises(InvalidArgumentError, match="account"):
            CloudflareStore(value, TOKEN, NAMESPACE)
        with pytest.raises(InvalidArgumentError, match="namespace_id"):
            CloudflareStore(ACCOUNT, TOKEN, value)

    @pytest.mark.parametrize("token", ["", "secret\n", "sécret", None, b"secret"])
    def test_bad_token_is_not_shown(self, token: Any) -> None:
        with pytest.raises(InvalidArgumentError, match="token") as raised:
            CloudflareStore(ACCOUNT, token, NAMESPACE)
        assert "cret" not in str(raised.value)

    @pytest.mark.parametrize("url", ["", "ftp://host", "http://u:p@host", "http://host/?x", 5, "a b"])
    def test_bad_url(self, url: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            CloudflareStore(ACCOUNT, TOKEN, NAMESPACE, url=url)

    @pytest.mark.parametrize(
        "url", ["http://api.cloudflare.com/client/v4", "http://10.0.0.1", "http://localhost.x"]
    )
    def test_token_is_sent_in_the_clear_to_this_machine_only(self, url: str) -> None:
        with pytest.raises(InvalidArgumentError, match="https"):
            CloudflareStore(ACCOUNT, TOKEN, NAMESPACE, url=url)
        with CloudflareStore(ACCOUNT, TOKEN, NAMESPACE) as opened, pytest.raises(InvalidArgumentError):
            opened.init(url=url)
        for near in ("http://127.0.0.1:1", "http://localhost:1/v4", "http://[::1]:1"):
            with CloudflareStore(ACCOUNT, TOKEN, NAMESPACE, url=near) as opened:
                assert opened.options["url"] == near

    def test_connections_are_kept_as_long_as_the_address_is(
        self, opened: CloudflareStore, proxy: HttpProxy
    ) -> None:
        servers = opened._asking()
        opened.init(namespace="a")
        assert opened._asking() is servers
        opened.init(url=f"{proxy.address}/client/v4")
        proxy.breaks("/keys")
        assert opened.list() == []
        assert proxy.asked == 1

    def test_namespace_of_records_is_not_that_of_cloudflare(self) -> None:
        with CloudflareStore(ACCOUNT, TOKEN, NAMESPACE, namespace="own") as opened:
            assert opened.options["namespace"] == "own"
            assert opened.options["url"] == "https://api.cloudflare.com/client/v4"
            assert TOKEN not in repr(opened.options)
        with pytest.raises(UnsupportedOptionError, match="nodes"):
            CloudflareStore(ACCOUNT, TOKEN, NAMESPACE, nodes=["host"])

    def test_dsn(self, kv: WorkersKV) -> None:
        with store.open(
            f"cloudflare://{ACCOUNT}:{TOKEN}@{NAMESPACE}?url={kv.url}&namespace=a&timeout=3"
        ) as opened:
            opened.write(Record("key", b""))
            assert opened.options["timeout"] == 3
        assert list(kv.pairs()) == ["@a/=key"]

    @pytest.mark.parametrize(
        "dsn",
        ["cloudflare://", "cloudflare://a@b", "cloudflare://a:b@", "cloudflare://a:b@c/d", "cloudflare://c"],
    )
    def test_bad_dsn(self, dsn: str) -> None:
        with pytest.raises(InvalidDSNError):
            store.open(dsn)
