"""`put`, `get`, `cat`, `stat` and `rm`: single objects."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from ..driver import BucketInfo, Driver, PutOptions, VersioningDriver
from ..errors import (
    BucketNotFoundError,
    InvalidArgumentError,
    ObjectNotFoundError,
    PreconditionFailedError,
    shown,
)
from . import output
from .listing import objects
from .local import file_target, open_source, replacing
from .location import (
    Location,
    Stores,
    bucket_location,
    bucket_locations,
    object_location,
    object_locations,
    pass_stores,
)
from .progress import Progress
from .streams import BLOCK_SIZE, Piped, copy_out
from .values import byte_range, duration, instant, pairs

_range_option = click.option(
    "--range",
    "byte_range",
    callback=byte_range,
    metavar="RANGE",
    help="Only these bytes: 0-1023 (the first 1,024), 1024- (from there on) or -100 (the last 100).",
)
_version_option = click.option("--version", "version_id", metavar="ID", help="That version of the object.")
_json_option = click.option("--json", "as_json", is_flag=True, help="Print the object's info as JSON.")


# Writing.


@click.command()
@click.argument("file")
@click.argument("location", callback=bucket_location)
@click.option("--content-type", metavar="TYPE", help="As in image/jpeg; guessed from the key if left out.")
@click.option("--metadata", multiple=True, callback=pairs, metavar="NAME=VALUE", help="May be repeated.")
@click.option("--tag", "tags", multiple=True, callback=pairs, metavar="NAME=VALUE", help="May be repeated.")
@click.option("--storage-class", metavar="CLASS", help="If the driver knows storage classes.")
@click.option(
    "--expires-in",
    callback=duration,
    metavar="DURATION",
    help="Gone after this long: 90s, 15m, 12h, 7d, 1h30m.",
)
@click.option(
    "--expires-at", callback=instant, metavar="TIME", help="Gone at this time: 2027-01-31T12:00:00Z."
)
@click.option("--if-match", metavar="ETAG", help="Only replace the content that has this etag.")
@click.option("--if-none-match", type=click.Choice(["*"]), help="Only create, never replace.")
@click.option("--create", is_flag=True, help="The same as --if-none-match '*'.")
@_json_option
@pass_stores
def put(stores: Stores, /, file: str, location: Location, as_json: bool, **given: Any) -> None:
    """Store a file as an object.

    FILE '-' is standard input. A LOCATION that is only a bucket, or ends with '/', takes the file's
    name. The object appears whole or, when anything fails, not at all.
    """
    options = _put_options(**given)
    if not location.key or location.key.endswith("/"):
        basename = os.path.basename(file)
        if file == "-" or not basename:
            raise InvalidArgumentError(f"{file!r} gives the object no name; add a key to the location")
        location = Location(location.dsn, location.bucket, location.key + basename)
    total = None if file == "-" else _size(file)
    with _source(file) as source, Progress(output.printable(location.basename), total) as progress:
        try:
            info = stores.writer(location).put(
                location.bucket, location.key, progress.reading(source), **options
            )
        except PreconditionFailedError as error:
            raise PreconditionFailedError(_condition_text(location, options["if_match"])) from error
    if as_json:
        output.json_line({"bucket": location.bucket, **output.object_json(info)})
    else:
        version = f", version {info.version_id}" if info.version_id else ""
        output.line(
            f"stored {output.name(str(location))}: {output.counted(info.size, 'byte')}, "
            f"etag {info.etag}{version}"
        )


def _put_options(
    *, expires_in: timedelta | None, create: bool, if_none_match: str | None, **rest: Any
) -> PutOptions:
    if expires_in is not None and rest["expires_at"] is not None:
        raise InvalidArgumentError("--expires-in and --expires-at exclude each other; give one of them")
    if create and rest["if_match"] is not None:
        raise InvalidArgumentError("--create and --if-match exclude each other; give one of them")
    options: PutOptions = {**rest}  # type: ignore[typeddict-item]
    if expires_in is not None:
        options["expires_at"] = datetime.now(UTC) + expires_in
    options["if_none_match"] = "*" if create else if_none_match
    return options


def _condition_text(location: Location, if_match: str | None) -> str:
    key, bucket = shown(location.key), shown(location.bucket)
    if if_match is None:
        return f"object {key} exists already in bucket {bucket}; without the condition it is replaced"
    return (
        f"bucket {bucket} has no object {key} with the etag {shown(if_match)}; 'trove stat' shows the etag "
        "that it has now, if it is there"
    )


def _source(file: str) -> Any:
    return Piped() if file == "-" else open_source(file)


def _size(file: str) -> int | None:
    return os.path.getsize(file) if os.path.isfile(file) else None


@click.command()
@click.argument("locations", callback=object_locations, nargs=-1, required=True, metavar="LOCATION...")
@click.option("-r", "--recursive", is_flag=True, help="Delete the object and all below LOCATION/.")
@click.option("-f", "--force", is_flag=True, help="What is missing is no error.")
@click.option("--version", "version_id", metavar="ID", help="Delete only that version, for good.")
@pass_stores
def rm(
    stores: Stores, locations: tuple[Location, ...], recursive: bool, force: bool, version_id: str | None
) -> None:
    """Delete objects.

    With -r, LOCATION is taken as a folder: bucket/2026 deletes '2026' and '2026/...', but
    not '2026-old'. In a bucket that keeps versions a deletion only hides the object. 'trove rb --force'
    deletes a whole bucket.
    """
    if version_id is not None and (recursive or len(locations) > 1):
        raise InvalidArgumentError("--version names a version of one object; give one LOCATION, without -r")
    for location in locations:
        drv = stores.writer(location)
        if recursive:
            _delete_tree(drv, location, force=force)
            continue
        if version_id is None and not _exists(drv, location):
            # A driver's delete() is silent about what is missing; a person may have mistyped it.
            if force:
                continue
            raise ObjectNotFoundError.of(location.bucket, location.key)
        drv.delete(location.bucket, location.key, version_id=version_id)
        output.line(f"deleted {output.name(str(location))}")


def _delete_tree(drv: Driver, location: Location, *, force: bool) -> None:
    deleted = 0
    for info in objects(drv, location.bucket, location.folder):
        drv.delete(location.bucket, info.key)
        deleted += 1
    if location.key != location.folder and _exists(drv, location):
        drv.delete(location.bucket, location.key)
        deleted += 1
    if not deleted and not force:
        raise ObjectNotFoundError(
            f"there is no object {shown(location.key)} in bucket {shown(location.bucket)}, and none below "
            f"{shown(location.folder)}; 'trove ls' shows those that are there"
        )
    output.line(f"deleted {output.counted(deleted, 'object')} in {output.name(str(location))}")


def _exists(drv: Driver, location: Location) -> bool:
    try:
        drv.head(location.bucket, location.key)
    except ObjectNotFoundError:
        return False
    return True


# Reading.


@click.command()
@click.argument("location", callback=object_location)
@click.argument("file", required=False)
@_range_option
@_version_option
@_json_option
@pass_stores
def get(
    stores: Stores,
    location: Location,
    file: str | None,
    byte_range: str | None,
    version_id: str | None,
    as_json: bool,
) -> None:
    """Write an object to a file.

    FILE '-' is standard output. Without FILE, or when it is a folder, the file is named as the last
    part of the key. FILE is replaced when all bytes have arrived; when anything fails it stays as it
    was.
    """
    drv = stores.driver(location)
    if file == "-" and as_json:
        raise InvalidArgumentError("--json and '-' would both write to standard output; give one of them")
    with drv.get(location.bucket, location.key, range=byte_range, version_id=version_id) as reader:
        if file == "-":
            copy_out(reader)
            return
        path = file_target(file or "./", location.basename)
        total = None if byte_range else reader.info.size
        with Progress(output.printable(location.basename), total) as progress, replacing(path) as target:
            shutil.copyfileobj(progress.reading(reader), target, BLOCK_SIZE)
        info = reader.info
    if as_json:
        output.json_line({"bucket": location.bucket, **output.object_json(info), "file": path})
    else:
        output.line(f"wrote {output.name(path)}: {output.counted(progress.count, 'byte')}")


@click.command()
@click.argument("locations", callback=object_locations, nargs=-1, required=True, metavar="LOCATION...")
@_range_option
@_version_option
@pass_stores
def cat(
    stores: Stores, locations: tuple[Location, ...], byte_range: str | None, version_id: str | None
) -> None:
    """Write objects to standard output."""
    if version_id is not None and len(locations) > 1:
        raise InvalidArgumentError("--version names a version of one object; give one LOCATION")
    for location in locations:
        drv = stores.driver(location)
        with drv.get(location.bucket, location.key, range=byte_range, version_id=version_id) as reader:
            copy_out(reader)


@click.command()
@click.argument("locations", callback=bucket_locations, nargs=-1, required=True, metavar="LOCATION...")
@_version_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@pass_stores
def stat(stores: Stores, locations: tuple[Location, ...], version_id: str | None, as_json: bool) -> None:
    """Show what is known of objects or buckets."""
    if version_id is not None and (len(locations) > 1 or not locations[0].key):
        raise InvalidArgumentError("--version names a version of one object; give one LOCATION with a key")
    for at, location in enumerate(locations):
        drv = stores.driver(location)
        if location.key:
            info = drv.head(location.bucket, location.key, version_id=version_id)
            facts = {"bucket": location.bucket, **output.object_json(info)}
        else:
            facts = _bucket_facts(drv, location.bucket)
        if as_json:
            output.json_line(facts)
            continue
        if at:
            output.line("")
        _print_facts(facts)


def _bucket_facts(drv: Driver, name: str) -> dict[str, Any]:
    found: BucketInfo | None = next((each for each in drv.list_buckets() if each.name == name), None)
    if found is None:
        raise BucketNotFoundError.of(name)
    versioned = isinstance(drv, VersioningDriver) and drv.get_versioning(name)
    return {**output.bucket_json(found), "versioned": versioned}


def _print_facts(facts: dict[str, Any]) -> None:
    rows: list[tuple[str, str]] = []
    for fact, value in facts.items():
        label = fact.replace("_", " ")
        if isinstance(value, dict):
            rows += [
                (label if not at else "", f"{name}={text}") for at, (name, text) in enumerate(value.items())
            ]
        elif fact == "size":
            human = f" ({output.size(value)})" if value >= 1000 else ""
            rows.append((label, f"{output.counted(value, 'byte')}{human}"))
        elif isinstance(value, bool):
            rows.append((label, "yes" if value else "no"))
        elif value != "":
            rows.append((label, str(value)))
    output.table([(label, output.name(text)) for label, text in rows])
