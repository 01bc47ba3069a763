"""EtcdStore: what becomes of a call when connections break, or etcd is not there."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import urllib3
from harness.etcd_server import EtcdServer
from harness.http_proxy import HttpProxy
from harness.in_time import within
from harness.proxy import Fate
from harness.servers import closed_port

from trove.errors import BackendUnavailableError, StorageFullError, StorageIOError
from trove.store import CachedStore, EtcdStore, MemoryStore, Record
from trove.store.served import http

HOUR = timedelta(hours=1)


@pytest.fixture
def proxy(etcd: EtcdServer) -> Iterator[HttpProxy]:
    with HttpProxy(etcd.address) as proxy:
        yield proxy


@pytest.fixture
def behind(proxy: HttpProxy, root: str) -> Iterator[EtcdStore]:
    """A store that asks through ``proxy``, and is ready."""
    with EtcdStore(proxy.address, root=root) as behind:
        behind.init()
        yield behind


class TestBrokenConnections:
    CUTS = (Fate.CUT_BEFORE, Fate.CUT_AFTER, Fate.CUT_HALF)

    @pytest.mark.parametrize("fate", CUTS)
    def test_read_is_sent_again(self, behind: EtcdStore, proxy: HttpProxy, fate: Fate) -> None:
        behind.write(Record("key", b"value" * 100))
        proxy.breaks("/range", fate, fate)
        assert behind.read("key")[0].value == b"value" * 100
        assert proxy.asked == 3

    @pytest.mark.parametrize("fate", CUTS)
    def test_grant_of_a_lease_is_sent_again(self, behind: EtcdStore, proxy: HttpProxy, fate: Fate) -> None:
        proxy.breaks("/grant", fate)
        behind.write(Record("key", b"value"), ttl=HOUR)
        assert proxy.asked == 2
        assert behind.read("key")[0].value == b"value"

    @pytest.mark.parametrize("fate", CUTS)
    def test_write_that_may_have_been_done_is_not_sent_again(
        self, behind: EtcdStore, proxy: HttpProxy, fate: Fate
    ) -> None:
        proxy.breaks("/put", fate)
        with pytest.raises(BackendUnavailableError, match="whether it was done is not known") as raised:
            behind.write(Record("key", b"value"))
        assert raised.value.__cause__ is not None
        assert proxy.asked == 1
        assert ("key" in behind) == (fate is not Fate.CUT_BEFORE)

    @pytest.mark.parametrize("fate", CUTS)
    def test_delete_that_may_have_been_done_is_not_sent_again(
        self, behind: EtcdStore, proxy: HttpProxy, fate: Fate
    ) -> None:
        behind.write(Record("key", b"value"))
        proxy.breaks("/deleterange", fate)
        with pytest.raises(BackendUnavailableError):
            behind.delete("key")
        assert proxy.asked == 1
        assert ("key" in behind) == (fate is Fate.CUT_BEFORE)

    def test_what_breaks_each_time_is_an_error_with_its_cause(
        self, behind: EtcdStore, proxy: HttpProxy
    ) -> None:
        proxy.breaks("/range", *[Fate.CUT_BEFORE] * 10)
        with pytest.raises(BackendUnavailableError) as raised:
            behind.list()
        assert isinstance(raised.value.__cause__, urllib3.exceptions.HTTPError)
        assert proxy.asked == http.TRIES

    @pytest.mark.parametrize("writes", [False, True], ids=["read", "write"])
    def test_silence_ends_with_the_timeout(self, behind: EtcdStore, proxy: HttpProxy, writes: bool) -> None:
        behind.init(timeout=1)
        proxy.breaks("", *[Fate.SILENCE] * 10)
        began = time.monotonic()
        with within(1), pytest.raises(BackendUnavailableError) as raised:
            behind.write(Record("key", b""), ttl=HOUR) if writes else behind.list()
        assert time.monotonic() - began > 0.9
        assert proxy.asked == 1
        assert raised.value.__cause__ is not None

    @pytest.mark.parametrize("fate", [Fate.DRIP, Fate.DRIP_HEAD, Fate.STALL])
    def test_answer_that_is_slow_ends_with_the_timeout(
        self, behind: EtcdStore, proxy: HttpProxy, fate: Fate
    ) -> None:
        behind.write(Record("key", b"value"))
        behind.init(timeout=2)
        for call in (behind.list, partial(behind.write, Record("key", b""))):
            proxy.breaks("", *[fate] * 10)
            with within(2), pytest.raises(BackendUnavailableError) as raised:
                call()
            if fate is not Fate.DRIP_HEAD:
                assert isinstance(raised.value.__cause__, TimeoutError)

    def test_name_that_is_looked_up_for_long_ends_with_the_timeout(
        self, etcd: EtcdServer, root: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look_up, over = socket.getaddrinfo, threading.Event()

        def look_up_slowly(host: str, *more: Any) -> Any:
            if host == "slow.example":
                over.wait(30)
            return look_up("127.0.0.1", *more)

        monkeypatch.setattr(socket, "getaddrinfo", look_up_slowly)
        try:
            with EtcdStore("slow.example:2379", timeout=1) as opened:
                with within(1), pytest.raises(BackendUnavailableError) as raised:
                    opened.write(Record("key", b""))
                assert "try later" in str(raised.value)
            with EtcdStore(["slow.example:2379", etcd.address], root=root, timeout=2) as opened:
                assert opened.list() == []
        finally:
            over.set()

    @pytest.mark.parametrize("fate", [Fate.CUT_BEFORE, Fate.CUT_HALF, Fate.SILENCE])
    def test_call_that_failed_leaves_nothing_to_the_garbage_collector(
        self, behind: EtcdStore, proxy: HttpProxy, fate: Fate
    ) -> None:
        behind.init(timeout=1)
        gc.collect()
        gc.disable()
        try:
            for call in (behind.list, partial(behind.write, Record("key", b"value" * 1000))):
                proxy.breaks("", *[fate] * 10)
                with suppress(BackendUnavailableError):
                    call()
            left = [each for each in gc.get_objects() if isinstance(each, urllib3.exceptions.HTTPError)]
            assert left == []
        finally:
            gc.enable()

    def test_silent_server_leaves_time_for_the_next_one_and_is_not_asked_first_again(
        self, etcd: EtcdServer, proxy: HttpProxy, root: str
    ) -> None:
        proxy.breaks("", *[Fate.SILENCE] * 10)
        with EtcdStore([proxy.address, etcd.address], root=root, timeout=4) as opened:
            assert opened.list() == []
            opened.write(Record("key", b"value"), ttl=HOUR)
            assert opened.list() == ["key"]
        assert proxy.asked == 1

    def test_cache_in_front_has_nothing_that_may_not_have_been_written(
        self, behind: EtcdStore, proxy: HttpProxy
    ) -> None:
        with CachedStore(MemoryStore(), behind) as cached:
            cached.write(Record("key", b"old"))
            proxy.breaks("/put", Fate.CUT_AFTER)
            with pytest.raises(BackendUnavailableError):
                cached.write(Record("key", b"new"))
            assert cached.read("key")[0].value == b"new"


class TestServersThatAreNotThere:
    def test_nobody_listens(self) -> None:
        with (
            closed_port() as port,
            EtcdStore(f"127.0.0.1:{port}") as opened,
            within(0),
            pytest.raises(BackendUnavailableError, match=r"^etcd at http://") as raised,
        ):
            opened.write(Record("key", b""))
        assert isinstance(raised.value.__cause__, urllib3.exceptions.HTTPError)
        assert isinstance(raised.value, OSError)

    def test_first_node_is_dead(self, etcd: EtcdServer, root: str) -> None:
        with closed_port() as port:
            dead = f"127.0.0.1:{port}"
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

    def test_server_that_is_no_etcd_is_an_error(self, proxy: HttpProxy) -> None:
        with EtcdStore(proxy.address) as opened:
            proxy._answer = lambda request: b"HTTP/1.0 200 OK\r\n\r\n<html>"  # type: ignore[method-assign]
            with pytest.raises(StorageIOError, match="no JSON"):
                opened.list()

    def test_server_that_comes_back_is_asked_again(self, tmp_path: Path) -> None:
        with EtcdServer(tmp_path) as server, EtcdStore(server.address, timeout=5) as opened:
            opened.write(Record("key", b"value"), ttl=HOUR)
            server.stop()
            with pytest.raises(BackendUnavailableError):
                opened.read("key")
            server.start()
            opened.write(Record("other", b""))
            assert opened.read("key")[0].value == b"value"
            assert opened.list() == ["key", "other"]


def test_etcd_without_room_is_an_error_that_says_so(tmp_path: Path) -> None:
    with (
        EtcdServer(tmp_path, f"--quota-backend-bytes={4 << 20}") as server,
        EtcdStore(server.address) as store,
    ):

        def fill() -> None:
            for number in range(100):
                store.write(Record(f"{number}", bytes(200_000)), ttl=HOUR)

        with pytest.raises(StorageFullError, match="space exceeded; compact it"):
            fill()
        assert "0" in store
        store.delete("0")
