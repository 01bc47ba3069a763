"""Locations: where a store, a bucket or an object is, as the command line writes it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import click

import trove

from .. import store
from ..driver import Driver, check_bucket, check_key, lookup, parse_dsn
from ..errors import InvalidArgumentError, NotFoundError, shown
from ..store import Store

ENVIRONMENT = "TROVE_DSN"
# The schemes of stores that are folders of this machine.
_LOCAL = frozenset({"file", "local", "trove"})
_DSN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_FORM = f"write DSN#bucket/key, or set {ENVIRONMENT} and write bucket/key"


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a store; ``bucket`` is ``""`` for the whole store, ``key`` for the whole bucket."""

    dsn: str = field(repr=False)
    bucket: str = ""
    key: str = ""

    def __str__(self) -> str:
        """``bucket/key``: the DSN, which may hold a password, stays out."""
        return f"{self.bucket}/{self.key}" if self.key else self.bucket

    @property
    def basename(self) -> str:
        """The last part of the key; ``""`` when the key ends with ``/``."""
        return self.key.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The key as the prefix of what is below it: ending with ``/``, or ``""`` for the bucket."""
        return self.key if not self.key or self.key.endswith("/") else self.key + "/"

    @property
    def store_folder(self) -> str | None:
        """The real path of the local folder that the store is; ``None`` when it is elsewhere."""
        dsn = parse_dsn(self.dsn)
        return os.path.realpath(dsn.host + dsn.path) if dsn.scheme in _LOCAL else None


def has_dsn(text: str) -> bool:
    """Whether ``text`` begins with a DSN."""
    return _DSN.match(text) is not None


def split_location(text: str) -> tuple[str, str]:
    """The DSN of a location, and what follows it. Raises InvalidArgumentError when it names no store."""
    if has_dsn(text):
        # The first '#' ends the DSN, which can't hold one; behind it all is literal.
        dsn, _, rest = text.partition("#")
    else:
        dsn, rest = os.environ.get(ENVIRONMENT, ""), text
        if not dsn:
            what = "no store is named"
            if text:
                # A mistyped DSN may hold a password.
                what = f"{'the location' if ':' in text or '@' in text else shown(text)} names no store"
            raise InvalidArgumentError(f"{what}; {_FORM}")
    parse_dsn(dsn)  # refuses a malformed one before anything is opened
    return dsn, rest


def parse_location(text: str) -> Location:
    """``text`` as a location. Raises InvalidArgumentError when it names no store."""
    dsn, rest = split_location(text)
    bucket, _, key = rest.partition("/")
    if bucket:
        check_bucket(bucket)
    elif key:
        raise InvalidArgumentError(f"the location has the key {shown(key)} but no bucket; {_FORM}")
    if key:
        check_key(key)
    return Location(dsn, bucket, key)


# Callbacks for click: a location as deep as a verb needs it.


def object_location(ctx: click.Context, param: click.Parameter, value: str) -> Location:
    """A location with a key."""
    location = bucket_location(ctx, param, value)
    if not location.key:
        raise InvalidArgumentError(
            f"the location names bucket {shown(location.bucket)} but no key; add '/' and the key"
        )
    return location


def object_locations(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[Location, ...]:
    """Locations with a key each."""
    return tuple(object_location(ctx, param, value) for value in values)


def bucket_location(ctx: click.Context, param: click.Parameter, value: str) -> Location:
    """A location with a bucket and perhaps a key."""
    location = parse_location(value)
    if not location.bucket:
        raise InvalidArgumentError(f"the location names no bucket; {_FORM}")
    return location


def bucket_locations(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[Location, ...]:
    """Locations with a bucket each."""
    return tuple(bucket_location(ctx, param, value) for value in values)


def whole_bucket(ctx: click.Context, param: click.Parameter, value: str) -> Location:
    """A location of a bucket, without a key."""
    location = bucket_location(ctx, param, value)
    if location.key:
        raise InvalidArgumentError(f"the location names the key {shown(location.key)}; give a bucket alone")
    return location


def any_location(ctx: click.Context, param: click.Parameter, value: str | None) -> Location:
    """A location of any depth; none given is the store that the environment names."""
    return parse_location(value or "")


def whole_store(ctx: click.Context, param: click.Parameter, value: str | None) -> Location:
    """A DSN, by itself; none given is the one that the environment names."""
    location = parse_location(value or "")
    if location.bucket:
        raise InvalidArgumentError(
            f"the location names the bucket {shown(location.bucket)}; give a DSN alone"
        )
    return location


class Stores:
    """The stores of one run of the command: each DSN opened once, all closed at the end.

    A store that is not there is not made, unless the verb is there to make one: whoever mistypes a path is to
    hear so. Drivers help with two attributes beyond the contract: ``check_there(dsn)`` raises NotFoundError
    where ``open`` would make a store, and ``READ_ONLY`` has the options with which ``open`` changes nothing.
    """

    def __init__(self) -> None:
        self._drivers: dict[str, Driver] = {}
        self._records: dict[object, Store] = {}
        self._written: set[str] = set()
        self._closing = ExitStack()

    def will_write(self, location: Location) -> None:
        """Have the store of a location opened to write, also by those who ask for it to read."""
        self._written.add(_store_of(location))

    def writer(self, location: Location, *, make: bool = False) -> Driver:
        """The driver of a location, open to write; ``make`` a new store where none is."""
        self.will_write(location)
        return self._open(location, make=make)

    def driver(self, location: Location) -> Driver:
        """The driver of a location, open to read; also to write, if the run writes to its store."""
        return self._open(location, make=False)

    def records(self, dsn: str, **options: str) -> Store:
        """The store of records for ``dsn``, with ``options``."""
        name = dsn, *sorted(options.items())
        if name not in self._records:
            self._records[name] = self._closing.enter_context(store.open(dsn, **options))
        return self._records[name]

    def _open(self, location: Location, *, make: bool) -> Driver:
        dsn = location.dsn
        if dsn not in self._drivers:
            parsed = parse_dsn(dsn)
            factory = lookup(parsed.scheme)
            if not make:
                _check_there(factory, location)
            options = {} if _store_of(location) in self._written else getattr(factory, "READ_ONLY", {})
            if not options.keys().isdisjoint(parsed.params):
                options = {}  # the user says how
            self._drivers[dsn] = self._closing.enter_context(trove.open(dsn, **options))
        return self._drivers[dsn]

    def __enter__(self) -> Stores:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._drivers.clear()
        self._records.clear()
        self._closing.close()


def _store_of(location: Location) -> str:
    """What two locations in one store have in common, as far as can be told from their DSNs."""
    return location.store_folder or location.dsn


def _check_there(factory: object, location: Location) -> None:
    check = getattr(factory, "check_there", None)
    if check is not None:
        with no_store_in_verbs(location):
            check(location.dsn)


@contextmanager
def no_store_in_verbs(location: Location) -> Iterator[None]:
    """A store that is not found is told with a remedy in verbs of this command."""
    try:
        yield
    except NotFoundError as error:
        where = location.store_folder
        if where is None:
            raise
        raise NotFoundError(
            f"there is no store in {where}; check the path, or make one with 'trove mb'"
        ) from error


pass_stores = click.make_pass_decorator(Stores)
