"""PostgresStore: a server that is down, silent or ends half way, and what is done again."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from harness.in_time import within
from harness.postgres_server import PASSWORD
from harness.proxy import Fate
from harness.servers import closed_port, silent_port, wait_for
from harness.tcp_proxy import TcpProxy

from trove.errors import BackendUnavailableError, DriverClosedError, TroveError
from trove.store import PostgresStore, Record
from trove.store.served.base import LONGEST_TIMEOUT, MAYBE_DONE, NOT_DONE
from trove.testing.suite.threads import PATIENCE, Call, together

if TYPE_CHECKING:
    from harness.postgres_server import PostgresServer

SHORT = 0.5  # seconds: a timeout that is to pass

KEY = "cut-here"
CALLS: dict[str, Callable[[PostgresStore], object]] = {
    "read": lambda store: store.read(KEY)[0].value,
    "read by prefix": lambda store: store.read(KEY, prefix=True)[0].value,
    "list": lambda store: store.list(prefix=KEY),
    "write": lambda store: store.write(Record(KEY, b"new")),
    "delete": lambda store: store.delete(KEY),
}
READS = ("read", "read by prefix", "list")
WRITES = ("write", "delete")
CUTS = (Fate.CUT_BEFORE, Fate.CUT_AFTER)


@pytest.fixture
def between(postgres: PostgresServer) -> Iterator[TcpProxy]:
    with TcpProxy(postgres.port) as between:
        yield between


@pytest.fixture
def store(postgres: PostgresServer, between: TcpProxy, table: str) -> Iterator[PostgresStore]:
    """A store with one record, which reaches the server through the proxy ``between``."""
    with PostgresStore(postgres.dsn_on(between.port), table=table) as store:
        store.write(Record(KEY, b"old"))
        yield store


@contextmanager
def changed_by_others(postgres: PostgresServer, table: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody's transaction that has changed the record and has not ended."""
    with psycopg.connect(postgres.dsn) as connection:
        connection.execute(f"UPDATE {table} SET value = 'theirs'".encode())
        yield connection


# Servers that can't be reached.


def test_a_port_that_is_closed_is_an_error_with_its_cause() -> None:
    with closed_port() as port, PostgresStore(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/db") as store:
        for call in CALLS.values():
            with pytest.raises(BackendUnavailableError, match="refused") as raised:
                call(store)
            assert isinstance(raised.value.__cause__, psycopg.OperationalError)


@pytest.mark.parametrize("takes", [True, False], ids=["says nothing", "does not even answer"])
def test_a_server_that_is_silent_is_an_error_within_the_timeout(takes: bool) -> None:
    with silent_port(takes=takes) as port, PostgresStore(f"postgresql://127.0.0.1:{port}/db") as store:
        with within(SHORT), pytest.raises(BackendUnavailableError, match="no answer in time") as raised:
            store.init(timeout=SHORT)
        assert isinstance(raised.value.__cause__, TimeoutError)


@pytest.mark.parametrize(
    ("part", "instead", "said"),
    [
        (PASSWORD, "wrong-secret", "password authentication failed"),
        ("/postgres", "/nowhere", 'database "nowhere" does not exist'),
        ("127.0.0.1", "no-such-host.invalid", "no-such-host.invalid"),
        ("127.0.0.1", "a" * 100, "a" * 100),
    ],
    ids=["password", "database", "host", "long host"],
)
def test_a_server_that_refuses_says_why(postgres: PostgresServer, part: str, instead: str, said: str) -> None:
    with PostgresStore(postgres.dsn.replace(part, instead)) as store:
        with pytest.raises(BackendUnavailableError, match=said) as raised:
            store.init()
        assert raised.value.__cause__ is not None
        assert "secret" not in "".join(traceback.format_exception(raised.value))


def test_nodes_are_asked_in_their_order_until_one_answers(postgres: PostgresServer, table: str) -> None:
    with (
        closed_port() as closed,
        silent_port(takes=True) as silent,
        silent_port(takes=False) as dead,
        TcpProxy(postgres.port) as last,
    ):
        nodes = [f"127.0.0.1:{port}" for port in (closed, silent, dead, postgres.port, last.port)]
        dsn = postgres.dsn.replace("127.0.0.1", "no-such-host.invalid")
        with PostgresStore(dsn, table=table, nodes=nodes, timeout=4 * SHORT) as store, within(4 * SHORT):
            store.init()
            assert store.options["nodes"] == tuple(nodes)
        assert last.accepted == 0


def test_all_nodes_are_named_when_none_answers() -> None:
    with closed_port() as closed:
        nodes = [f"127.0.0.1:{closed}", f"[::1]:{closed}", "no-such-host.invalid"]
        with PostgresStore("postgresql://h/db", nodes=nodes) as store:
            with pytest.raises(BackendUnavailableError) as raised:
                store.init()
            for port in nodes:
                assert port.replace("[", "").replace("]", "") in str(raised.value)


# Connections that end half way.


@pytest.mark.parametrize("fate", CUTS)
@pytest.mark.parametrize("call", READS)
def test_a_read_whose_connection_ends_is_asked_for_again(
    store: PostgresStore, between: TcpProxy, call: str, fate: Fate
) -> None:
    between.breaks(KEY, fate)
    assert CALLS[call](store) in (b"old", [KEY])
    assert between.accepted == 2


@pytest.mark.parametrize("fate", CUTS)
@pytest.mark.parametrize("call", WRITES)
def test_a_change_whose_connection_ends_is_an_error_and_is_not_repeated(
    postgres: PostgresServer, store: PostgresStore, between: TcpProxy, table: str, call: str, fate: Fate
) -> None:
    between.breaks(KEY, fate)
    with pytest.raises(
        BackendUnavailableError, match="whether it was done is not known: look before"
    ) as raised:
        CALLS[call](store)
    assert isinstance(raised.value.__cause__, psycopg.OperationalError)
    assert between.asked == 1
    done: list[Any] = [(b"new",)] if call == "write" else []
    assert postgres.execute(f"SELECT value FROM {table}") == (done if fate is Fate.CUT_AFTER else [(b"old",)])
    CALLS[call](store)  # the next one works
    assert postgres.execute(f"SELECT value FROM {table}") == done


@pytest.mark.parametrize("call", CALLS)
def test_a_connection_that_ended_before_is_replaced(
    store: PostgresStore, between: TcpProxy, call: str
) -> None:
    between.cut_all()
    CALLS[call](store)
    assert between.accepted == 2


@pytest.mark.parametrize("call", CALLS)
def test_a_server_that_falls_silent_half_way_is_an_error_within_the_timeout(
    store: PostgresStore, between: TcpProxy, call: str
) -> None:
    store.init(timeout=SHORT)
    between.breaks(KEY, Fate.SILENCE)
    with within(SHORT), pytest.raises(BackendUnavailableError, match="no answer in time") as raised:
        CALLS[call](store)
    assert isinstance(raised.value.__cause__, TimeoutError)
    CALLS[call](store)


def test_a_large_write_to_a_server_that_falls_silent_is_an_error_within_the_timeout(
    store: PostgresStore, between: TcpProxy
) -> None:
    store.init(timeout=SHORT)
    between.breaks(KEY, Fate.SILENCE)
    with within(SHORT), pytest.raises(BackendUnavailableError, match="no answer in time"):
        store.write(Record(KEY, bytes(1 << 25)))


def test_a_server_that_restarts_is_used_again(postgres: PostgresServer, table: str) -> None:
    with PostgresStore(postgres.dsn, table=table) as store:
        store.write(Record(KEY, b"value"))
        postgres.process.stop()
        try:
            for call in CALLS.values():
                with pytest.raises(BackendUnavailableError):
                    call(store)
        finally:
            postgres.start()
        assert store.read(KEY)[0].value == b"value"
        postgres.restart()
        store.write(Record(KEY, b"new"))


# Statements that have to wait, and time that passes on the server.


def test_a_write_that_was_told_failed_is_not_carried_out_much_later(
    postgres: PostgresServer, table: str
) -> None:
    with PostgresStore(postgres.dsn, table=table, timeout=SHORT) as store:
        store.write(Record(KEY, b"old"))
        with changed_by_others(postgres, table) as theirs:
            with within(SHORT), pytest.raises(BackendUnavailableError):
                store.write(Record(KEY, b"new"))
            wait_for(lambda: postgres.waiting() == 0)
            theirs.commit()
        assert store.read(KEY)[0].value == b"theirs"


def test_more_calls_than_connections_wait_for_one_another(postgres: PostgresServer, table: str) -> None:
    with PostgresStore(postgres.dsn, table=table, connections=1) as store:
        store.write(Record(KEY, b"old"))
        with changed_by_others(postgres, table) as theirs:
            first = Call(lambda: store.write(Record(KEY, b"new")))
            wait_for(lambda: postgres.waiting() == 1)
            second = Call(lambda: store.read(KEY))
            assert not second.done(0.1)
            theirs.rollback()
        first.end()
        assert second.end() == [Record(KEY, b"new")]
        wait_for(lambda: postgres.connections() == 1)  # those of other tests may still be ending


def test_call_that_gets_no_connection_in_time_is_an_error(postgres: PostgresServer, table: str) -> None:
    with PostgresStore(postgres.dsn, table=table, connections=1) as store:
        store.write(Record(KEY, b"old"))
        with changed_by_others(postgres, table) as theirs:
            waiting = Call(lambda: store.write(Record(KEY, b"new")))
            wait_for(lambda: postgres.waiting() == 1)
            with pytest.raises(BackendUnavailableError, match="all 1 connections"):
                store._asking().run("SELECT 1", "t", (), list, time.monotonic() + 0.1, twice=True)
            theirs.rollback()
        waiting.end()


@pytest.mark.parametrize("call", CALLS)
def test_an_error_says_whether_the_call_may_be_made_again(
    store: PostgresStore, between: TcpProxy, call: str
) -> None:
    store.init(timeout=SHORT)
    between.breaks(KEY, Fate.SILENCE)
    with pytest.raises(BackendUnavailableError) as raised:
        CALLS[call](store)
    assert str(raised.value).endswith(MAYBE_DONE if call in WRITES else NOT_DONE)


@pytest.mark.parametrize("call", WRITES)
def test_a_change_that_the_server_ended_in_time_is_surely_not_done(
    postgres: PostgresServer, table: str, call: str
) -> None:
    with PostgresStore(postgres.dsn, table=table) as store:
        store.write(Record(KEY, b"old"))
        with changed_by_others(postgres, table):
            change = Call(lambda: CALLS[call](store))
            wait_for(lambda: postgres.waiting() == 1)
            cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            postgres.execute(cancel)
            with pytest.raises(BackendUnavailableError, match=f"canceling.*; {NOT_DONE}"):
                change.end()
        assert store.read(KEY)[0].value == b"theirs"


def test_statements_end_on_the_server_whatever_its_own_limit_is(postgres: PostgresServer, table: str) -> None:
    dsn = f"{postgres.dsn}?options=-cstatement_timeout%3D0"
    with PostgresStore(dsn, table=table, timeout=2.5) as store:
        assert store._run("SHOW statement_timeout", (), list, store._until(), twice=True) == [("2500ms",)]
        store.init(timeout=60)
        assert store._run("SHOW statement_timeout", (), list, store._until(), twice=True) == [("1min",)]
        store.init(timeout=LONGEST_TIMEOUT)
        assert store._run("SHOW statement_timeout", (), list, store._until(), twice=True) == [("1d",)]


def test_what_the_server_rolled_back_is_done_again(postgres: PostgresServer, table: str) -> None:
    dsn = f"{postgres.dsn}?options=-cdefault_transaction_isolation%3Dserializable"
    with PostgresStore(dsn, table=table) as store:

        def work(thread: int) -> None:
            for number in range(20):
                store.write(Record(KEY, b"%d %d" % (thread, number)))

        store.write(Record(KEY, b"old"))
        with changed_by_others(postgres, table) as theirs:
            waiting = Call(lambda: store.write(Record(KEY, b"new")))
            wait_for(lambda: postgres.waiting() == 1)
            theirs.commit()
        waiting.end()
        assert store.read(KEY)[0].value == b"new"
        together([partial(work, thread) for thread in range(8)])


# The end.


def test_close_ends_all_connections(postgres: PostgresServer, table: str) -> None:
    store = PostgresStore(postgres.dsn, table=table)
    store.write(Record(KEY, b"old"))
    with changed_by_others(postgres, table) as theirs:
        waiting = Call(lambda: store.write(Record(KEY, b"new")))
        wait_for(lambda: postgres.waiting() == 1)
        Call(lambda: store.read(KEY)).end()
        store.close()
        theirs.rollback()
    waiting.end()
    wait_for(lambda: postgres.connections() == 0)
    with pytest.raises(DriverClosedError):
        store.read(KEY)


def test_connection_that_comes_when_nobody_waits_any_more_is_closed(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, ended = threading.Event(), threading.Event()
    with PostgresStore(postgres.dsn, timeout=SHORT) as store:
        server = store._asking()
        opened = server._opened

        def opened_late(*given: Any) -> Any:
            connection = opened(*given)
            close = connection.close

            def close_and_tell() -> None:
                close()
                ended.set()

            monkeypatch.setattr(connection, "close", close_and_tell)
            assert late.wait(PATIENCE)
            return connection

        monkeypatch.setattr(server, "_opened", opened_late)
        with pytest.raises(BackendUnavailableError, match="no answer in time"):
            store.init()
        late.set()
        assert ended.wait(PATIENCE)


# Secrets.


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:{}@127.0.0.1:1/db",
        "postgresql://127.0.0.1:1/db?user=u&password={}",
        "postgresql://127.0.0.1:1/db?user=u&sslpassword={}",
        "postgresql://u:{}@127.0.0.1:1/db?colour={}",
        "postgresql://u:{}@127.0.0.1:1/db?sslmode=odd",
        "postgresql://u:{}%zz@127.0.0.1:1/db",
        "postgresql://u:{} @127.0.0.1:1/db",
        "postgresql://u:{}/@127.0.0.1:1/db",
        "postgresql://u:1{}@h:1:2/db",
        "mysql://u:{}@127.0.0.1:1/db",
        "u:{}@127.0.0.1:1/db",
    ],
)
def test_no_error_shows_a_secret(dsn: str) -> None:
    secret = "hunter2-of-tests"
    with (
        pytest.raises(TroveError) as raised,
        PostgresStore(dsn.replace("{}", secret)) as store,
    ):
        store.init()
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))
    assert "hunter2" not in repr(raised.value) + repr(vars(raised.value))
