"""PostgresStore: one table for many processes, and what a forked child has of its parent's connections."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import warnings
from typing import TYPE_CHECKING

import psycopg
import pytest
from harness.alone import Child, alone, processes_together
from harness.servers import wait_for

from trove.store import PostgresStore, Record

if TYPE_CHECKING:
    from harness.postgres_server import PostgresServer

DSN, TABLE = "TEST_POSTGRES_DSN", "TEST_POSTGRES_TABLE"
"""What the processes of the tests find in their environment."""


@pytest.fixture(autouse=True)
def environment(postgres: PostgresServer, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DSN, postgres.dsn)
    monkeypatch.setenv(TABLE, table)


def made() -> PostgresStore:
    return PostgresStore(os.environ[DSN], table=os.environ[TABLE], connections=1)


def served() -> set[int]:
    """The processes of the server that serve stores."""
    with psycopg.connect(os.environ[DSN]) as connection:
        return {
            pid
            for (pid,) in connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'trove'"
            )
        }


@alone()
def test_child_has_connections_of_its_own_and_leaves_the_parents_alone() -> None:
    store = made()
    store.write(Record("parent", b""))
    # The server ends a connection some time after its client has: those of other tests may still be there.
    wait_for(lambda: len(served()) == 1)
    parents = served()
    warnings.simplefilter("error")
    complaints: list[object] = []
    sys.unraisablehook = complaints.append

    def work() -> None:
        gc.collect()
        assert not complaints
        store.write(Record("child", b""))
        assert store.list() == ["child", "parent"]
        assert len(served() - parents) == 1
        store.close()
        wait_for(lambda: served() == parents)

    for _ in range(3):
        assert Child(work).wait() == 0
        assert store.list() == ["child", "parent"]
        assert served() & parents == parents
    store.close()


@alone()
def test_child_that_was_forked_while_the_only_connection_was_in_use_goes_on() -> None:
    store = made()
    store.write(Record("key", b""))
    taken, go = threading.Event(), threading.Event()

    def hold() -> None:
        with store._asking()._connection(time.monotonic() + 60):
            taken.set()
            go.wait()

    holding = threading.Thread(target=hold)
    holding.start()
    taken.wait()
    assert Child(lambda: store.write(Record("child", b""))).wait() == 0
    go.set()
    holding.join()
    assert store.list() == ["child", "key"]
    store.close()


@alone()
def test_processes_that_begin_at_once_share_a_table() -> None:
    def work(number: int) -> None:
        with made() as store:
            for each in range(20):
                store.write(Record(f"{number}-{each:02}", b""))

    processes_together(*(lambda number=number: work(number) for number in range(8)))
    with made() as store:
        assert store.list() == [f"{number}-{each:02}" for number in range(8) for each in range(20)]
