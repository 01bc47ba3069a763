"""Faults in pages of a listing, and in the cursors that lead from one to the next."""

from __future__ import annotations

import base64
import builtins
import contextlib
import json
from typing import Any

from trove.driver import ObjectIterator
from trove.drivers.memory import MemoryDriver
from trove.errors import InvalidCursorError

from .fault import caught_by
from .listing import Entry, PlainListing


@caught_by(
    "test_cursor_behind_a_common_prefix",
    "test_cursor_behind_a_common_prefix_that_is_gone",
    "test_list_all_stays_on_the_page",
    "test_list_default_page_is_1000",
    "test_list_delimiter_prefixes_count_to_max_keys",
    "test_list_has_a_token_when_more_follows",
    "test_list_pagination_sizes",
    "test_list_with_prefix_paginated",
)
class PagesOneTooLong(PlainListing):
    """A page holds one entry more than asked for."""

    def page(self, names: builtins.list[str], entries: dict[str, Entry], max_keys: int) -> builtins.list[str]:
        return names[: max_keys + 1]


@caught_by(
    "test_list_all_stays_on_the_page",
    "test_list_default_page_is_1000",
    "test_list_delimiter_prefixes_count_to_max_keys",
    "test_list_pagination_sizes",
    "test_list_with_prefix_paginated",
)
class PagesOneTooShort(PlainListing):
    """A page that is not the last one is not full."""

    def page(self, names: builtins.list[str], entries: dict[str, Entry], max_keys: int) -> builtins.list[str]:
        return names[: max_keys - 1 if 1 < max_keys < len(names) else max_keys]


@caught_by(
    "test_expires_past_not_counted_on_a_page",
    "test_list_delimiter_full_last_page_has_no_token",
    "test_list_full_last_page_has_no_token",
    "test_list_full_page_before_other_keys_has_no_token",
)
class TokenOnAFullLastPage(PlainListing):
    """A full page always gives a token."""

    def more(self, names: builtins.list[str], chosen: builtins.list[str], max_keys: int) -> bool:
        return len(chosen) == max_keys


@caught_by(
    "test_cursor_behind_a_common_prefix",
    "test_cursor_is_bound_to_its_delimiter",
    "test_cursor_is_bound_to_its_prefix",
    "test_list_default_page_is_1000",
    "test_list_delimiter_pagination",
    "test_list_has_a_token_when_more_follows",
    "test_list_pagination",
    "test_list_pagination_of_awkward_keys",
    "test_list_with_prefix_paginated",
)
class NoToken(PlainListing):
    """There is never another page."""

    def more(self, names: builtins.list[str], chosen: builtins.list[str], max_keys: int) -> bool:
        return False


@caught_by(
    "test_cursor_finds_keys_added_behind_it",
    "test_list_delimiter_pagination",
    "test_list_pagination_of_awkward_keys",
)
class CursorSkips(PlainListing):
    """The entry behind the cursor is left out."""

    def page(self, names: builtins.list[str], entries: dict[str, Entry], max_keys: int) -> builtins.list[str]:
        return super().page(names, entries, max_keys)

    def last(self, cursor: Any, prefix: str, delimiter: str) -> str | None:
        last = super().last(cursor, prefix, delimiter)
        return None if last is None else last + "0"


@caught_by(
    "test_cursor_finds_keys_added_behind_it",
    "test_cursor_is_reusable",
    "test_cursor_of_another_bucket_leads_nowhere_else",
    "test_cursor_repeats_nothing_when_keys_before_it_are_added",
    "test_cursor_skips_nothing_when_keys_before_it_are_deleted",
    "test_cursor_stays_valid_when_its_key_is_overwritten",
    "test_cursor_stays_valid_when_the_next_key_is_deleted",
    "test_cursor_takes_another_page_size",
    "test_list_delimiter_pagination",
    "test_list_pagination",
    "test_list_pagination_of_awkward_keys",
    "test_list_pagination_sizes",
    "test_list_with_prefix_paginated",
)
class CursorRepeats(PlainListing):
    """A page begins with the last key of the one before."""

    def follows(self, name: str, last: str) -> bool:
        return name >= last

    def page(self, names: builtins.list[str], entries: dict[str, Entry], max_keys: int) -> builtins.list[str]:
        return names[: max(2, max_keys)]


@caught_by(
    "test_cursor_behind_a_common_prefix_that_is_gone",
    "test_cursor_of_another_bucket_leads_nowhere_else",
    "test_cursor_repeats_nothing_when_keys_before_it_are_added",
    "test_cursor_skips_nothing_when_keys_before_it_are_deleted",
    "test_cursor_stays_valid_when_its_key_is_deleted",
)
class CursorIsAnOffset(PlainListing):
    """A cursor counts the entries before it, which moves when others write."""

    def ordered(self, names: builtins.list[str]) -> builtins.list[str]:
        self.names = sorted(names)
        return self.names

    def token(self, last: str, prefix: str, delimiter: str) -> str:
        if last.isdigit():
            return super().token(last, prefix, delimiter)
        return super().token(str(self.names.index(last) + 1), prefix, delimiter)

    def follows(self, name: str, last: str) -> bool:
        return self.names.index(name) >= int(last)


@caught_by(
    "test_cursor_behind_a_common_prefix_that_is_gone",
    "test_cursor_stays_valid_when_its_key_is_deleted",
)
class CursorNeedsItsKey(PlainListing):
    """A cursor is refused when its key is gone."""

    def ordered(self, names: builtins.list[str]) -> builtins.list[str]:
        self.names = names
        return sorted(names)

    def follows(self, name: str, last: str) -> bool:
        if last not in self.names:
            raise InvalidCursorError("the key of the cursor is gone; begin again")
        return name > last


@caught_by(
    "test_cursor_is_reusable",
    "test_cursor_takes_another_page_size",
)
class CursorIsUsedUp(PlainListing):
    """A cursor works once."""

    def last(self, cursor: Any, prefix: str, delimiter: str) -> str | None:
        used = self.__dict__.setdefault("used", [])
        if cursor in used:
            raise InvalidCursorError("the cursor was used before; begin again")
        last = super().last(cursor, prefix, delimiter)
        if last is not None:
            used.append(cursor)
        return last


@caught_by(
    "test_cursor_forged",
    "test_cursor_of_another_type",
    "test_cursor_tampered_with",
    "test_messages_are_never_empty",
    "test_messages_errors_are_of_their_families",
)
class AnyCursorWillDo(PlainListing):
    """A forged cursor is taken for the beginning."""

    def last(self, cursor: Any, prefix: str, delimiter: str) -> str | None:
        try:
            return super().last(cursor, prefix, delimiter)
        except InvalidCursorError:
            try:
                json.loads(base64.b64decode(cursor))
            except (ValueError, TypeError):
                return None
            raise


@caught_by(
    "test_cursor_forged",
    "test_cursor_is_bound_to_its_delimiter",
    "test_cursor_is_bound_to_its_prefix",
    "test_cursor_tampered_with",
    "test_cursor_without_delimiter_is_not_taken_with_one",
    "test_messages_are_never_empty",
    "test_messages_errors_are_of_their_families",
)
class CursorIsTheKey(PlainListing):
    """A cursor is the last key as it is."""

    def token(self, last: str, prefix: str, delimiter: str) -> str:
        return last

    def last(self, cursor: Any, prefix: str, delimiter: str) -> str | None:
        if not isinstance(cursor, str):
            raise InvalidCursorError("a cursor is a str")
        return cursor or None


@caught_by(
    "test_cursor_is_bound_to_its_prefix",
)
class CursorOfAnyPrefix(PlainListing):
    """A cursor is taken with another prefix."""

    def last(self, cursor: Any, prefix: str, delimiter: str) -> str | None:
        with contextlib.suppress(ValueError, TypeError, LookupError):
            prefix = json.loads(base64.b64decode(cursor))[0]
        return super().last(cursor, prefix, delimiter)


@caught_by(
    "test_cursor_is_bound_to_its_delimiter",
    "test_cursor_without_delimiter_is_not_taken_with_one",
)
class CursorOfAnyDelimiter(PlainListing):
    """A cursor is taken with another delimiter."""

    def last(self, cursor: Any, prefix: str, delimiter: str) -> str | None:
        with contextlib.suppress(ValueError, TypeError, LookupError):
            delimiter = json.loads(base64.b64decode(cursor))[1]
        return super().last(cursor, prefix, delimiter)


@caught_by(
    "test_cursor_behind_a_common_prefix",
    "test_list_delimiter_pagination",
)
class CursorInsideThePrefix(PlainListing):
    """Behind a common prefix the listing goes on inside it, with the keys that were added."""

    def token(self, last: str, prefix: str, delimiter: str) -> str:
        inside = last + "2" if delimiter and last == "a/" else last
        return super().token(inside, prefix, delimiter)

    def rolled_up_at(self, key: str, prefix: str, delimiter: str) -> int:
        at = super().rolled_up_at(key, prefix, delimiter)
        return -1 if key == "a/3" else at


@caught_by(
    "test_arguments_bad_max_keys",
)
class TakesAnyPageSize(MemoryDriver):
    """A page size of 0 or less is taken for the default one."""

    def list(self, bucket: Any, *, max_keys: Any = 1000, **options: Any) -> ObjectIterator:
        if isinstance(max_keys, int) and max_keys < 1:
            max_keys = 1000
        return super().list(bucket, max_keys=max_keys, **options)


@caught_by(
    "test_list_default_page_is_1000",
)
class SmallDefaultPage(MemoryDriver):
    """The default page holds 100 entries."""

    def list(self, bucket: Any, *, max_keys: Any = 100, **options: Any) -> ObjectIterator:
        return super().list(bucket, max_keys=max_keys, **options)
