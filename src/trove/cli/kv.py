"""`kv put`, `kv get`, `kv del` and `kv ls`: records with expiry, in a bucket of any store."""

from __future__ import annotations

import os
from datetime import timedelta
from io import BytesIO
from typing import Any

import click

from ..store import DriverStore, Record
from . import output
from .location import (
    Location,
    Stores,
    bucket_location,
    object_location,
    object_locations,
    pass_stores,
)
from .streams import BLOCK_SIZE, Piped, copy_out
from .values import duration

_namespace = click.option("--namespace", default="", metavar="NAME", help="The records of that namespace.")
_count = click.IntRange(min=0)


@click.group()
def kv() -> None:
    """Keep small records under keys, each with an expiry of its own.

    LOCATION is a bucket that holds records, and the key of one: DSN#bucket/key, or bucket/key with TROVE_DSN.
    """


@kv.command()
@click.argument("location", callback=object_location)
@click.argument("value")
@click.option("--ttl", callback=duration, metavar="DURATION", help="Gone after this long: 90s, 15m, 1h30m.")
@_namespace
@pass_stores
def put(stores: Stores, location: Location, value: str, ttl: timedelta | None, namespace: str) -> None:
    """Keep VALUE as a record; '-' reads it from standard input.

    The bucket is made when it is not there, the store is not.
    """
    records = DriverStore(stores.writer(location), bucket=location.bucket, namespace=namespace)
    records.write(Record(location.key, _piped() if value == "-" else os.fsencode(value)), ttl=ttl)


@kv.command()
@click.argument("location", callback=object_location)
@_namespace
@pass_stores
def get(stores: Stores, location: Location, namespace: str) -> None:
    """Write the value of a record to standard output, as it is."""
    (record,) = _reading(stores, location, namespace).read(location.key)
    copy_out(BytesIO(record.value))


@kv.command("del")
@click.argument("locations", callback=object_locations, nargs=-1, required=True, metavar="LOCATION...")
@_namespace
@pass_stores
def delete(stores: Stores, locations: tuple[Location, ...], namespace: str) -> None:
    """Delete records; that one is missing is no error."""
    for location in locations:
        stores.will_write(location)
    for location in locations:
        _reading(stores, location, namespace).delete(location.key)


@kv.command()
@click.argument("location", callback=bucket_location)
@click.option("--suffix", default="", metavar="TEXT", help="Only keys that end with this.")
@click.option("--limit", default=0, type=_count, metavar="N", help="At most so many; 0, the default, is all.")
@click.option("--offset", default=0, type=_count, metavar="N", help="Leave out the first N.")
@_namespace
@pass_stores
def ls(stores: Stores, /, location: Location, namespace: str, **given: Any) -> None:
    """List the keys of records, in order.

    What stands behind the bucket in LOCATION is a prefix: of bucket/user- the keys begin with 'user-'.
    """
    for key in _reading(stores, location, namespace).list(prefix=location.key, **given):
        output.line(output.name(key))


def _reading(stores: Stores, location: Location, namespace: str) -> DriverStore:
    """The records of a bucket that is there: verbs that read make none."""
    driver = stores.driver(location)
    driver.list(location.bucket, max_keys=1).close()
    return DriverStore(driver, bucket=location.bucket, namespace=namespace)


def _piped() -> bytes:
    with Piped() as source:
        return b"".join(iter(lambda: source.read(BLOCK_SIZE), b""))
