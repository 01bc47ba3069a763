"""`trove kv`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from trove.driver import Driver
from trove.store import DriverStore, Record


@pytest.fixture
def records(store: Driver) -> DriverStore:
    return DriverStore(store, bucket="b")


def test_put_and_get(run: Any, records: DriverStore) -> None:
    assert run("kv", "put", "b/a key", "välue").stdout == ""
    assert records.read("a key") == [Record("a key", "välue".encode())]
    assert run("kv", "get", "b/a key").stdout_bytes == "välue".encode()


def test_put_makes_the_bucket(run: Any, store: Driver) -> None:
    run("kv", "put", "new/key", "value")
    assert run("kv", "get", "new/key").stdout == "value"


def test_put_standard_input(run: Any, records: DriverStore) -> None:
    value = bytes(range(256)) * 5000
    run("kv", "put", "b/key", "-", input=value)
    assert records.read("key")[0].value == value
    assert run("kv", "get", "b/key").stdout_bytes == value


def test_put_with_a_time_to_live(run: Any, records: DriverStore) -> None:
    run("kv", "put", "b/key", "value", "--ttl", "1h30m")
    left = records.read("key")[0].expiry
    assert left is not None
    assert timedelta(hours=1) < left <= timedelta(minutes=90)


@pytest.mark.parametrize("ttl", ["0s", "-1s", "soon", "", "1"])
def test_bad_time_to_live_is_refused(run: Any, only_line: Any, records: DriverStore, ttl: str) -> None:
    only_line(run("kv", "put", "b/key", "value", "--ttl", ttl, code=2).stderr)
    assert records.list() == []


def test_get_of_what_is_missing(run: Any, only_line: Any, records: DriverStore) -> None:
    said = only_line(run("kv", "get", "b/key", code=3).stderr)
    assert said == "record 'key' does not exist, or has expired; 'trove kv ls' shows those that do"


def test_delete(run: Any, records: DriverStore) -> None:
    for key in ("a", "b", "c"):
        records.write(Record(key, b""))
    run("kv", "del", "b/a", "b/c", "b/missing")
    assert records.list() == ["b"]


def test_ls(run: Any, records: DriverStore) -> None:
    for key in ("user-1", "user-2", "user-12", "other"):
        records.write(Record(key, b""))
    assert run("kv", "ls", "b").stdout.split() == ["other", "user-1", "user-12", "user-2"]
    assert run("kv", "ls", "b/user-").stdout.split() == ["user-1", "user-12", "user-2"]
    assert run("kv", "ls", "b/user-", "--suffix", "2").stdout.split() == ["user-12", "user-2"]
    assert run("kv", "ls", "b", "--limit", "1", "--offset", "2").stdout.split() == ["user-12"]
    run("kv", "ls", "b", "--limit", "-1", code=2)


def test_namespaces_are_apart(run: Any, records: DriverStore) -> None:
    run("kv", "put", "b/key", "a", "--namespace", "a")
    assert run("kv", "ls", "b").stdout == ""
    assert run("kv", "ls", "b", "--namespace", "a").stdout == "key\n"
    assert run("kv", "get", "b/key", "--namespace", "a").stdout == "a"
    run("kv", "del", "b/key", "--namespace", "ab")
    assert run("kv", "ls", "b", "--namespace", "a").stdout == "key\n"
    run("kv", "del", "b/key", "--namespace", "a")
    assert run("kv", "ls", "b", "--namespace", "a").stdout == ""


@pytest.mark.parametrize("verb", ["get", "del", "ls"])
def test_verbs_that_do_not_put_make_no_bucket(run: Any, store: Driver, verb: str) -> None:
    run("kv", verb, "missing/key", code=3)
    assert [bucket.name for bucket in store.list_buckets()] == ["b"]
