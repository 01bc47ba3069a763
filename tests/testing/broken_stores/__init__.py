"""Deliberately broken stores, one fault each, with the tests that must fail on them and no others."""

from . import arguments, closing, expiry, listing, options, records, threads
from .fault import FAULTS, Fault

__all__ = [
    "FAULTS",
    "Fault",
    "arguments",
    "closing",
    "expiry",
    "listing",
    "options",
    "records",
    "threads",
]
