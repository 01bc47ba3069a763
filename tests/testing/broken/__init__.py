"""Deliberately broken drivers, one fault each, with the tests that must fail on them and no others."""

from . import buckets, capabilities, listing, names, objects, quotas, ranges, writes
from .fault import FAULTS, RACES, Fault

__all__ = [
    "FAULTS",
    "RACES",
    "Fault",
    "buckets",
    "capabilities",
    "listing",
    "names",
    "objects",
    "quotas",
    "ranges",
    "writes",
]
