"""Deliberately broken drivers, one fault each, with the tests that must fail on them and no others."""

from . import (
    buckets,
    lifecycle,
    listing,
    multipart,
    names,
    notification,
    objects,
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
    "lifecycle",
    "listing",
    "multipart",
    "names",
    "notification",
    "objects",
    "quotas",
    "range_reads",
    "ranges",
    "server_copy",
    "versioning",
    "writes",
]
