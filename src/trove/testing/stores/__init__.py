"""The conformance suites for stores, one class per part of the promises, and all of them in one."""

from __future__ import annotations

from .arguments import StoreArgumentSuite
from .closing import StoreClosingSuite
from .expiry import StoreExpirySuite
from .listing import StoreListSuite
from .options import StoreOptionSuite
from .records import StoreRecordSuite
from .threads import StoreThreadSuite

__all__ = [
    "StoreArgumentSuite",
    "StoreClosingSuite",
    "StoreExpirySuite",
    "StoreListSuite",
    "StoreOptionSuite",
    "StoreRecordSuite",
    "StoreSuite",
    "StoreThreadSuite",
]


class StoreSuite(
    StoreRecordSuite,
    StoreListSuite,
    StoreExpirySuite,
    StoreOptionSuite,
    StoreArgumentSuite,
    StoreClosingSuite,
    StoreThreadSuite,
):
    """The whole suite for stores; bring the fixture ``store``, made with the fixture ``clock``.

    A store that takes less than others says so with ``LONGEST_KEY``, in bytes, and ``SHORTEST``, a lifetime.
    """
