"""Stores of servers that answer what they should not: typed errors, no end that never comes, no secret."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from trove.errors import StorageIOError
from trove.store import CloudflareStore, EtcdStore, Record, Store
from trove.store.served.answer import Answer
from trove.store.served.etcd_gateway import EtcdGateway
from trove.testing import ManualClock

TOKEN = "s3cr3t-token-of-tests"
CALLS: dict[str, Callable[[Store], object]] = {
    "get": lambda store: store.get("a"),
    "read prefix": lambda store: store.read("a", prefix=True),
    "write": lambda store: store.write(Record("a", b"x")),
    "delete": lambda store: store.delete("a"),
    "list": lambda store: store.list(),
}


class Servers:
    """Answers everything with one body, when it is told to."""

    def __init__(self, body: Any, **headers: str) -> None:
        self._body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._headers = headers
        self.asked = 0

    def ask(self, *args: Any, **options: Any) -> Answer:
        self.asked += 1
        assert self.asked < 50
        return Answer(200, self._headers, self._body)

    def said(self, answer: Answer) -> str:
        return f"{answer.status} {answer.error()[1]}"

    def deadline(self) -> float:
        return 1e9

    def close(self) -> None:
        pass


NO_JSON = [b"<html>" + TOKEN.encode(), b"[" * 100_000, b"[]", b"5", b""]


def cloudflare(servers: Servers) -> CloudflareStore:
    store = CloudflareStore("account", TOKEN, "namespace", clock=ManualClock())
    store._reached = servers  # type: ignore[assignment]
    store._ready = True
    return store


@pytest.mark.parametrize("call", [call for call in CALLS if call != "get"])
@pytest.mark.parametrize(
    "body",
    [
        {"success": False, "errors": [{"code": 1, "message": "no"}]},
        {},
        b"<html>" + TOKEN.encode(),
        b"[" * 100_000,
    ],
    ids=["refused", "no word of success", "html", "deep"],
)
def test_cloudflare_did_only_what_it_says_that_it_did(call: str, body: Any) -> None:
    with cloudflare(Servers(body)) as store, pytest.raises(StorageIOError) as caught:
        CALLS[call](store)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "result",
    [None, 5, [{}], [{"name": 5}], [{"name": "=a", "expiration": "soon"}], "text"],
    ids=str,
)
def test_cloudflare_lists_what_is_no_listing(result: Any) -> None:
    with cloudflare(Servers({"success": True, "result": result})) as store, pytest.raises(StorageIOError):
        store.list()


def test_cloudflare_gives_the_same_cursor_for_ever() -> None:
    body = {"success": True, "result": [{"name": "=a"}], "result_info": {"cursor": "again"}}
    servers = Servers(body)
    with cloudflare(servers) as store, pytest.raises(StorageIOError, match="cursor"):
        store.list()
    assert servers.asked == 2


@pytest.mark.parametrize("expiration", ["soon", "", "1e400"])
def test_cloudflare_tells_an_expiration_that_is_no_number(expiration: str) -> None:
    servers = Servers({"success": True, "result": {}}, expiration=expiration)
    with cloudflare(servers) as store, pytest.raises(StorageIOError):
        store.get("a")


KEY = b64encode(b"trove/records/=a").decode()
HEADER = {"revision": "1"}
FOREIGN = str((1 << 63) - 1)
"""A lease that is of no store of records."""


def etcd(servers: Any, user: str = "") -> EtcdStore:
    store = EtcdStore("host", clock=ManualClock())
    store._reached = EtcdGateway(servers, user, TOKEN)
    store._ready = True
    return store


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("body", NO_JSON, ids=["html", "deep", "list", "number", "nothing"])
def test_etcd_answers_what_is_no_object_of_json(call: str, body: bytes) -> None:
    with etcd(Servers(body)) as store, pytest.raises(StorageIOError) as caught:
        CALLS[call](store)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("call", CALLS)
def test_etcd_issues_no_token(call: str) -> None:
    with etcd(Servers({}), user="ann") as store, pytest.raises(StorageIOError, match="etcd"):
        CALLS[call](store)


@pytest.mark.parametrize(
    "body",
    [
        *({"kvs": 5}, {"kvs": [5]}, {"kvs": [{"value": 5}]}, {"kvs": [{"value": "a"}]}),
        *({"kvs": [{"lease": "soon"}]}, {"kvs": [{"lease": FOREIGN}], "TTL": "soon"}),
        *({"kvs": [{"lease": FOREIGN}], "TTL": 10**12}, {"kvs": [{"lease": 1e999}]}),
    ],
    ids=str,
)
def test_etcd_gives_what_is_no_record(body: Any) -> None:
    with etcd(Servers(body)) as store, pytest.raises(StorageIOError, match="etcd"):
        store.get("a")


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"header": HEADER, "kvs": 5}, {"header": HEADER, "kvs": [5]}, {"header": HEADER, "kvs": [{}]}),
        *({"header": HEADER, "kvs": [{"key": 5}]}, {"header": HEADER, "kvs": [], "more": True}),
        *({"header": 5, "kvs": []}, {"header": HEADER, "kvs": [{"key": KEY, "lease": "soon"}]}),
    ],
    ids=str,
)
def test_etcd_lists_what_is_no_listing(body: Any) -> None:
    with etcd(Servers(body)) as store, pytest.raises(StorageIOError, match="etcd"):
        store.list()


@pytest.mark.parametrize("responses", [None, 5, [], [{}], [{"response_range": {}}] * 2], ids=str)
def test_etcd_does_not_give_the_records_that_it_lists(responses: Any) -> None:
    servers = Servers({"header": HEADER, "kvs": [{"key": KEY}], "responses": responses})
    with etcd(servers) as store, pytest.raises(StorageIOError, match="etcd"):
        store.read("a", prefix=True)


def test_etcd_gives_the_same_keys_for_ever() -> None:
    servers = Servers({"header": HEADER, "kvs": [{"key": KEY}], "more": True})
    with etcd(servers) as store, pytest.raises(StorageIOError, match="the same keys twice"):
        store.list()
    assert servers.asked == 2


@pytest.mark.parametrize("ttl", ["soon", None, [], 1e999], ids=str)
def test_etcd_tells_no_time_left_of_a_lease_that_is_there(ttl: Any) -> None:
    class Refusing(Servers):
        def ask(self, method: str, path: str, **options: Any) -> Answer:
            if path.endswith("/grant"):
                return Answer(400, {}, json.dumps({"message": "lease already exists", "code": 9}).encode())
            return super().ask(method, path, **options)

    with etcd(Refusing({"TTL": ttl})) as store, pytest.raises(StorageIOError, match="etcd"):
        store.write(Record("a", b""), ttl=timedelta(minutes=1))


def test_lease_of_another_program_is_asked_about_once_for_all_its_keys() -> None:
    keys = [f"{number:02}" for number in range(50)]
    kvs = [{"key": b64encode(f"trove/records/={key}".encode()).decode(), "lease": FOREIGN} for key in keys]
    responses = [{"response_range": {"kvs": [each]}} for each in kvs]
    servers = Servers({"TTL": "60", "responses": responses})
    with etcd(servers) as store:
        found = [*store._load_many((), keys)]
    assert all(each is not None and each.expires_at is not None for each in found)
    assert servers.asked == 2
