"""PostgresServer: on which connection is a statement run, how long, and how often.

The connections are kept here and not by psycopg_pool: that goes on asking a server that said no for as long
as its caller may wait, tells the caller nothing of why, and has threads, which a forked child has not.
"""

from __future__ import annotations

import math
import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, LiteralString, TypeAlias, TypeVar
from weakref import ref

import psycopg
from psycopg import sql

from ...driver.forking import renew_in_child
from ...errors import BackendUnavailableError, DriverClosedError, StorageFullError, StorageIOError
from .base import MAYBE_DONE, NOT_DONE
from .in_time import NO_ANSWER, made_in_time

if TYPE_CHECKING:
    from psycopg.abc import PQGen

T = TypeVar("T")
Parts: TypeAlias = Mapping[str, str]
"""What libpq calls the parts of a DSN, or of an address."""

# SQLSTATEs, in full or the class of one.
ROLLED_BACK = ("40001", "40P01")  # nothing of the statement was done: another one was in its way
ENDED = "57014"  # nor here: it took too long, or somebody ended it
GOING = ("57P01", "57P02", "57P03")  # the server ends, or is not up yet
UNAVAILABLE = ("08", "40003", "53300", "57", *ROLLED_BACK)
FULL = "53100"

SHORTEST_PAUSE = 0.001
LONGEST_PAUSE = 0.1
LEAST_CONNECT_TIMEOUT = 2  # of libpq


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """One whose statements are over at ``until``, and that a forked child forgets without a word."""

    until = math.inf
    where = ""

    def __init__(self, *given: Any, **named: Any) -> None:
        self._made_in = os.getpid()  # first, as __del__ reads it
        super().__init__(*given, **named)

    def wait(self, gen: PQGen[T], *rest: Any, **named: Any) -> T:
        return super().wait(_over_at(self.until, gen), *rest, **named)

    def ended(self) -> bool:
        """Whether it is of no use any more, while nothing runs on it: its end has arrived, or an error."""
        if self.closed:
            return True
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def __del__(self, /, *warn: Any) -> None:
        # In a child it is the parent's, and libpq leaves its socket alone there. It is no leak.
        if self._made_in == os.getpid():
            super().__del__(*warn)


def _over_at(until: float, gen: PQGen[T]) -> PQGen[T]:
    """``gen``, the steps of a statement, also when the server keeps silent: psycopg asks every 0.1 s."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if monotonic() >= until:
                raise TimeoutError(NO_ANSWER)
            wanted = gen.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result


def parameters() -> set[str]:
    """The names that libpq has for the parts and the parameters of a DSN."""
    return {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}


class _Turn:
    """One of the connections that there may be at once, which goes back to the ``free`` ones when it ends.

    It does when nobody has it, too. A semaphore of Python's would be short of one, or locked for ever, after
    an interrupt while it is acquired or released.
    """

    def __init__(self, free: ref[SimpleQueue[_Turn]]) -> None:
        self._free: ref[SimpleQueue[_Turn]] | None = free

    def end(self) -> None:
        free = self._free() if self._free is not None else None
        if free is not None:
            free.put(_Turn(ref(free)))
        self._free = None  # last: one connection too many does less harm than one too few

    def __del__(self) -> None:
        self.end()


class PostgresServer:
    """The servers at ``nodes``, of which each has what all have, on at most so many ``connections`` at once.

    ``settings`` are libpq's; a node is those of them that are its own. Statements that have no answer after
    ``timeout`` seconds are ended on the server, too, so that none is carried out long after its caller was
    told of an error.
    """

    def __init__(self, settings: Parts, nodes: Sequence[Parts], *, connections: int, timeout: float) -> None:
        self._settings = settings
        self._nodes = nodes
        self._most = connections
        self._milliseconds = math.ceil(timeout * 1000)
        self._closed = False
        self._renew_locks()
        renew_in_child(self)

    def _renew_locks(self) -> None:
        # And the connections: in a child those that there are stay the parent's.
        self._free: SimpleQueue[_Turn] = SimpleQueue()
        for _ in range(self._most):
            self._free.put(_Turn(ref(self._free)))
        self._idle: deque[Connection] = deque()

    def close(self) -> None:
        """Close the connections; those that are in use when their statements are over."""
        self._closed = True
        self._close_idle()

    def run(
        self,
        statement: LiteralString,
        table: str,
        values: Sequence[object],
        read: Callable[[psycopg.Cursor[tuple[Any, ...]]], T],
        until: float,
        *,
        twice: bool,
    ) -> T:
        """What ``read`` makes of the answer to ``statement``, in which ``{table}`` stands for ``table``.

        It is over at ``until``, by ``time.monotonic()``. What was rolled back is run again, and once more,
        if it may be run ``twice``, what was on its way when the connection ended.
        """
        query = _composed(statement, table)
        pause = SHORTEST_PAUSE
        changes = not twice
        while True:
            with self._connection(until) as connection:
                try:
                    # Without values it may be several statements, which can't be answered in binary.
                    return read(connection.execute(query, values or None, binary=bool(values)))
                except (psycopg.Error, TimeoutError) as error:
                    lost = connection.closed or sqlstate_of(error) in GOING
                    if lost or isinstance(error, TimeoutError):
                        self._close_idle()  # what ended one has most likely ended all
                    if lost and twice:
                        twice = False
                    elif sqlstate_of(error) not in ROLLED_BACK or monotonic() + pause >= until:
                        raise _typed(error, connection.where, changes) from error
                except BaseException:
                    connection.close()  # what it interrupted may be under way, or be ended late
                    raise
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    @contextmanager
    def _connection(self, until: float) -> Iterator[Connection]:
        """A connection that nobody else has, for one statement."""
        try:
            turn = self._free.get(timeout=max(0, until - monotonic()))
        except Empty:
            raise BackendUnavailableError(
                f"all {self._most} connections to PostgreSQL were in use for as long as a call may take; "
                "raise the option connections, or timeout"
            ) from None
        try:
            connection = self._taken() or self._connected(until)
            try:
                connection.until = until
                yield connection
            finally:
                self._put_back(connection)
        finally:
            turn.end()

    def _taken(self) -> Connection | None:
        """One that was used before. It is looked at first: what was not sent can be sent on another."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not connection.ended():
                return connection
            connection.close()

    def _put_back(self, connection: Connection) -> None:
        if connection.pgconn.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.close()  # it ended, or its statement did not
            return
        self._idle.append(connection)
        if self._closed:
            self._close_idle()

    def _close_idle(self) -> None:
        while True:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def _connected(self, until: float) -> Connection:
        """A new one, to the first node that takes it; each may use its share of the time that is left."""
        failures: list[tuple[Parts, Exception]] = []
        for left in range(len(self._nodes), 0, -1):
            if self._closed:
                raise DriverClosedError("the store is closed; make another one")
            node = self._nodes[-left]
            try:
                return self._connected_to(node, (until - monotonic()) / left)
            except (psycopg.Error, OSError, ValueError) as error:  # names can be too odd to be looked up
                failures.append((node, error))
        said = "; ".join(f"{_where(node)}: {_said(error)}" for node, error in failures)
        raise BackendUnavailableError(
            f"no connection to PostgreSQL ({said}); check the address, the user and that the server runs"
        ) from failures[-1][1]

    def _connected_to(self, node: Parts, seconds: float) -> Connection:
        # libpq looks a name up without any limit, and knows none below two seconds.
        return made_in_time(lambda: self._opened(node, seconds), lambda made: made.close(), seconds)

    def _opened(self, node: Parts, seconds: float) -> Connection:
        until = monotonic() + seconds
        settings: dict[str, Any] = {
            "connect_timeout": max(LEAST_CONNECT_TIMEOUT, math.ceil(seconds)),
            "fallback_application_name": "trove",
            **self._settings,
            **node,
        }
        connection = Connection.connect(autocommit=True, **settings)
        try:
            connection.until = until
            connection.where = _where(node)
            connection.execute(f"SET statement_timeout = {self._milliseconds}; SET TIME ZONE 'UTC'".encode())
        except BaseException:
            connection.close()
            raise
        return connection


def sqlstate_of(error: BaseException | None) -> str:
    """The code of psycopg's ``error``; ``""`` when it is not the server's."""
    return getattr(error, "sqlstate", None) or ""


@lru_cache
def _composed(statement: LiteralString, table: str) -> bytes:
    return sql.SQL(statement).format(table=sql.Identifier(table)).as_bytes(None)


def _typed(error: psycopg.Error | TimeoutError, where: str, changes: bool) -> StorageIOError:
    """The error of a statement that ``changes`` something or doesn't."""
    state = sqlstate_of(error)
    silent = isinstance(error, (psycopg.OperationalError, TimeoutError)) and not state
    if silent or state.startswith(UNAVAILABLE):
        end = MAYBE_DONE if changes and state not in (*ROLLED_BACK, ENDED) else NOT_DONE
        return BackendUnavailableError(f"PostgreSQL at {where} did not answer: {_said(error)}; {end}")
    kind = StorageFullError if state == FULL else StorageIOError
    return kind(
        f"PostgreSQL at {where} refused the statement: {_said(error)}; check the table and the user's rights"
    )


def _said(error: Exception) -> str:
    """The first line of what ``error`` says: those that follow can quote what was sent."""
    diagnosed = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return diagnosed or str(error).partition("\n")[0] or type(error).__name__


def _where(node: Parts) -> str:
    return ":".join(filter(None, (node.get("host"), node.get("port")))) or "its default address"
