"""`quota`: the limits of a bucket or of a store, shown, set and taken off."""

from __future__ import annotations

from dataclasses import asdict, replace

import click

from ..driver import Driver, Quota, QuotaDriver
from ..errors import InvalidArgumentError, shown
from . import output
from .location import Location, Stores, any_location, pass_stores
from .values import limit


@click.command()
@click.argument("location", metavar="[LOCATION]", required=False, callback=any_location)
@click.option("--max-bytes", metavar="N", callback=limit, help="Bytes that it may hold, or 'none'.")
@click.option("--max-objects", metavar="N", callback=limit, help="Objects that it may hold, or 'none'.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@pass_stores
def quota(
    stores: Stores, location: Location, max_bytes: str | None, max_objects: str | None, as_json: bool
) -> None:
    """Show or change what a bucket or a store may hold.

    LOCATION is DSN#bucket, or a DSN for the store with all its buckets. A limit that is not given stays
    as it is, and 'none' takes it off. Old versions and parts of unfinished uploads count too. Without a
    location, TROVE_DSN names the store.
    """
    if location.key:
        raise InvalidArgumentError(
            f"the location names the key {shown(location.key)}; give a bucket or a DSN"
        )
    bucket = location.bucket or None
    given = {"max_bytes": max_bytes, "max_objects": max_objects}
    changes = {
        name: None if text == "none" else int(text) for name, text in given.items() if text is not None
    }
    drv = _limiting(stores.writer(location) if changes else stores.driver(location))
    found = drv.get_quota(bucket)
    if changes:
        found = replace(found, **changes)
        drv.set_quota(bucket, max_bytes=found.max_bytes, max_objects=found.max_objects)
    _print(found, as_json=as_json)


def _limiting(drv: Driver) -> QuotaDriver:
    if not isinstance(drv, QuotaDriver):
        raise InvalidArgumentError(
            f"driver {drv.name!r} keeps no quotas; 'trove drivers' shows those with QuotaDriver"
        )
    return drv


def _print(found: Quota, *, as_json: bool) -> None:
    if as_json:
        output.json_line(asdict(found))
        return
    most = found.max_bytes
    output.table(
        [
            ("bytes", "no limit" if most is None else f"{most:,}", "" if most is None else output.size(most)),
            ("objects", "no limit" if found.max_objects is None else f"{found.max_objects:,}", ""),
        ],
        right=(1, 2),
    )
