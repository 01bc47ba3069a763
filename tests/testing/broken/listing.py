"""Faults in listing: all on one plain listing, each with one step of it wrong."""

from __future__ import annotations

import base64
import builtins
import dataclasses
import fnmatch
import json
from typing import Any

from trove.driver import ObjectInfo, ObjectIterator
from trove.drivers.memory import MemoryDriver
from trove.errors import InvalidCursorError

from .fault import caught_by

Entry = ObjectInfo | str


class PlainListing(MemoryDriver):
    """A correct listing, in steps that can be overridden."""

    def list(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        max_keys: int = 1000,
        cursor: str = "",
    ) -> ObjectIterator:
        super().list(bucket, prefix=prefix, delimiter=delimiter, max_keys=max_keys)  # checks them
        last = self.last(cursor, prefix, delimiter)
        infos: list[ObjectInfo] = []
        token = ""
        while True:
            page = super().list(bucket, cursor=token)
            infos += page
            token = page.next_token
            if not token:
                break
        entries: dict[str, Entry] = {}
        for info in infos:
            if not self.matches(info.key, prefix):
                continue
            at = self.rolled_up_at(info.key, prefix, delimiter)
            if at < 0:
                entries[info.key] = info
            else:
                entries.setdefault(info.key[:at], info.key[:at])
        names = [name for name in self.ordered([*entries]) if last is None or self.follows(name, last)]
        chosen = self.page(names, entries, max_keys)
        more = self.more(names, chosen, max_keys)
        return ObjectIterator(
            [self.shown(entry) for name in chosen if isinstance(entry := entries[name], ObjectInfo)],
            [entry for name in chosen if isinstance(entry := entries[name], str)],
            self.token(chosen[-1], prefix, delimiter) if more else "",
        )

    def last(self, cursor: Any, prefix: str, delimiter: str) -> str | None:
        if cursor == "":
            return None
        try:
            found = json.loads(base64.b64decode(cursor, validate=True))
            if found[:2] == [prefix, delimiter] and self.token(found[2], prefix, delimiter) == cursor:
                return str(found[2])
        except (ValueError, TypeError, LookupError):
            pass
        raise InvalidCursorError("this is no cursor of this listing; pass a next_token of it")

    def token(self, last: str, prefix: str, delimiter: str) -> str:
        return base64.b64encode(json.dumps([prefix, delimiter, last]).encode()).decode()

    def matches(self, key: str, prefix: str) -> bool:
        return key.startswith(prefix)

    def rolled_up_at(self, key: str, prefix: str, delimiter: str) -> int:
        """Where the common prefix of ``key`` ends, -1 if it has none."""
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        return at if at < 0 else at + len(delimiter)

    def ordered(self, names: builtins.list[str]) -> builtins.list[str]:
        return sorted(names)

    def follows(self, name: str, last: str) -> bool:
        return name > last

    def page(self, names: builtins.list[str], entries: dict[str, Entry], max_keys: int) -> builtins.list[str]:
        return names[:max_keys]

    def more(self, names: builtins.list[str], chosen: builtins.list[str], max_keys: int) -> bool:
        return len(names) > len(chosen)

    def shown(self, info: ObjectInfo) -> ObjectInfo:
        return info


@caught_by(
    "test_cursor_behind_a_common_prefix",
    "test_cursor_behind_a_common_prefix_that_is_gone",
    "test_delete_leaves_others",
    "test_expires_past_not_counted_on_a_page",
    "test_keys_of_a_folder_and_an_object_together",
    "test_keys_of_any_text_all_together",
    "test_keys_that_look_like_paths_all_together",
    "test_lifecycle_expires_under_the_prefix_alone",
    "test_list_all_gives_the_rest",
    "test_list_all_stays_on_the_page",
    "test_list_delimiter",
    "test_list_delimiter_absent_gives_no_prefixes",
    "test_list_delimiter_at_the_ends_of_keys",
    "test_list_delimiter_in_no_key",
    "test_list_delimiter_not_counted_inside_the_prefix",
    "test_list_delimiter_object_named_like_the_prefix",
    "test_list_delimiter_of_several_characters",
    "test_list_delimiter_prefixes_count_to_max_keys",
    "test_list_delimiter_prefixes_sorted_each_once",
    "test_list_delimiter_with_prefix",
    "test_list_delimiter_with_prefix_inside_a_name",
    "test_list_max_keys_beyond_the_bucket",
    "test_list_order_of_utf8_bytes",
    "test_list_page_can_be_closed",
    "test_list_pagination",
    "test_list_sorted",
    "test_list_with_prefix",
    "test_list_with_prefix_at_the_last_character",
    "test_list_with_prefix_of_any_length",
    "test_list_with_prefix_paginated",
)
class ListsBackwards(PlainListing):
    """Keys come in the reverse order."""

    def ordered(self, names: builtins.list[str]) -> builtins.list[str]:
        return sorted(names, reverse=True)

    def follows(self, name: str, last: str) -> bool:
        return name < last


@caught_by(
    "test_keys_of_any_text_all_together",
    "test_list_delimiter_prefixes_sorted_each_once",
    "test_list_order_of_utf8_bytes",
)
class Utf16Order(PlainListing):
    """Keys come in the order of their UTF-16 code units."""

    def ordered(self, names: builtins.list[str]) -> builtins.list[str]:
        return sorted(names, key=lambda name: name.encode("utf-16-be"))

    def follows(self, name: str, last: str) -> bool:
        return name.encode("utf-16-be") > last.encode("utf-16-be")


@caught_by(
    "test_keys_that_look_like_paths_all_together",
    "test_list_sorted",
)
class CaseInsensitiveOrder(PlainListing):
    """Upper and lower case are sorted together."""

    def ordered(self, names: builtins.list[str]) -> builtins.list[str]:
        return sorted(names, key=lambda name: (name.lower(), name))

    def follows(self, name: str, last: str) -> bool:
        return (name.lower(), name) > (last.lower(), last)


@caught_by(
    "test_keys_that_look_like_paths_all_together",
    "test_list_sorted",
)
class FolderOrder(PlainListing):
    """Keys come as a walk over folders gives them: ``a/b`` before ``a b``."""

    def ordered(self, names: builtins.list[str]) -> builtins.list[str]:
        return sorted(names, key=lambda name: name.split("/"))

    def follows(self, name: str, last: str) -> bool:
        return name.split("/") > last.split("/")


@caught_by(
    "test_list_delimiter_pagination",
    "test_list_delimiter_with_prefix",
    "test_list_delimiter_with_prefix_inside_a_name",
    "test_list_full_page_before_other_keys_has_no_token",
    "test_list_with_prefix",
    "test_list_with_prefix_at_the_last_character",
    "test_list_with_prefix_is_no_pattern",
    "test_list_with_prefix_of_any_length",
    "test_list_with_prefix_paginated",
)
class IgnoresThePrefix(PlainListing):
    """All keys are listed, whatever the prefix."""

    def matches(self, key: str, prefix: str) -> bool:
        return True


@caught_by(
    "test_cursor_is_bound_to_its_prefix",
    "test_list_delimiter_pagination",
    "test_list_delimiter_with_prefix_inside_a_name",
    "test_list_with_prefix_at_the_last_character",
    "test_list_with_prefix_is_no_pattern",
    "test_list_with_prefix_of_any_length",
    "test_list_with_prefix_paginated",
)
class PrefixIsAFolder(PlainListing):
    """A prefix matches whole path components only."""

    def matches(self, key: str, prefix: str) -> bool:
        return key.startswith(prefix) and (
            prefix == "" or prefix.endswith("/") or key[len(prefix) :][:1] in ("", "/")
        )


@caught_by(
    "test_list_with_prefix_is_no_pattern",
)
class PrefixIsAPattern(PlainListing):
    """``_`` in a prefix matches any character, as in SQL."""

    def matches(self, key: str, prefix: str) -> bool:
        if "_" not in prefix:
            return key.startswith(prefix)
        return fnmatch.fnmatchcase(key, prefix.replace("_", "?") + "*")


@caught_by(
    "test_list_with_prefix_is_no_pattern",
)
class PrefixIgnoresCase(PlainListing):
    """A prefix matches upper and lower case alike."""

    def matches(self, key: str, prefix: str) -> bool:
        return key.lower().startswith(prefix.lower())


@caught_by(
    "test_cursor_behind_a_common_prefix",
    "test_cursor_behind_a_common_prefix_that_is_gone",
    "test_keys_deleted_leave_no_folder",
    "test_list_delimiter",
    "test_list_delimiter_at_the_ends_of_keys",
    "test_list_delimiter_full_last_page_has_no_token",
    "test_list_delimiter_object_named_like_the_prefix",
    "test_list_delimiter_of_several_characters",
    "test_list_delimiter_pagination",
    "test_list_delimiter_prefixes_count_to_max_keys",
    "test_list_delimiter_prefixes_sorted_each_once",
    "test_list_delimiter_with_prefix",
    "test_list_delimiter_with_prefix_inside_a_name",
)
class IgnoresTheDelimiter(PlainListing):
    """There are never any common prefixes."""

    def rolled_up_at(self, key: str, prefix: str, delimiter: str) -> int:
        return -1


@caught_by(
    "test_list_delimiter_of_several_characters",
    "test_list_delimiter_pagination",
)
class DelimiterOfOneCharacter(PlainListing):
    """Of a delimiter only the first character counts."""

    def rolled_up_at(self, key: str, prefix: str, delimiter: str) -> int:
        return super().rolled_up_at(key, prefix, delimiter[:1])


@caught_by(
    "test_list_delimiter_not_counted_inside_the_prefix",
    "test_list_delimiter_object_named_like_the_prefix",
    "test_list_delimiter_pagination",
    "test_list_delimiter_with_prefix",
)
class DelimiterInThePrefix(PlainListing):
    """The delimiter is looked for from the key's start on, not behind the prefix."""

    def rolled_up_at(self, key: str, prefix: str, delimiter: str) -> int:
        return super().rolled_up_at(key, "", delimiter)


@caught_by(
    "test_list_delimiter",
    "test_list_delimiter_at_the_ends_of_keys",
    "test_list_delimiter_of_several_characters",
    "test_list_delimiter_pagination",
)
class LastDelimiter(PlainListing):
    """Keys are rolled up to their last delimiter instead of the first."""

    def rolled_up_at(self, key: str, prefix: str, delimiter: str) -> int:
        at = key.rfind(delimiter, len(prefix)) if delimiter else -1
        return at if at < 0 else at + len(delimiter)


@caught_by(
    "test_cursor_behind_a_common_prefix",
    "test_cursor_is_bound_to_its_delimiter",
    "test_list_delimiter_prefixes_count_to_max_keys",
)
class PrefixesDoNotCount(PlainListing):
    """Common prefixes don't count to max_keys."""

    def page(self, names: builtins.list[str], entries: dict[str, Entry], max_keys: int) -> builtins.list[str]:
        chosen: builtins.list[str] = []
        for name in names:
            if isinstance(entries[name], ObjectInfo):
                if max_keys == 0:
                    break
                max_keys -= 1
            chosen.append(name)
        return chosen


@caught_by(
    "test_info_of_list_has_all_that_head_gives",
)
class ListSaysLess(PlainListing):
    """Listed infos have no metadata."""

    def shown(self, info: ObjectInfo) -> ObjectInfo:
        return dataclasses.replace(info, metadata={})


@caught_by(
    "test_info_of_list_has_tags",
)
class ListLosesTags(PlainListing):
    """Listed infos have no tags."""

    def shown(self, info: ObjectInfo) -> ObjectInfo:
        return dataclasses.replace(info, tags={})


class _Repeating(ObjectIterator):
    __slots__ = ("_infos",)

    def __init__(self, page: ObjectIterator) -> None:
        self._infos = list(page)
        super().__init__(self._infos, page.prefixes, page.next_token)

    def all(self) -> list[ObjectInfo]:
        return self._infos


@caught_by(
    "test_list_all_gives_the_rest",
)
class AllBeginsAgain(MemoryDriver):
    """all() gives the whole page, not the rest of it."""

    def list(self, bucket: Any, **options: Any) -> ObjectIterator:
        return _Repeating(super().list(bucket, **options))
