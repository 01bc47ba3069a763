"""Locations: where a store, a bucket or an object is, as the command line writes it."""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from dataclasses import dataclass, field

import click

import trove

from ..driver import Driver, check_bucket, check_key, parse_dsn
from ..errors import InvalidArgumentError
from .failure import keep_secret

ENVIRONMENT = "TROVE_DSN"
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
            what = f"{text!r} names no store" if text else "no store is named"
            raise InvalidArgumentError(f"{what}; {_FORM}")
    keep_secret(parse_dsn(dsn))
    bucket, _, key = rest.partition("/")
    if bucket:
        check_bucket(bucket)
    elif key:
        raise InvalidArgumentError(f"the location has the key {key!r} but no bucket; {_FORM}")
    if key:
        check_key(key)
    return Location(dsn, bucket, key)


# Callbacks for click: a location as deep as a verb needs it.


def object_location(ctx: click.Context, param: click.Parameter, value: str) -> Location:
    """A location with a key."""
    location = bucket_location(ctx, param, value)
    if not location.key:
        raise InvalidArgumentError(
            f"the location names bucket {location.bucket!r} but no key; add '/' and the key"
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
        raise InvalidArgumentError(f"the location names the key {location.key!r}; give a bucket alone")
    return location


def any_location(ctx: click.Context, param: click.Parameter, value: str | None) -> Location:
    """A location of any depth; none given is the store that the environment names."""
    return parse_location(value or "")


def whole_store(ctx: click.Context, param: click.Parameter, value: str | None) -> Location:
    """A DSN, by itself; none given is the one that the environment names."""
    location = parse_location(value or "")
    if location.bucket:
        raise InvalidArgumentError(f"the location names the bucket {location.bucket!r}; give a DSN alone")
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
