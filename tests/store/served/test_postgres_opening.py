"""PostgresStore: its DSN and options, and the table that it makes or finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest
from harness.statements import count_statements
from psycopg import sql

import trove
from trove.errors import InvalidArgumentError, InvalidDSNError, StorageIOError
from trove.store import PostgresStore, Record
from trove.testing.suite.threads import together

if TYPE_CHECKING:
    from harness.postgres_server import PostgresServer

# Where it is.


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_dsn_gives_a_store_with_its_options(postgres: PostgresServer, table: str, scheme: str) -> None:
    dsn = postgres.dsn.replace("postgresql", scheme)
    own = f"table={table}&timeout=2.5&connections=3&namespace=n"
    with trove.store.open(f"{dsn}?{own}&sslmode=prefer&application_name=mine") as store:
        assert isinstance(store, PostgresStore)
        assert store.name == "postgres"
        given = {"table": table, "timeout": 2.5, "connections": 3, "namespace": "n"}
        assert dict(store.options) == {**PostgresStore.OPTIONS, **given}
        store.write(Record("key", b""))
        assert postgres.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mine'") == [
            (1,)
        ]


@pytest.mark.parametrize(
    "dsn",
    [
        *("postgresql://h/db?colour=red", "postgresql://h/db?timeout=5", "postgresql://h:port/db", ""),
        *("mysql://h/db", "host=h dbname=db", "postgresql://u:p w@h/db", 5),
    ],
)
def test_bad_dsn_is_refused(dsn: Any) -> None:
    with pytest.raises(InvalidDSNError):
        PostgresStore(dsn)


@pytest.mark.parametrize("parameter", ["colour=red", "timeout=soon", "connections=1.5"])
def test_bad_parameter_of_a_dsn_that_is_opened_is_refused(parameter: str) -> None:
    with pytest.raises(InvalidDSNError, match=parameter.partition("=")[0]):
        trove.store.open(f"postgresql://h/db?{parameter}")


@pytest.mark.parametrize(
    "options",
    [
        {"table": ""},
        {"table": "1st"},
        {"table": 'a"b'},
        {"table": "a.b"},
        {"table": "t" * 64},
        {"table": None},
        {"connections": 0},
        {"connections": True},
        {"connections": "5"},
        {"timeout": 0},
        {"timeout": None},
        {"timeout": "5"},
        {"nodes": [""]},
        {"nodes": ["u@h"]},
        {"nodes": ["h:port"]},
        {"nodes": ["a:1:2"]},
    ],
    ids=repr,
)
def test_bad_option_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        PostgresStore("postgresql://h/db", **options)


@pytest.mark.parametrize(
    "name", ["per%cent %41", "a@b:c/d", "söme späce 鍵", "q?x=1&y#z", r"it's \"\\", "a=b"]
)
def test_user_password_and_database_of_any_characters(
    postgres: PostgresServer, table: str, name: str
) -> None:
    quoted = sql.Identifier(name).as_string()
    login = sql.Literal(f"pass {name}").as_string()
    postgres.execute(f"CREATE ROLE {quoted} LOGIN PASSWORD {login}")
    postgres.execute(f"CREATE DATABASE {quoted} OWNER {quoted}")
    try:
        user, password = quote(name, safe=""), quote(f"pass {name}", safe="")
        server = f"127.0.0.1:{postgres.port}"
        for dsn in (
            f"postgresql://{user}:{password}@{server}/{user}",
            f"postgresql://{server}?user={user}&password={password}&dbname={user}",
        ):
            with trove.store.open(dsn) as store:
                store.write(Record("key", b""))
                assert store.list() == ["key"]
    finally:
        postgres.execute(f"DROP DATABASE {quoted} WITH (FORCE)")
        postgres.execute(f"DROP ROLE {quoted}")


# The table.


def test_table_is_made_with_an_index_of_what_expires(postgres: PostgresServer, table: str) -> None:
    with PostgresStore(postgres.dsn, table=table) as store:
        store.write(Record("a\0é", b"\0value"))
    assert postgres.execute(f"SELECT * FROM {table}") == [(b"=", "a\0é".encode(), b"\0value", None)]
    indexes = [
        row[0] for row in postgres.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s", table)
    ]
    assert [index.partition(" USING ")[2] for index in sorted(indexes)] == [
        "btree (expires_at) WHERE (expires_at IS NOT NULL)",
        "btree (space, key)",
    ]


def test_tables_hold_records_of_their_own(postgres: PostgresServer, table: str) -> None:
    try:
        with PostgresStore(postgres.dsn, table=table) as store:
            store.write(Record("key", b""))
            store.init(table=f"{table}_other")
            assert store.list() == []
    finally:
        postgres.execute(f"DROP TABLE IF EXISTS {table}_other")


def test_table_of_an_odd_name(postgres: PostgresServer) -> None:
    try:
        with PostgresStore(postgres.dsn, table="Select") as store:
            store.write(Record("key", b""))
            assert store.list() == ["key"]
    finally:
        postgres.execute('DROP TABLE "Select"')


@pytest.mark.parametrize(
    "columns",
    ["id int", "space text, key bytea, value bytea, expires_at timestamptz"],
    ids=["columns", "types"],
)
def test_table_of_somebody_else_is_an_error_that_says_so(
    postgres: PostgresServer, table: str, columns: str
) -> None:
    postgres.execute(f"CREATE TABLE {table} ({columns})")
    with PostgresStore(postgres.dsn, table=table) as store:
        with pytest.raises(StorageIOError, match=f"'{table}' is no table of records"):
            store.init()
        assert postgres.execute(f"SELECT * FROM {table}") == []


@pytest.mark.parametrize("key", ["", ", PRIMARY KEY (key, space, expires_at)"], ids=["none", "others"])
def test_table_without_the_primary_key_is_an_error_that_says_so(
    postgres: PostgresServer, table: str, key: str
) -> None:
    postgres.execute(
        f"CREATE TABLE {table} (space bytea, key bytea, value bytea, expires_at timestamptz{key})"
    )
    with PostgresStore(postgres.dsn, table=table) as store:
        with pytest.raises(
            StorageIOError, match=f"'{table}' is no table of records, as it has no primary key"
        ):
            store.init()
        assert postgres.execute(f"SELECT * FROM {table}") == []


@pytest.mark.parametrize(
    ("more", "names"),
    [
        (", extra int NOT NULL", "extra"),
        (" NOT NULL", "expires_at"),
        (" NOT NULL DEFAULT now()", "expires_at"),
    ],
)
def test_table_that_wants_more_than_a_record_has_is_an_error_that_says_so(
    postgres: PostgresServer, table: str, more: str, names: str
) -> None:
    columns = f"space bytea, key bytea, value bytea, expires_at timestamptz{more}"
    postgres.execute(f"CREATE TABLE {table} ({columns}, PRIMARY KEY (space, key))")
    said = f"'{table}' is no table of records, as it wants a value in '{names}'"
    with PostgresStore(postgres.dsn, table=table) as store, pytest.raises(StorageIOError, match=said):
        store.init()


def test_table_that_a_trigger_fills_has_records(postgres: PostgresServer, table: str) -> None:
    columns = "space bytea, key bytea, value bytea, expires_at timestamptz, tenant text NOT NULL"
    postgres.execute(f"CREATE TABLE {table} ({columns}, PRIMARY KEY (space, key))")
    body = "BEGIN new.tenant := 't'; RETURN new; END"
    postgres.execute(f"CREATE FUNCTION {table}_fill() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
    made = f"BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_fill()"
    postgres.execute(f"CREATE TRIGGER fills {made}")
    with PostgresStore(postgres.dsn, table=table) as store:
        store.write(Record("key", b"value"))
        assert store.read("key")[0].value == b"value"


@pytest.mark.parametrize(
    "more", ["e int", "e int NOT NULL DEFAULT 5", "e serial NOT NULL", "e int GENERATED ALWAYS AS IDENTITY"]
)
def test_table_with_columns_that_fill_themselves_has_records(
    postgres: PostgresServer, table: str, more: str
) -> None:
    columns = f"{more}, space bytea, key bytea, value bytea, expires_at timestamptz, PRIMARY KEY (space, key)"
    postgres.execute(f"CREATE TABLE {table} ({columns})")
    with PostgresStore(postgres.dsn, table=table) as store:
        store.write(Record("key", b"value"))
        assert store.read("key")[0].value == b"value"


def test_table_that_may_only_be_read_is_read(postgres: PostgresServer, table: str) -> None:
    with PostgresStore(postgres.dsn, table=table) as store:
        store.write(Record("key", b"value"))
    user = f"reader_of_{table}"
    postgres.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'p4ss'; GRANT SELECT ON {table} TO {user}")
    try:
        dsn = f"postgresql://{user}:p4ss@127.0.0.1:{postgres.port}/postgres"
        with PostgresStore(dsn, table=table) as reader:
            assert reader.list() == ["key"]
            with pytest.raises(StorageIOError, match="permission denied for table"):
                reader.write(Record("key", b"new"))
    finally:
        postgres.execute(f"DROP OWNED BY {user}; DROP ROLE {user}")


@pytest.mark.parametrize("made", ["TYPE {} AS ENUM ('a')", "DOMAIN {} AS int"], ids=["enum", "domain"])
def test_name_that_something_else_has_is_an_error_that_says_so(
    postgres: PostgresServer, table: str, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres.execute("CREATE " + made.format(table))
    try:
        with PostgresStore(postgres.dsn, table=table, timeout=2) as store:
            counts = count_statements(store, monkeypatch)
            with pytest.raises(StorageIOError, match=f"name '{table}' is taken by something else") as raised:
                store.init()
            assert isinstance(raised.value.__cause__, psycopg.errors.DuplicateObject)
            assert counts.total() <= 7
    finally:
        postgres.execute(f"DROP {made.split()[0]} {table}")


def test_init_by_many_threads_at_once(postgres: PostgresServer, table: str) -> None:
    stores = [PostgresStore(postgres.dsn, table=table) for _ in range(8)]
    together([store.init for store in stores])
    for store in stores:
        store.write(Record("key", b""))
        store.close()


def test_user_without_the_right_to_make_tables(postgres: PostgresServer, table: str) -> None:
    user, _ = f"user_of_{table}", postgres.execute(f"CREATE ROLE user_of_{table} LOGIN PASSWORD 'p4ss'")
    dsn = f"postgresql://{user}:p4ss@127.0.0.1:{postgres.port}/postgres"
    try:
        with PostgresStore(dsn, table=table) as store:
            with pytest.raises(StorageIOError, match="permission denied for schema public") as raised:
                store.init()
            assert isinstance(raised.value.__cause__, psycopg.errors.InsufficientPrivilege)
            with PostgresStore(postgres.dsn, table=table) as owner:
                owner.write(Record("key", b"value"))
            with pytest.raises(StorageIOError, match="permission denied for table"):
                store.init()
            postgres.execute(f"GRANT SELECT, INSERT ON {table} TO {user}")
            assert store.list() == ["key"]
            with pytest.raises(StorageIOError, match="permission denied for table"):
                store.delete("key")
    finally:
        postgres.execute(f"DROP OWNED BY {user}; DROP ROLE {user}")
