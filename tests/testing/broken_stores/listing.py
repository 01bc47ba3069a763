"""Faults in which records a listing has."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from trove.errors import RecordNotFoundError
from trove.store import MemoryStore, Record, Space

from .fault import caught_by


@caught_by(
    "test_list_limit_and_offset_count_what_matches",
    "test_list_prefix_and_suffix_must_both_match",
    "test_read_prefix_and_suffix_must_both_match",
)
class SuffixIgnoredBesideAPrefix(MemoryStore):
    """Of prefix and suffix, given together, only the prefix has to match."""

    def _within(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        return super()._within(space, prefix, "" if prefix else suffix, now)


@caught_by(
    "test_keys_as_long_as_may_be",
    "test_list_is_in_order",
    "test_list_limit_and_offset",
    "test_list_limit_and_offset_count_what_matches",
    "test_list_prefix",
    "test_list_prefix_and_suffix_must_both_match",
    "test_list_suffix",
    "test_options_keep_the_order_of_keys",
    "test_read_prefix_and_suffix_must_both_match",
    "test_read_prefix_has_values",
)
class OrdersWithTheSuffix(MemoryStore):
    """Keys are in the order that they have with the suffix behind them."""

    def _within(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        behind = self._options["suffix"]
        return iter(sorted(super()._within(space, prefix, suffix, now), key=lambda key: str(key + behind)))


@caught_by(
    "test_list_limit_and_offset_count_what_matches",
)
class CountsBeforeMatching(MemoryStore):
    """Limit and offset count all keys, and what does not match is left out after that."""

    def list(
        self, *, prefix: str = "", suffix: str = "", limit: int = 0, offset: int = 0
    ) -> builtins.list[str]:
        matching = super().list(prefix=prefix, suffix=suffix)
        return [key for key in super().list(limit=limit, offset=offset) if key in matching]


@caught_by(
    "test_close_ends_a_scan",
    "test_expiry_while_it_is_scanned",
    "test_scan_is_lazy",
)
class ReadsAllAtOnce(MemoryStore):
    """A scan has read everything before its first record is asked for."""

    def scan(self, *, prefix: str = "", suffix: str = "") -> Iterator[Record]:
        return iter([*super().scan(prefix=prefix, suffix=suffix)])


@caught_by(
    "test_expiry_and_a_new_record",
    "test_expiry_as_an_instant",
    "test_expiry_at_its_instant",
    "test_expiry_in_the_past",
    "test_expiry_of_the_record",
    "test_list_empty",
    "test_list_prefix",
    "test_list_suffix",
    "test_read_prefix_and_suffix_must_both_match",
)
class NoMatchIsAnError(MemoryStore):
    """Reading by a prefix or suffix that no key has is an error."""

    def read(self, key: str, **options: Any) -> list[Record]:
        found = super().read(key, **options)
        if not (found or options.get("limit") or options.get("offset")):
            raise RecordNotFoundError("nothing", key=key)
        return found


@caught_by(
    "test_list_is_long",
)
class ListsOnePage(MemoryStore):
    """A listing ends after a thousand keys."""

    def _within(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        return islice(super()._within(space, prefix, suffix, now), 1000)


@caught_by(
    "test_arguments_bad_limit_or_offset",
    "test_list_is_long",
    "test_list_limit_and_offset",
    "test_list_limit_and_offset_count_what_matches",
    "test_options_keep_the_order_of_keys",
)
class LimitCountsWhatIsLeftOut(MemoryStore):
    """The keys that the offset leaves out count for the limit."""

    def list(self, *, limit: int = 0, offset: int = 0, **options: Any) -> builtins.list[str]:
        return (
            super().list(limit=limit, **options)[offset:] if limit else super().list(offset=offset, **options)
        )


@caught_by(
    "test_arguments_bad_limit_or_offset",
    "test_arguments_read_takes_true_or_false",
    "test_read_one_with_limit_and_offset",
)
class OneHasNoOffset(MemoryStore):
    """Limit and offset are ignored where one key is read."""

    def read(self, key: str, **options: Any) -> builtins.list[Record]:
        if options.get("prefix") or options.get("suffix"):
            return super().read(key, **options)
        return super().read(key)
