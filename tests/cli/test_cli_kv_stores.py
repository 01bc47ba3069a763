"""`trove kv` on stores of records, which have no buckets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from trove import store
from trove.drivers.memory import MemoryDriver
from trove.store import DriverStore, Record, Store, registry

DSN = "records://user:secret@host"


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> Iterator[DriverStore]:
    """What a store of records with a scheme of its own holds."""
    opened: list[Store] = []

    def factory(dsn: str, **options: Any) -> Store:
        opened.append(DriverStore(driver, **options))
        return opened[-1]

    monkeypatch.setattr(registry._schemes, "_factories", dict(registry._schemes._factories))
    with MemoryDriver() as driver:
        driver.open("mem://")
        store.register("records", factory)
        yield DriverStore(driver)
        assert all(each._closed for each in opened)


def test_put_keeps_a_record(run: Any, records: DriverStore) -> None:
    run("kv", "put", f"{DSN}#a/key", "value", "--ttl", "1h")
    (record,) = records.read("a/key")
    assert record.value == b"value"
    assert record.expiry is not None
    assert record.expiry <= timedelta(hours=1)


def test_get_and_ls(run: Any, records: DriverStore) -> None:
    for key in ("a/1", "a/2", "b"):
        records.write(Record(key, key.encode()))
    records.init(namespace="n")
    records.write(Record("a/3", b"other"))
    assert run("kv", "get", f"{DSN}#a/1").stdout == "a/1"
    assert run("kv", "get", f"{DSN}#a/3", "--namespace", "n").stdout == "other"
    assert run("kv", "ls", DSN).stdout == "a/1\na/2\nb\n"
    assert run("kv", "ls", f"{DSN}#a/", "--suffix", "2").stdout == "a/2\n"
    assert run("kv", "ls", f"{DSN}?namespace=n").stdout == "a/3\n"


def test_ls_takes_all_of_the_store_that_the_environment_names(
    run: Any, records: DriverStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.write(Record("a", b""))
    monkeypatch.setenv("TROVE_DSN", DSN)
    assert run("kv", "ls").stdout == "a\n"
    assert run("kv", "ls", "b").stdout == ""
    monkeypatch.setenv("TROVE_DSN", "mem://")
    assert "names no bucket" in run("kv", "ls", code=2).stderr
    monkeypatch.delenv("TROVE_DSN")
    assert "no store is named" in run("kv", "ls", code=2).stderr


def test_del_takes_many_of_one_store(run: Any, records: DriverStore) -> None:
    for key in ("a", "b", "c"):
        records.write(Record(key, b""))
    run("kv", "del", f"{DSN}#a", f"{DSN}#b")
    assert records.list() == ["c"]


def test_store_of_the_environment(run: Any, records: DriverStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TROVE_DSN", DSN)
    run("kv", "put", "a/key", "value")
    assert records.list() == ["a/key"]
    assert run("kv", "ls", "a/").stdout == "a/key\n"


def test_missing_record_and_missing_key(run: Any, only_line: Any, records: DriverStore) -> None:
    assert "record 'x'" in only_line(run("kv", "get", f"{DSN}#x", code=3).stderr)
    for verb in (["get", DSN], ["put", DSN, "value"], ["del", DSN]):
        line = only_line(run("kv", *verb, code=2).stderr)
        assert "no key" in line
        assert "secret" not in line


def test_namespace_that_is_given_twice_is_refused(run: Any, records: DriverStore) -> None:
    assert "--namespace" in run("kv", "ls", f"{DSN}?namespace=a", "--namespace", "b", code=2).stderr


def test_time_to_live_of_nothing_is_refused(run: Any, records: DriverStore) -> None:
    assert "'0h0s' is no time at all" in run("kv", "put", f"{DSN}#k", "v", "--ttl", "0h0s", code=2).stderr


def test_unknown_scheme_is_told_before_what_is_missing_behind_it(run: Any) -> None:
    said = run("kv", "get", "redis://x#key", code=2).stderr
    assert "the stores are" in said
    assert "the drivers" in said
