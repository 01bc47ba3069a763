"""EtcdStore: users of etcd, their tokens and what they may do."""

from __future__ import annotations

import pickle
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from harness.error_text import whole_text
from harness.etcd_server import EtcdServer
from harness.http_proxy import HttpProxy
from harness.in_time import within
from harness.proxy import Fate

from trove.errors import BackendUnavailableError, StorageIOError
from trove.store import EtcdStore, Record
from trove.testing.suite.threads import together

HOUR = timedelta(hours=1)
NOON = datetime(2100, 1, 1, 12, tzinfo=UTC)


PASSWORDS = {"ann": "secret-of-ann", "bob": "secret-of-bob", "eve": "lease", "kim": "e"}
"""Of users that each have a root of records of their own; those of eve and kim are in the words of etcd."""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """An etcd whose users are root, and those with PASSWORDS."""
    with EtcdServer(tmp_path_factory.mktemp("guarded")) as server:
        server.call("auth/user/add", name="root", password="of-all")
        server.call("auth/role/add", name="root")
        server.call("auth/user/grant", user="root", role="root")
        for name, password in PASSWORDS.items():
            server.call("auth/user/add", name=name, password=password)
            server.call("auth/role/add", name=name)
            server.call("auth/user/grant", user=name, role=name)
            first, end = (f"{name}{sign}".encode() for sign in "/0")
            key = {"key": b64encode(first).decode(), "range_end": b64encode(end).decode()}
            server.call("auth/role/grant", name=name, perm={"permType": "READWRITE", **key})
        server.call("auth/enable")
        yield server


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
            opened._asking()._token = "old.1"
            assert opened.read("key")[0].value == b"value"
            opened._asking()._token = "old.2"
            together([partial(opened.write, Record("key", b"%d" % number)) for number in range(8)])
            opened.delete("key")

    def test_token_is_kept_as_long_as_the_servers_are(self, guarded: EtcdServer) -> None:
        with (
            HttpProxy(guarded.address) as proxy,
            EtcdStore(proxy.address, user="ann", password="secret-of-ann", root="ann/") as opened,
        ):
            proxy.breaks("/authenticate")
            for namespace in ("a", "b"):
                opened.init(namespace=namespace)
            assert proxy.asked == 1
            opened.init(timeout=5)
            opened.init(nodes=[guarded.address])
            assert proxy.asked == 2
            assert opened.list() == []

    @pytest.mark.parametrize("user", ["eve", "kim"])
    def test_password_that_is_in_what_etcd_says_changes_nothing(self, guarded: EtcdServer, user: str) -> None:
        with EtcdStore(guarded.address, user=user, password=PASSWORDS[user], root=f"{user}/") as opened:
            for key in ("a", "b"):
                opened.write(Record(key, b"value"), expiry=NOON)
            assert opened.list() == ["a", "b"]
            first, end = opened._range((), "")
            found = opened._asking().call("/v3/kv/range", {"key": first, "range_end": end}, again=True)
            assert len({each["lease"] for each in found["kvs"]}) == 1

    @pytest.mark.parametrize(("user", "hidden"), [("eve", True), ("kim", False)])
    def test_password_is_hidden_in_what_etcd_says_but_a_letter(
        self, guarded: EtcdServer, user: str, hidden: bool
    ) -> None:
        with EtcdStore(guarded.address, user=user, password=PASSWORDS[user], root=f"{user}/") as opened:
            opened.init()
            lease = 1000 + hidden
            opened._grant(lease, 60, opened._asking().deadline())
            with pytest.raises(StorageIOError, match="already exists") as raised:
                opened._asking().call("/v3/lease/grant", {"ID": str(lease), "TTL": "60"}, again=True)
            assert ("***" in str(raised.value)) == hidden

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
        shown = whole_text(raised.value) + repr(pickle.loads(pickle.dumps(raised.value)))
        assert "secret-of" not in shown
        assert "wrong-password" not in shown

    def test_password_where_etcd_knows_no_users(self, etcd: EtcdServer, root: str) -> None:
        with EtcdStore(etcd.address, user="ann", password="secret", root=root) as opened:
            assert opened.list() == []

    def test_server_that_knows_no_users_is_asked_for_a_token_once(self, etcd: EtcdServer, root: str) -> None:
        with (
            HttpProxy(etcd.address) as proxy,
            EtcdStore(proxy.address, user="ann", password="secret", root=root) as opened,
        ):
            proxy.breaks("/authenticate")
            for _ in range(3):
                opened.list()
            assert proxy.asked == 1

    def test_users_that_are_switched_on_later_get_a_token(self, tmp_path: Path) -> None:
        with (
            EtcdServer(tmp_path) as server,
            EtcdStore(server.address, user="root", password="of-all") as opened,
        ):
            opened.write(Record("key", b"value"))
            server.call("auth/user/add", name="root", password="of-all")
            server.call("auth/role/add", name="root")
            server.call("auth/user/grant", user="root", role="root")
            server.call("auth/enable")
            assert opened.read("key")[0].value == b"value"

    def test_threads_that_wait_for_a_token_wait_no_longer_than_the_timeout(self, guarded: EtcdServer) -> None:
        with (
            HttpProxy(guarded.address) as proxy,
            EtcdStore(proxy.address, user="ann", password="secret-of-ann", root="ann/", timeout=1) as opened,
        ):
            opened.init()
            opened._asking()._token = None
            proxy.breaks("/authenticate", *[Fate.SILENCE] * 100)

            def read() -> None:
                # One after the other they would take sixteen seconds.
                with within(1), pytest.raises(BackendUnavailableError):
                    opened.list()

            together([read] * 16)

    def test_password_is_no_option_and_in_no_error(self) -> None:
        with EtcdStore("127.0.0.1:1", user="ann", password="hidden-word") as opened:
            assert "hidden-word" not in repr(opened.options) + repr(opened)
            with pytest.raises(BackendUnavailableError) as raised:
                opened.list()
        assert "hidden-word" not in whole_text(raised.value)
