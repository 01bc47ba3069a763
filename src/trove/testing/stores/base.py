"""The base of the suites for stores: their fixtures, and ways to look at a store."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from ...store import MAX_KEY_BYTES, Record, Store
from .clock import ManualClock

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)

COMBINATIONS: list[dict[str, Any]] = [
    {name: value for name, value in zip(("namespace", "prefix", "suffix"), values, strict=True) if value}
    for values in itertools.product(("", "inner/%"), ("", "before/"), ("", "z"))
]
"""The options that every store has, in every combination of given and not given."""


class StoreTests:
    """The base of the suites. A subclass brings the fixture ``store``: one with no records and no options.

    It gives the fixture ``clock`` to its store, and closes the store. It says with ``LONGEST_KEY`` how many
    bytes a key may have, where the store puts something around every key by itself, and with ``SHORTEST`` how
    short a lifetime may be, where the store takes none of a second.
    """

    LONGEST_KEY = MAX_KEY_BYTES
    """Bytes of the longest key that is written."""

    SHORTEST = SECOND
    """The shortest lifetime that is written."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture(params=COMBINATIONS, ids=lambda given: "+".join(given) or "no options")
    def optioned(self, store: Store, request: pytest.FixtureRequest) -> Store:
        """``store`` with each combination of options."""
        store.init(**request.param)
        return store


def fill(store: Store, *keys: str) -> None:
    """Write records under ``keys``, each with its key as its value."""
    for key in keys:
        store.write(Record(key, key.encode()))


def keys_of(records: list[Record]) -> list[str]:
    return [record.key for record in records]
