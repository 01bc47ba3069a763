"""Faults in namespaces, prefixes and suffixes."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from trove.errors import InvalidArgumentError
from trove.store import MemoryStore, Space, Stored

from .fault import caught_by


@caught_by(
    "test_options_keys_do_not_lead_into_another_namespace",
    "test_options_namespaces_are_isolated",
)
class LeaksIntoLongerNamespaces(MemoryStore):
    """A namespace is just put before the key."""

    def _load(self, space: Space, key: str) -> Stored | None:
        return super()._load((), "".join(space) + key)

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        super()._save((), "".join(space) + key, stored)

    def _drop(self, space: Space, key: str) -> None:
        super()._drop((), "".join(space) + key)

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        before = "".join(space)
        for key in super()._keys((), before + prefix, suffix, now):
            if len(key) > len(before):
                yield key[len(before) :]


@caught_by(
    "test_arguments_bad_option",
    "test_arguments_unknown_option",
)
class HalfAppliesOptions(MemoryStore):
    """Of options that are refused, the namespace is applied all the same."""

    def init(self, **options: Any) -> None:
        try:
            super().init(**options)
        except InvalidArgumentError:
            self._options["namespace"] = options.get("namespace", "")
            raise


@caught_by(
    "test_options_by_themselves",
)
class NodesAreNone(MemoryStore):
    """An option is None as long as it is not given."""

    OPTIONS: ClassVar[Mapping[str, Any]] = {**MemoryStore.OPTIONS, "nodes": None}


@caught_by(
    "test_options_are_applied_and_kept",
)
class ForgetsOptions(MemoryStore):
    """Options that are not given are again what they are by themselves."""

    def init(self, **options: Any) -> None:
        super().init(**{**self.OPTIONS, **options})


@caught_by(
    "test_arguments_options_are_read_only",
)
class OptionsCanBeChanged(MemoryStore):
    """What tells the options can be written to."""

    @property
    def options(self) -> Mapping[str, Any]:
        return dict(self._options)


@caught_by(
    "test_options_keys_do_not_lead_into_another_namespace",
    "test_options_namespaces_are_isolated",
    "test_options_together_are_isolated",
)
class NamespacesAreOne(MemoryStore):
    """A namespace changes nothing."""

    def _apply(self, options: dict[str, Any]) -> None:
        super()._apply(options)
        self._space = ()


@caught_by(
    "test_arguments_key_too_long_with_what_is_around_it",
    "test_options_prefix_and_suffix_are_put_around_keys",
    "test_options_prefix_and_suffix_do_not_overlap",
    "test_options_together_are_isolated",
    "test_options_what_lacks_prefix_or_suffix_is_not_there",
)
class SuffixIsIgnored(MemoryStore):
    """No suffix is put behind keys."""

    def _apply(self, options: dict[str, Any]) -> None:
        super()._apply(options)
        self._behind = ""


@caught_by(
    "test_delete",
    "test_delete_missing",
    "test_expiry_at_its_instant",
    "test_expiry_leaves_the_others",
    "test_keys_as_long_as_may_be",
    "test_keys_of_every_kind",
    "test_list_is_in_order",
    "test_list_limit_and_offset",
    "test_list_limit_and_offset_count_what_matches",
    "test_list_prefix",
    "test_list_prefix_and_suffix_must_both_match",
    "test_list_suffix",
    "test_options_prefix_and_suffix_are_put_around_keys",
    "test_options_prefix_and_suffix_do_not_overlap",
    "test_options_prefixes_of_one_another",
    "test_options_what_lacks_prefix_or_suffix_is_not_there",
    "test_write_replaces",
)
class PrefixStaysOnTheWayOut(MemoryStore):
    """Keys are listed with the prefix before them."""

    def list(self, **options: Any) -> builtins.list[str]:
        return [self._before + key for key in super().list(**options)]


@caught_by(
    "test_arguments_key_too_long_with_what_is_around_it",
    "test_keys_as_long_as_may_be",
    "test_options_prefix_and_suffix_do_not_overlap",
    "test_options_prefixes_of_one_another",
)
class PrefixIsAFolder(MemoryStore):
    """A prefix ends with a slash, whether it was given one or not."""

    def _apply(self, options: dict[str, Any]) -> None:
        super()._apply(options)
        if self._before:
            self._before = self._before.rstrip("/") + "/"


@caught_by(
    "test_options_prefix_and_suffix_do_not_overlap",
    "test_options_what_lacks_prefix_or_suffix_is_not_there",
)
class PrefixAndSuffixOverlap(MemoryStore):
    """What has too few letters for the prefix and the suffix is listed, as the empty key."""

    def _within(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        whole = self._keys(self._space + space, self._before + prefix, suffix + self._behind, now)
        return iter(sorted(key[len(self._before) : len(key) - len(self._behind)] for key in whole))
