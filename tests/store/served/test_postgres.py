"""PostgresStore: what stands in its table, what a listing costs, and what is deleted when."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from harness.in_time import within
from harness.servers import wait_for
from harness.statements import count_statements

from trove.errors import InvalidKeyError
from trove.store import PostgresStore, Record, ScopedStore, Store
from trove.store.served import postgres as module
from trove.testing import ManualClock
from trove.testing.suite.threads import PATIENCE

if TYPE_CHECKING:
    from harness.postgres_server import PostgresServer

HOUR = timedelta(hours=1)


@pytest.fixture
def store(postgres: PostgresServer, table: str, clock: ManualClock) -> Iterator[PostgresStore]:
    with PostgresStore(postgres.dsn, table=table, clock=clock) as store:
        store.init()
        yield store


# Records.


def test_value_of_a_megabyte(store: PostgresStore) -> None:
    value = bytes(range(256)) * 4096
    store.write(Record("key", value))
    assert store.read("key")[0].value == value


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Lima"])
def test_instants_at_both_ends_of_the_calendar(postgres: PostgresServer, table: str, zone: str) -> None:
    last, first = (instant.replace(tzinfo=UTC) for instant in (datetime.max, datetime.min))
    with PostgresStore(f"{postgres.dsn}?options=-ctimezone%3D{zone}", table=table) as store:
        store.write(Record("last", b""), expiry=last)
        store.write(Record("first", b""), expiry=first)
        assert store._load_many((), ["first", "last"]) == [(b"", first), (b"", last)]
        assert store.list() == ["last"]


@pytest.mark.parametrize("instant", ["infinity", "10000-01-01 UTC", "290000-01-01 UTC"])
def test_instant_that_is_later_than_any_datetime_never_comes(
    postgres: PostgresServer, store: PostgresStore, table: str, instant: str
) -> None:
    store.init()
    postgres.execute(f"INSERT INTO {table} VALUES ('=', 'key', 'value', '{instant}')")
    store.write(Record("other", b""))
    for found in (store.read("key"), store.read("k", prefix=True)):
        assert found == [Record("key", b"value")]
    assert store.list() == ["key", "other"]


@pytest.mark.parametrize("instant", ["-infinity", "4000-01-01 BC"])
def test_instant_that_is_earlier_than_any_datetime_has_come(
    postgres: PostgresServer, store: PostgresStore, table: str, instant: str
) -> None:
    store.init()
    postgres.execute(f"INSERT INTO {table} VALUES ('=', 'key', 'value', '{instant}')")
    assert store.read("k", prefix=True) == []
    assert store.list() == []
    assert store.get("key") is None


def test_namespaces_in_one_another_that_no_index_takes_are_refused_before_any_call(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = random.Random(5)
    store.init(namespace="n" * 128)
    nested: Store = store
    for _ in range(16):
        nested = ScopedStore(nested, "a", namespace=noise.randbytes(64).hex())
    counts = count_statements(store, monkeypatch)
    longest = noise.randbytes(256).hex()[: 2600 - 17 * 130 - len("=") - 16 * len("a/")]
    with pytest.raises(InvalidKeyError):
        nested.write(Record(longest + "k", b""))
    assert not counts
    nested.write(Record(longest, b""))
    assert nested.list() == [longest]


def test_short_key_in_namespaces_that_no_index_takes_is_refused_before_any_call(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    nested: Store = store
    for _ in range(31):
        nested = ScopedStore(nested, "a", namespace="n" * 128)
    nested.init()
    counts = count_statements(store, monkeypatch)
    for call in (
        lambda: nested.write(Record("k", b"")),
        lambda: nested.read("k"),
        lambda: nested.delete("k"),
    ):
        with pytest.raises(InvalidKeyError):
            call()
    assert not counts


# What reading costs.


def test_reading_by_prefix_takes_a_statement_a_page(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(250):
        store.write(Record(f"key-{number:03}", b"%d" % number))
    counts = count_statements(store, monkeypatch)
    assert [record.value for record in store.read("key-", prefix=True)] == [b"%d" % n for n in range(250)]
    assert counts == {"SELECT": 1 + 3}
    counts.clear()
    assert len(store.read("key-", prefix=True, limit=50)) == 50
    assert counts == {"SELECT": 2}


def test_a_listing_holds_a_page_of_keys(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_KEYS", 10)
    keys = [f"key-{number:02}" for number in range(25)]
    for key in keys:
        store.write(Record(key, b""))
    counts = count_statements(store, monkeypatch)
    assert store.list() == keys
    assert counts == {"SELECT": 3}
    counts.clear()
    assert store.list(limit=5, offset=3) == keys[3:8]
    assert counts == {"SELECT": 1}


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)


def test_listing_and_freeing_among_many_rows_go_by_their_indexes(
    postgres: PostgresServer, store: PostgresStore, table: str, clock: ManualClock
) -> None:
    postgres.execute(f"""
        INSERT INTO {table} SELECT '=', convert_to('key-' || n, 'UTF8'), 'value',
            CASE WHEN n % 100 = 0 THEN now() - interval '1 h' WHEN n % 2 = 0 THEN now() + interval '1 h' END
        FROM generate_series(1, 100000) n
    """)
    postgres.execute(f"ANALYZE {table}")
    for statement, values, most_read in (
        (module.KEYS, (b"=", b"key-777", b"key-778", 1, b"1", clock(), 1000), 111),
        (module.FREE, (clock(), clock(), 500), 1100),
    ):
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.format(table=table)}"
        with psycopg.connect(postgres.dsn) as connection:
            (answer,) = connection.execute(explain.encode(), values).fetchall()
            connection.rollback()
        nodes = list(nodes_of(answer[0][0]["Plan"]))
        assert not [node for node in nodes if node["Node Type"] == "Seq Scan"], json.dumps(answer, indent=1)
        read = max(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in nodes)
        assert read <= most_read


# What has expired.


def rows_in(postgres: PostgresServer, table: str) -> list[str]:
    return [key.decode() for (key,) in postgres.execute(f"SELECT key FROM {table} ORDER BY key")]


def test_what_has_expired_is_deleted_by_init_and_beside_a_write(
    postgres: PostgresServer, store: PostgresStore, table: str, clock: ManualClock
) -> None:
    for key, ttl in (("due", -HOUR), ("later", HOUR)):
        store.write(Record(key, b""), expiry=clock() + ttl)
    store.write(Record("never", b""))
    assert rows_in(postgres, table) == ["due", "later", "never"]
    store.init()
    assert rows_in(postgres, table) == ["later", "never"]
    store.write(Record("due", b""), expiry=clock() - HOUR)
    assert rows_in(postgres, table) == ["due", "later", "never"]
    store._free_at = 0  # as if a minute had passed
    store.write(Record("never", b""))
    assert rows_in(postgres, table) == ["later", "never"]


def test_many_that_have_expired_are_deleted_in_bites_one_after_the_other(
    postgres: PostgresServer, table: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FREED_AT_ONCE", 10)
    with PostgresStore(postgres.dsn, table=table, clock=clock, namespace="other") as store:
        for number in range(25):
            store.write(Record(f"due-{number}", b""), expiry=clock() - HOUR)
    with PostgresStore(postgres.dsn, table=table, clock=clock) as store:
        left = []
        for _ in range(3):
            store.write(Record("key", b""))
            left.append(len(rows_in(postgres, table)) - 1)
        assert left == [5, 0, 0]


def test_what_somebody_writes_anew_at_the_moment_is_neither_deleted_nor_waited_for(
    postgres: PostgresServer, store: PostgresStore, table: str, clock: ManualClock
) -> None:
    for key in ("anew", "due"):
        store.write(Record(key, b""), expiry=clock() - HOUR)
    with psycopg.connect(postgres.dsn) as theirs:
        theirs.execute(f"UPDATE {table} SET expires_at = NULL WHERE key = 'anew'".encode())
        store.init()
        assert rows_in(postgres, table) == ["anew"]
    store.init()
    assert store.list() == ["anew"]


def test_a_clock_that_is_ahead_deletes_nothing_that_others_still_have(
    postgres: PostgresServer, store: PostgresStore, table: str
) -> None:
    store.write(Record("key", b"value"), ttl=HOUR)
    ahead = ManualClock()
    ahead.advance(2 * HOUR)
    with PostgresStore(postgres.dsn, table=table, clock=ahead) as early:
        early.init()
        assert early.list() == []
    assert store.read("key")[0].value == b"value"


def test_a_clock_that_is_behind_deletes_nothing_that_it_still_has(
    postgres: PostgresServer, store: PostgresStore, table: str, clock: ManualClock
) -> None:
    clock.advance(-2 * HOUR)
    store.write(Record("key", b"value"), ttl=HOUR)
    store.init()
    assert store.list() == ["key"]


def test_a_write_that_is_done_is_no_error_when_nothing_can_be_deleted(
    postgres: PostgresServer, store: PostgresStore, table: str
) -> None:
    postgres.execute(f"""
        CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN RAISE EXCEPTION ''no''; END';
        CREATE TRIGGER refuse BEFORE DELETE ON {table} EXECUTE FUNCTION refuse_{table}()
    """)
    store._free_at = 0
    store.write(Record("key", b""))
    store.init()
    assert store.list() == ["key"]


def test_a_write_that_is_done_is_no_error_when_the_store_is_closed_meanwhile(
    postgres: PostgresServer, store: PostgresStore, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close_and_tell() -> datetime:  # asked for between the write and what is deleted beside it
        store.close()
        return datetime.now(UTC)

    monkeypatch.setattr(store, "_clock", close_and_tell)
    store._free_at = 0
    store.write(Record("key", b""))
    assert rows_in(postgres, table) == ["key"]


def test_a_write_waits_for_what_is_deleted_beside_it_a_moment_only(
    postgres: PostgresServer, table: str, clock: ManualClock
) -> None:
    with (
        psycopg.connect(postgres.dsn, autocommit=True) as theirs,
        PostgresStore(postgres.dsn, table=table, clock=clock, timeout=PATIENCE) as store,
    ):
        store.write(Record("due", b""), expiry=clock() - HOUR)
        theirs.execute("SELECT pg_advisory_lock(1)")
        postgres.execute(f"""
            CREATE FUNCTION wait_{table}() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END';
            CREATE TRIGGER wait BEFORE DELETE ON {table} EXECUTE FUNCTION wait_{table}()
        """)
        store._free_at = 0
        with within(module.MOST_SECONDS_TO_FREE):
            store.write(Record("key", b""))
        assert rows_in(postgres, table) == ["due", "key"]
        theirs.execute("SELECT pg_advisory_unlock(1)")
        wait_for(lambda: rows_in(postgres, table) == ["key"])
