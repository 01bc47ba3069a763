"""Locations: where a store, a bucket or an object is, as the command line writes it."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from dataclasses import dataclass, field

import click

import trove

from ..driver import Driver, check_bucket, check_key, parse_dsn
from ..errors import InvalidArgumentError, shown

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


def parse_location(text: str) -> Location:
    """``text`` as a location. Raises InvalidArgumentError when it names no store."""
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
    """The stores of one run of the command: each DSN opened once, all closed at the end."""

    def __init__(self) -> None:
        self._drivers: dict[str, Driver] = {}
        self._closing = ExitStack()

    def driver(self, location: Location) -> Driver:
        """The open driver of a location."""
        if location.dsn not in self._drivers:
            self._drivers[location.dsn] = self._closing.enter_context(trove.open(location.dsn))
        return self._drivers[location.dsn]

    def __enter__(self) -> Stores:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._drivers.clear()
        self._closing.close()


pass_stores = click.make_pass_decorator(Stores)
