"""PostgresStore: a call that is interrupted, and what the next ones on its connections are told."""

from __future__ import annotations

import gc
import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from harness.servers import wait_for

from trove.errors import BackendUnavailableError
from trove.store import PostgresStore, Record
from trove.store.served.postgres_server import Connection

if TYPE_CHECKING:
    from harness.postgres_server import PostgresServer

KEYS = [f"key-{number}" for number in range(5)]
INTERRUPTS = 60
LONGEST = 0.004  # seconds: a call and making a connection take less


class StoppedError(Exception):
    """What somebody's own handler of a signal raises."""


@pytest.fixture
def store(postgres: PostgresServer, table: str) -> Iterator[PostgresStore]:
    """A store in which every key has itself for its value, and that can't do without its connection."""
    with PostgresStore(postgres.dsn, table=table, connections=1) as store:
        for key in KEYS:
            store.write(Record(key, key.encode()))
        yield store


@contextmanager
def table_locked(postgres: PostgresServer, table: str) -> Iterator[None]:
    """Somebody's transaction for whose end all others wait."""
    with psycopg.connect(postgres.dsn) as theirs:
        theirs.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield
        theirs.rollback()


@contextmanager
def handled_by(exception: type[BaseException]) -> Iterator[None]:
    """In which the signals of a Ctrl-C and of a timer raise ``exception``."""

    def handle(*_: object) -> None:
        raise exception

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGALRM)}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("exception", [KeyboardInterrupt, StoppedError, TimeoutError])
@pytest.mark.parametrize("call", ["read", "write"])
def test_connection_of_a_call_that_was_interrupted_is_not_used_again(
    postgres: PostgresServer, store: PostgresStore, table: str, call: str, exception: type[BaseException]
) -> None:
    def interrupt() -> None:
        wait_for(lambda: postgres.waiting() == 1)
        os.kill(os.getpid(), signal.SIGINT)

    (before,) = store._asking()._idle
    raised = BackendUnavailableError if exception is TimeoutError else exception
    with table_locked(postgres, table), handled_by(exception):
        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        with pytest.raises(raised):
            store.read(KEYS[0]) if call == "read" else store.write(Record(KEYS[0], b"new"))
        interrupting.join()
    assert before.closed
    wait_for(lambda: postgres.waiting() == 0)
    for key in KEYS[1:]:
        assert store.read(key)[0].value == key.encode()


def stems_from(error: BaseException | None, exception: type[BaseException]) -> bool:
    """Whether ``error`` is an ``exception``, or was raised for one: Python's own locks do that."""
    while error is not None and not isinstance(error, exception):
        error = error.__context__
    return error is not None


# What an interrupt hits may be the end of a connection, which can raise nothing.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("exception", [KeyboardInterrupt, StoppedError])
def test_calls_after_interrupts_at_any_moment_are_told_what_they_asked_for(
    store: PostgresStore, exception: type[BaseException]
) -> None:
    chance = random.Random(7)
    interrupted = 0
    while interrupted < INTERRUPTS:
        with handled_by(exception):
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00001, LONGEST))
                while True:
                    key = chance.choice(KEYS)
                    assert store.read(key)[0].value == key.encode()
                    store.write(Record(key, key.encode()))
            except BaseException as error:
                if not stems_from(error, exception):
                    raise
                interrupted += 1
    for key in KEYS:
        assert store.read(key)[0].value == key.encode()
    assert store.list() == KEYS
    gc.collect()  # what was lost


def test_connection_that_could_not_be_made_is_forgotten_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    complaints: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", complaints.append)
    with pytest.raises(TypeError):
        Connection()
    gc.collect()
    assert not complaints
