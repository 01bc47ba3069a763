"""`ls` and `versions`: what is there."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

import click

from ..driver import Driver, ObjectInfo, VersioningDriver
from ..errors import InvalidArgumentError
from . import output
from .location import Location, Stores, any_location, object_location, pass_stores


def entries(drv: Driver, bucket: str, prefix: str = "", delimiter: str = "") -> Iterator[ObjectInfo | str]:
    """All objects, and common prefixes as ``str``, in order; one page at a time is held."""
    cursor = ""
    while True:
        with drv.list(bucket, prefix=prefix, delimiter=delimiter, cursor=cursor) as page:
            parts: tuple[Iterable[ObjectInfo | str], ...] = (page, page.prefixes)
            yield from heapq.merge(*parts, key=_place_in_order)
            cursor = page.next_token
        if not cursor:
            return


def _place_in_order(entry: ObjectInfo | str) -> str:
    return entry if isinstance(entry, str) else entry.key


def objects(drv: Driver, bucket: str, prefix: str = "") -> Iterator[ObjectInfo]:
    """All objects below a prefix, in order; deleting them meanwhile is fine."""
    return (entry for entry in entries(drv, bucket, prefix) if isinstance(entry, ObjectInfo))


@click.command()
@click.argument("location", required=False, callback=any_location)
@click.option("-r", "--recursive", is_flag=True, help="List all keys, not only up to the next '/'.")
@click.option("-l", "--long", is_flag=True, help="Show size in bytes and time (UTC) too.")
@click.option("--delimiter", default="/", show_default=True, help="Roll keys up at this.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@pass_stores
def ls(
    stores: Stores, location: Location, recursive: bool, long: bool, delimiter: str, as_json: bool
) -> None:
    """List the keys of a bucket.

    LOCATION is a bucket, or a bucket and a prefix that the keys begin with (bucket/2026/). Keys are
    printed whole, as the other verbs take them, in the order of their bytes and as they come, however
    many there are. What has a '/' behind the prefix is rolled up to one line that ends with '/'.
    Without a bucket, the buckets are listed. On a terminal, characters that are not printable are shown
    as escapes; --json is exact for any key. Nothing found is no error.
    """
    drv = stores.driver(location)
    if not location.bucket:
        print_buckets(drv, long=long, as_json=as_json)
        return
    for entry in entries(drv, location.bucket, location.key, "" if recursive else delimiter):
        _print_entry(entry, long=long, as_json=as_json)


def print_buckets(drv: Driver, *, long: bool, as_json: bool) -> None:
    """Print the buckets of a store, by name."""
    for bucket in drv.list_buckets():
        if as_json:
            output.json_line(output.bucket_json(bucket))
        else:
            time = f"{output.timestamp(bucket.created_at)}  " if long else ""
            output.line(f"{time}{output.name(bucket.name)}")


def _print_entry(entry: ObjectInfo | str, *, long: bool, as_json: bool) -> None:
    if isinstance(entry, str):
        if as_json:
            output.json_line({"type": "prefix", "prefix": entry})
        else:
            output.line(f"{'-':>14}  {'-':<20}  {output.name(entry)}" if long else output.name(entry))
    elif as_json:
        output.json_line({"type": "object", **output.object_json(entry)})
    elif long:
        time = output.timestamp(entry.last_modified)
        output.line(f"{entry.size:>14}  {time:<20}  {output.name(entry.key)}")
    else:
        output.line(output.name(entry.key))


@click.command()
@click.argument("location", callback=object_location)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@pass_stores
def versions(stores: Stores, location: Location, as_json: bool) -> None:
    """List the versions of an object.

    They come newest first. 'trove mb --versioned' makes a bucket that keeps versions; get, cat, stat
    and rm take one with --version.
    """
    drv = versioning(stores.driver(location))
    found = drv.list_versions(location.bucket, location.key)
    if not found:
        drv.head(location.bucket, location.key)  # says that the object is not there
    if as_json:
        for each in found:
            output.json_line(output.version_json(each))
        return
    output.table(
        [("VERSION", "SIZE", "TIME", "")]
        + [
            (
                each.version_id or "(unversioned)",
                str(each.size),
                output.timestamp(each.last_modified),
                " ".join(
                    note
                    for note, is_so in (
                        ("latest", each.is_latest),
                        ("delete marker", each.is_delete_marker),
                    )
                    if is_so
                ),
            )
            for each in found
        ],
        right=(1,),
    )


def versioning(drv: Driver) -> VersioningDriver:
    """``drv`` as one that keeps versions. Raises InvalidArgumentError when it does not."""
    if not isinstance(drv, VersioningDriver):
        raise InvalidArgumentError(
            f"driver {drv.name!r} keeps no versions; 'trove drivers' shows those with VersioningDriver"
        )
    return drv
