"""PostgresStore: records in a table of PostgreSQL, or of what speaks its protocol and its SQL.

``postgres_server`` has the connections. The SQL is written for CockroachDB as well, on which it is not
tested.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, LiteralString, TypeVar

from ...driver import parse_dsn
from ...errors import InvalidArgumentError, InvalidDSNError, StorageIOError, TroveError, shown
from ..arguments import Clock, utc_now
from ..base import Space, Stored
from ..naming import NamedStore, name_of
from .base import ServedStore, required

if TYPE_CHECKING:
    from .postgres_server import PostgresServer

T = TypeVar("T")

SCHEMES = ("postgres", "postgresql")
PAGE_KEYS = 1000
BATCH = 100
MOST_CONNECTIONS = 10_000

# What is due is deleted in small bites: at once when a bite was full, and else after a while.
FREED_AT_ONCE = 500
FREE_EVERY = 60.0
MOST_SECONDS_TO_FREE = 1.0  # for which a write waits that is done

LOOK: Final = "SELECT space, key, value, expires_at FROM {table} LIMIT 0"
COLUMN_TYPES = [17, 17, 17, 1184]  # the OIDs of bytea and timestamptz
# Carried out it is not, but planned, for which the server looks for the primary key.
LOOK_FOR_PRIMARY_KEY: Final = """
    EXPLAIN INSERT INTO {table} (space, key, value) VALUES ('', '', '') ON CONFLICT (space, key) DO NOTHING
"""
# The columns besides that a record would have to fill, and an expiry that it would, unless a trigger might.
LOOK_FOR_MORE: Final = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull
        AND (attname = 'expires_at' OR attname NOT IN ('space', 'key', 'value')
            AND NOT atthasdef AND attidentity = '')
        AND NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = attrelid AND NOT tgisinternal)
"""
MOST_LOOKS = 3
# Both at once, so that no table is ever without its index.
CREATE: Final = """
    CREATE TABLE {table} (
        space bytea NOT NULL, key bytea NOT NULL, value bytea NOT NULL, expires_at timestamptz,
        PRIMARY KEY (space, key)
    );
    CREATE INDEX ON {table} (expires_at) WHERE expires_at IS NOT NULL
"""
# What others wrote may be an instant that no datetime can tell: infinity, for one, which never comes.
INSTANT: Final = "CASE WHEN expires_at < '10000-01-01 UTC' THEN greatest(expires_at, '0001-01-01 UTC') END"
WHERE: Final = "FROM {table} WHERE space = %s AND key"
LOAD: Final = f"SELECT value, {INSTANT} {WHERE} = %s"
LOAD_MANY: Final = f"SELECT key, value, {INSTANT} {WHERE} = ANY(%s)"
SAVE: Final = """
    INSERT INTO {table} (space, key, value, expires_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (space, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
"""
DROP: Final = "DELETE FROM {table} WHERE space = %s AND key = %s"
KEYS: Final = """
    SELECT key FROM {table}
    WHERE space = %s AND key >= %s AND key < %s AND substr(key, length(key) - %s + 1) = %s
        AND (expires_at IS NULL OR expires_at > %s)
    ORDER BY key LIMIT %s
"""
# By the earlier of two clocks, as others may go by the server's, and this one may be ahead. The instant is
# looked at again, as a record may be written anew meanwhile; what somebody else is about to free is left out.
FREE: Final = """
    DELETE FROM {table}
    WHERE expires_at <= least(%s, now()) AND (space, key) IN (
        SELECT space, key FROM {table} WHERE expires_at <= least(%s, now())
        ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""

# SQLSTATEs.
NO_TABLE = "42P01"
NO_COLUMN = "42703"
NO_PRIMARY_KEY = "42P10"
NO_RIGHT = "42501"
MADE_ALREADY = ("42P07", "42710", "23505")  # the last two where others make it at the same moment

_TABLE = re.compile("[A-Za-z_][A-Za-z0-9_]{,62}")  # the server cuts off more, and two could be one
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:@?#\s]+))?(?::([0-9]{1,5}))?")


class PostgresStore(NamedStore, ServedStore["PostgresServer"]):
    """Records in a table of the database ``dsn``: ``postgresql://user:password@host:port/database``.

    Parameters of the DSN are libpq's (``sslmode=verify-full``, ...). It takes the extra ``postgres``. Its own
    options are ``table``, made by ``init`` when it is not there, ``"trove_records"`` by itself, and
    ``connections``, how many may be open at once; 10 by itself. ``nodes``, each ``host`` or ``host:port``,
    stand in for the DSN's host. Any number of threads, processes and machines may use one table; a forked
    child makes connections of its own.

    What has expired is hidden by this store's clock, and deleted, by the earlier of this clock and the
    server's, by ``init`` and beside a write, about once a minute or for as long as there is more.

    Raises :class:`~trove.errors.BackendUnavailableError` when no server can be reached, or has not answered
    after ``timeout`` seconds, and :class:`~trove.errors.StorageIOError` for what the server refuses: a right
    that the user lacks, a table of other columns. A server that refuses the user, the password or the
    database counts as not reached: its words are in the error, but libpq has no code that tells them from
    those of one that starts, or has too many connections. The cause is psycopg's error, or a TimeoutError.

    What is read is asked for once more, on another connection, when one ends half way. A write or a delete is
    not, once it may have reached the server: it raises, and whether it was done is not known. Done twice, it
    would undo what others wrote in between; and the first of the two may still be under way when the second
    is answered, and undo what is written after that. What surely was not done is repeated: what was not sent
    yet, as the connection was found ended before, and what the server rolled back for another transaction.

    A connection has settings of its own, the limit of time that ends statements on the server among them.
    So a pooler in between (PgBouncer, ...) has to keep a session for each connection: session pooling.
    """

    OPTIONS: ClassVar[Mapping[str, Any]] = {
        **ServedStore.OPTIONS,
        "table": "trove_records",
        "connections": 10,
    }

    REACHED_BY = ("nodes", "connections", "timeout")
    MOST_NAME_BYTES = 2600
    """Of a space and a key: PostgreSQL's B-tree takes 2,704 with what is around them."""

    _batch = BATCH

    def __init__(self, dsn: str, *, clock: Clock = utc_now, **options: Any) -> None:
        required("PostgresStore", "postgres", "psycopg")
        self._settings = _settings(dsn)
        self._free_at = 0.0
        super().__init__(clock=clock, **options)
        self._keep_reach()

    @property
    def name(self) -> str:
        return "postgres"

    def _check_own(self, options: dict[str, Any]) -> dict[str, Any]:
        checked = super()._check_own(options)
        for node in checked.get("nodes", ()):
            if not _address(node):
                raise InvalidArgumentError("an address in nodes is empty; give host, or host:port")
        table = checked.get("table", "t")
        if not isinstance(table, str) or not _TABLE.fullmatch(table):
            raise InvalidArgumentError(
                f"table is {shown(table)}; give a name of at most 63 letters, digits and '_', no digit first"
            )
        connections = checked.get("connections", 1)
        sound = isinstance(connections, int) and not isinstance(connections, bool)
        if not sound or not 1 <= connections <= MOST_CONNECTIONS:
            raise InvalidArgumentError(
                f"connections is {shown(connections)}; give a whole number from 1 to {MOST_CONNECTIONS:,}"
            )
        return checked

    # The server and its table.

    def _reach(self) -> PostgresServer:
        from .postgres_server import PostgresServer

        nodes = [_address(node) for node in self._options["nodes"]] or [self._settings]
        return PostgresServer(
            self._settings, nodes, connections=self._options["connections"], timeout=self._timeout
        )

    def _prepare(self) -> None:
        self._keep_reach()
        until = self._until()
        if self._made_or_found(until) != COLUMN_TYPES:
            raise self._no_table_of_records("its columns are others")
        try:
            self._rows(LOOK_FOR_PRIMARY_KEY, until=until)
        except StorageIOError as error:
            if _sqlstate(error) == NO_PRIMARY_KEY:
                raise self._no_table_of_records("it has no primary key (space, key)") from error
            if _sqlstate(error) != NO_RIGHT:  # who may only read can do without
                raise
        if more := self._rows(LOOK_FOR_MORE, until=until):
            raise self._no_table_of_records(f"it wants a value in {shown(more[0][0])}")
        self._free_due(until)

    def _made_or_found(self, until: float) -> list[int]:
        """The types of the columns of the table, which is made where there is none."""
        taken: StorageIOError | None = None
        for _ in range(MOST_LOOKS):
            # Another one may make it at the same moment; where it is there, this user need not be able to.
            if (types := self._column_types(until)) is not None:
                return types
            try:
                self._change(CREATE, until=until)
            except StorageIOError as error:
                if _sqlstate(error) not in MADE_ALREADY:
                    raise
                taken = error
            else:
                return COLUMN_TYPES
        raise StorageIOError(
            f"the name {shown(self._options['table'])} is taken by something else, which is no table; give "
            "another one with the option table"
        ) from (taken and taken.__cause__)

    def _no_table_of_records(self, why: str) -> StorageIOError:
        return StorageIOError(
            f"table {shown(self._options['table'])} is no table of records, as {why}; name another one with "
            "the option table"
        )

    def _column_types(self, until: float) -> list[int] | None:
        """The types of the columns, of none where they are others; ``None`` where there is no table."""
        try:
            return self._run(LOOK, (), _types, until, twice=True)
        except StorageIOError as error:
            if _sqlstate(error) == NO_COLUMN:
                return []
            if _sqlstate(error) == NO_TABLE:
                return None
            raise

    def _until(self) -> float:
        return time.monotonic() + self._timeout

    def _run(
        self,
        statement: LiteralString,
        values: Sequence[object],
        read: Callable[[Any], T],
        until: float,
        *,
        twice: bool,
    ) -> T:
        table = self._options["table"]
        return self._asking().run(statement, table, values, read, until, twice=twice)

    def _rows(self, statement: LiteralString, *values: object, until: float | None = None) -> list[Any]:
        """The answer to a statement that changes nothing."""
        return self._run(statement, values, _fetched, until or self._until(), twice=True)

    def _change(self, statement: LiteralString, *values: object, until: float) -> int:
        """How many rows were changed."""
        return self._run(statement, values, _count, until, twice=False)

    # Records.

    def _load(self, space: Space, key: str) -> Stored | None:
        rows = self._rows(LOAD, _space_bytes(space), key.encode())
        return Stored(*rows[0]) if rows else None

    def _load_many(self, space: Space, keys: Sequence[str]) -> Iterable[Stored | None]:
        rows = self._rows(LOAD_MANY, _space_bytes(space), [key.encode() for key in keys])
        found = {key: Stored(*stored) for key, *stored in rows}
        return [found.get(key.encode()) for key in keys]

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        until = self._until()
        self._change(SAVE, _space_bytes(space), key.encode(), *stored, until=until)
        if time.monotonic() >= self._free_at:
            self._free_due(until)

    def _drop(self, space: Space, key: str) -> None:
        self._change(DROP, _space_bytes(space), key.encode(), until=self._until())

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        low, high = _range(prefix.encode())
        end = suffix.encode()
        while True:
            rows = self._rows(KEYS, _space_bytes(space), low, high, len(end), end, now, PAGE_KEYS)
            for (key,) in rows:
                with suppress(UnicodeDecodeError):  # nothing that a store wrote
                    yield key.decode()
            if len(rows) < PAGE_KEYS:
                return
            low = rows[-1][0] + b"\0"  # what comes next

    def _free_due(self, until: float) -> None:
        self._free_at = time.monotonic() + FREE_EVERY
        now = self._clock()
        until = min(until, time.monotonic() + MOST_SECONDS_TO_FREE)
        # It is hidden all the same, and the write is done, also if the store is closed now.
        with suppress(TroveError):
            if self._change(FREE, now, now, FREED_AT_ONCE, until=until) == FREED_AT_ONCE:
                self._free_at = 0.0


def _settings(dsn: str) -> dict[str, str]:
    """``dsn`` as libpq's settings. Nothing of it but the names of parameters is in an error."""
    from .postgres_server import parameters

    parsed = parse_dsn(dsn)
    if parsed.scheme not in SCHEMES:
        raise InvalidDSNError(f"scheme {shown(parsed.scheme)} is not PostgreSQL's; write postgresql://...")
    for name in parsed.params:
        if name not in parameters():
            raise InvalidDSNError(f"unknown parameter {shown(name)}; known are those of libpq's URIs")
    given = {"user": parsed.user, "password": parsed.password, "dbname": parsed.path[1:], **parsed.params}
    return {**_address(parsed.host), **{name: value for name, value in given.items() if value}}


def _address(text: str) -> dict[str, str]:
    """An address as libpq's settings."""
    matched = _ADDRESS.fullmatch(text)
    if not matched:
        # Not shown: it may be a DSN, with a password in it.
        raise InvalidArgumentError("the address of a server is none; give host or host:port, without a user")
    host, port = matched[1] or matched[2], matched[3]
    return {name: value for name, value in (("host", host), ("port", port)) if value}


def _space_bytes(space: Space) -> bytes:
    return name_of(space, "").encode()


def _range(prefix: bytes) -> tuple[bytes, bytes]:
    """From where on and below what the keys are that begin with ``prefix``; UTF-8 has no 0xFF."""
    return prefix, prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else b"\xff"


def _sqlstate(error: StorageIOError) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)


# What is made of the cursor of an answer.


def _fetched(cursor: Any) -> list[Any]:
    rows: list[Any] = cursor.fetchall()
    return rows


def _count(cursor: Any) -> int:
    count: int = cursor.rowcount
    return count


def _types(cursor: Any) -> list[int]:
    return [column.type_code for column in cursor.description]
