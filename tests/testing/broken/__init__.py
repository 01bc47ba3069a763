"""Deliberately broken drivers, one fault each, with the tests that must fail on them and no others."""

from . import (
    buckets,
    data,
    info,
    lifecycle,
    listing,
    multipart,
    names,
    notification,
    objects,
    pages,
    quotas,
    range_reads,
    ranges,
    server_copy,
    versioning,
    writes,
)
from .fault import FAULTS, RACES, Fault

__all__ = [
    "FAULTS",
    "RACES",
    "Fault",
    "buckets",
    "data",
    "info",
    "lifecycle",
    "listing",
    "multipart",
    "names",
    "notification",
    "objects",
    "pages",
    "quotas",
    "range_reads",
    "ranges",
    "server_copy",
    "versioning",
    "writes",
]
