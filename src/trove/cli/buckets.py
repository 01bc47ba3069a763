"""`mb`, `rb` and `buckets`: buckets made, removed and listed."""

from __future__ import annotations

import click

from ..driver import Driver, VersioningDriver
from ..errors import BucketNotEmptyError, shown
from . import output
from .listing import objects, print_buckets, versioning
from .location import Location, Stores, pass_stores, whole_bucket, whole_store


@click.command()
@click.argument("location", callback=whole_bucket)
@click.option("--region", help="Where the store is to keep it, if the driver knows regions.")
@click.option("--versioned", is_flag=True, help="Keep old versions of its objects.")
@pass_stores
def mb(stores: Stores, location: Location, region: str | None, versioned: bool) -> None:
    """Make a bucket, and its store where there is none.

    LOCATION is DSN#bucket, or bucket with TROVE_DSN set.
    """
    drv = stores.writer(location, make=True)
    if versioned:
        keeper = versioning(drv)
        keeper.create_bucket(location.bucket, region=region)
        keeper.set_versioning(location.bucket, True)
    else:
        drv.create_bucket(location.bucket, region=region)
    output.line(f"made bucket {output.name(location.bucket)}")


@click.command()
@click.argument("location", callback=whole_bucket)
@click.option("--force", is_flag=True, help="Delete all objects and versions in it first.")
@pass_stores
def rb(stores: Stores, location: Location, force: bool) -> None:
    """Remove an empty bucket.

    LOCATION is DSN#bucket, or bucket with TROVE_DSN set.
    """
    drv = stores.writer(location)
    deleted = empty_bucket(drv, location.bucket) if force else 0
    try:
        drv.delete_bucket(location.bucket)
    except BucketNotEmptyError as error:
        if not force:
            raise
        raise BucketNotEmptyError(
            f"bucket {shown(location.bucket)} still holds something that no listing shows, such as versions "
            "behind a delete marker; 'trove versions' lists them by key, 'trove rm --version' deletes them"
        ) from error
    with_what = f" and the {output.counted(deleted, 'object')} in it" if deleted else ""
    output.line(f"removed bucket {output.name(location.bucket)}{with_what}")


def empty_bucket(drv: Driver, bucket: str) -> int:
    """Delete every object that a listing of the bucket shows, with all its versions; their number."""
    deleted = 0
    for info in objects(drv, bucket):
        if isinstance(drv, VersioningDriver):
            for version in drv.list_versions(bucket, info.key):
                drv.delete_version(bucket, info.key, version.version_id)
        else:
            drv.delete(bucket, info.key)
        deleted += 1
    return deleted


@click.command()
@click.argument("location", metavar="[DSN]", required=False, callback=whole_store)
@click.option("-l", "--long", is_flag=True, help="Show the time of creation (UTC) too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@pass_stores
def buckets(stores: Stores, location: Location, long: bool, as_json: bool) -> None:
    """List the buckets of a store.

    They come by name. Without a DSN, TROVE_DSN names the store.
    """
    print_buckets(stores.driver(location), long=long, as_json=as_json)
