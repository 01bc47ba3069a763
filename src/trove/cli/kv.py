"""`kv put`, `kv get`, `kv del` and `kv ls`: records with expiry, in a bucket or a store of records."""

from __future__ import annotations

import os
from datetime import timedelta
from io import BytesIO
from typing import Any

import click

from .. import store as records
from ..driver import lookup, parse_dsn
from ..errors import InvalidArgumentError
from ..store import DriverStore, Record, Store
from ..store.opening import unknown
from . import output
from .location import (
    Location,
    Stores,
    bucket_location,
    object_location,
    pass_stores,
    split_location,
)
from .streams import BLOCK_SIZE, Piped, copy_out
from .values import duration

_namespace = click.option("--namespace", metavar="NAME", help="The records of that namespace.")
_count = click.IntRange(min=0)


def _record(ctx: click.Context, param: click.Parameter, value: str) -> Location:
    """The location of one record."""
    dsn, key = split_location(value)
    if not _holds_records_only(dsn):
        return object_location(ctx, param, value)
    if not key:
        raise InvalidArgumentError("the location names a store of records but no key; add '#' and the key")
    return Location(dsn, key=key)


def _some_records(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[Location, ...]:
    """Locations of one record each."""
    return tuple(_record(ctx, param, value) for value in values)


def _records(ctx: click.Context, param: click.Parameter, value: str | None) -> Location:
    """The location of records whose keys begin with its key; left out it is all of a store of records."""
    dsn, prefix = split_location(value or "")
    return Location(dsn, key=prefix) if _holds_records_only(dsn) else bucket_location(ctx, param, value or "")


def _holds_records_only(dsn: str) -> bool:
    scheme = parse_dsn(dsn).scheme
    if lookup(scheme) is not None:
        return False
    if records.lookup(scheme) is None:
        raise unknown(scheme)
    return True


@click.group()
def kv() -> None:
    """Keep small records under keys, each with an expiry of its own.

    LOCATION is a bucket that holds records, and the key of one: DSN#bucket/key, or bucket/key with TROVE_DSN.
    In a store of records, such as postgresql://, there are no buckets: DSN#key. What it keeps them in, a
    table for one, is made when it is not there.
    """


@kv.command()
@click.argument("location", callback=_record)
@click.argument("value")
@click.option("--ttl", callback=duration, metavar="DURATION", help="Gone after this long: 90s, 15m, 1h30m.")
@_namespace
@pass_stores
def put(stores: Stores, location: Location, value: str, ttl: timedelta | None, namespace: str | None) -> None:
    """Keep VALUE as a record; '-' reads it from standard input.

    The bucket is made when it is not there, the store is not.
    """
    store = _opened(stores, location, namespace, write=True)
    store.write(Record(location.key, _piped() if value == "-" else os.fsencode(value)), ttl=ttl)


@kv.command()
@click.argument("location", callback=_record)
@_namespace
@pass_stores
def get(stores: Stores, location: Location, namespace: str | None) -> None:
    """Write the value of a record to standard output, as it is."""
    (record,) = _opened(stores, location, namespace).read(location.key)
    copy_out(BytesIO(record.value))


@kv.command("del")
@click.argument("locations", callback=_some_records, nargs=-1, required=True, metavar="LOCATION...")
@_namespace
@pass_stores
def delete(stores: Stores, locations: tuple[Location, ...], namespace: str | None) -> None:
    """Delete records; that one is missing is no error."""
    for location in locations:
        stores.will_write(location)
    for location in locations:
        _opened(stores, location, namespace).delete(location.key)


@kv.command()
@click.argument("location", callback=_records, required=False)
@click.option("--suffix", default="", metavar="TEXT", help="Only keys that end with this.")
@click.option("--limit", default=0, type=_count, metavar="N", help="At most so many; 0, the default, is all.")
@click.option("--offset", default=0, type=_count, metavar="N", help="Leave out the first N.")
@_namespace
@pass_stores
def ls(stores: Stores, /, location: Location, namespace: str | None, **given: Any) -> None:
    """List the keys of records, in order.

    What stands in the place of a key in LOCATION is a prefix: of bucket/user- the keys begin with 'user-'. It
    can be left out where TROVE_DSN is a store of records.
    """
    for key in _opened(stores, location, namespace).list(prefix=location.key, **given):
        output.line(output.name(key))


def _opened(stores: Stores, location: Location, namespace: str | None, *, write: bool = False) -> Store:
    options: dict[str, Any] = {} if namespace is None else {"namespace": namespace}
    if not location.bucket:
        if options.keys() & parse_dsn(location.dsn).params:
            raise InvalidArgumentError(
                "a namespace stands in the DSN, too; give it there, or with --namespace"
            )
        return stores.records(location.dsn, **options)
    if write:
        return DriverStore(stores.writer(location), bucket=location.bucket, **options)
    driver = stores.driver(location)
    driver.list(location.bucket, max_keys=1).close()  # it is there: verbs that read make none
    return DriverStore(driver, bucket=location.bucket, **options)


def _piped() -> bytes:
    with Piped() as source:
        return b"".join(iter(lambda: source.read(BLOCK_SIZE), b""))
