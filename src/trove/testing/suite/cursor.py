"""CursorSuite: cursors last, and are taken only where they belong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ...driver import Driver
from ...errors import InvalidArgumentError, InvalidCursorError
from .base import Suite, keys_of
from .listing import fill

FORGED = ("forged", "x", " ", "!?", "AAAA", "Y3Vyc29y", "0", "None", "{}", "b", "ü", "a" * 5000, "\0", "../x")


def cursor_behind_b(driver: Driver, bucket: str) -> str:
    """The cursor behind ``b``, in a bucket of the keys ``a`` to ``e``."""
    fill(driver, bucket, ["a", "b", "c", "d", "e"])
    page = driver.list(bucket, max_keys=2)
    if keys_of(page) != ["a", "b"] or not page.next_token:
        pytest.skip("a page of two keys is not what it should be; test_list_... say more")
    return page.next_token


class CursorSuite(Suite):
    def test_cursor_is_reusable(self, driver: Driver, bucket: str) -> None:
        cursor = cursor_behind_b(driver, bucket)
        for _ in range(3):
            assert keys_of(driver.list(bucket, max_keys=2, cursor=cursor)) == ["c", "d"]

    def test_cursor_takes_another_page_size(self, driver: Driver, bucket: str) -> None:
        cursor = cursor_behind_b(driver, bucket)
        assert keys_of(driver.list(bucket, max_keys=1, cursor=cursor)) == ["c"]
        assert keys_of(driver.list(bucket, cursor=cursor)) == ["c", "d", "e"]

    def test_cursor_empty_is_the_beginning(self, driver: Driver, bucket: str) -> None:
        cursor_behind_b(driver, bucket)
        assert keys_of(driver.list(bucket, max_keys=2, cursor=""))[0] == "a"

    def test_cursor_stays_valid_when_its_key_is_deleted(self, driver: Driver, bucket: str) -> None:
        cursor = cursor_behind_b(driver, bucket)
        driver.delete(bucket, "b")
        assert keys_of(driver.list(bucket, cursor=cursor)) == ["c", "d", "e"]

    def test_cursor_stays_valid_when_the_next_key_is_deleted(self, driver: Driver, bucket: str) -> None:
        cursor = cursor_behind_b(driver, bucket)
        driver.delete(bucket, "c")
        assert keys_of(driver.list(bucket, cursor=cursor)) == ["d", "e"]

    def test_cursor_repeats_nothing_when_keys_before_it_are_added(self, driver: Driver, bucket: str) -> None:
        cursor = cursor_behind_b(driver, bucket)
        fill(driver, bucket, ["A", "a1", "aa"])
        assert keys_of(driver.list(bucket, cursor=cursor)) == ["c", "d", "e"]

    def test_cursor_skips_nothing_when_keys_before_it_are_deleted(self, driver: Driver, bucket: str) -> None:
        cursor = cursor_behind_b(driver, bucket)
        driver.delete(bucket, "a")
        assert keys_of(driver.list(bucket, cursor=cursor)) == ["c", "d", "e"]

    def test_cursor_finds_keys_added_behind_it(self, driver: Driver, bucket: str) -> None:
        cursor = cursor_behind_b(driver, bucket)
        fill(driver, bucket, ["b\x01", "b0", "cc"])
        assert keys_of(driver.list(bucket, cursor=cursor)) == ["b\x01", "b0", "c", "cc", "d", "e"]

    def test_cursor_stays_valid_when_all_is_deleted(self, driver: Driver, bucket: str) -> None:
        cursor = cursor_behind_b(driver, bucket)
        for key in ("a", "b", "c", "d", "e"):
            driver.delete(bucket, key)
        page = driver.list(bucket, cursor=cursor)
        assert (list(page), page.next_token) == ([], "")

    def test_cursor_stays_valid_when_its_key_is_overwritten(self, driver: Driver, bucket: str) -> None:
        cursor = cursor_behind_b(driver, bucket)
        driver.put(bucket, "b", b"other data")
        assert keys_of(driver.list(bucket, cursor=cursor)) == ["c", "d", "e"]

    def test_cursor_behind_a_common_prefix(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a/1", "a/2", "b/1", "c"])
        cursor = driver.list(bucket, delimiter="/", max_keys=1).next_token
        fill(driver, bucket, ["a/3", "a/\U0010ffff"])
        page = driver.list(bucket, delimiter="/", cursor=cursor)
        assert (keys_of(page), list(page.prefixes)) == (["c"], ["b/"])

    def test_cursor_behind_a_common_prefix_that_is_gone(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a/1", "b/1", "c"])
        cursor = driver.list(bucket, delimiter="/", max_keys=1).next_token
        driver.delete(bucket, "a/1")
        page = driver.list(bucket, delimiter="/", cursor=cursor)
        assert (keys_of(page), list(page.prefixes)) == (["c"], ["b/"])

    def test_cursor_is_bound_to_its_prefix(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["p1", "p2", "p3", "q"])
        cursor = driver.list(bucket, prefix="p", max_keys=1).next_token
        for prefix in ("", "q", "p1"):
            with pytest.raises(InvalidCursorError):
                driver.list(bucket, prefix=prefix, cursor=cursor)

    def test_cursor_is_bound_to_its_delimiter(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a/1", "b/1", "c-1"])
        cursor = driver.list(bucket, delimiter="/", max_keys=1).next_token
        for delimiter in ("", "-"):
            with pytest.raises(InvalidCursorError):
                driver.list(bucket, delimiter=delimiter, cursor=cursor)

    def test_cursor_without_delimiter_is_not_taken_with_one(self, driver: Driver, bucket: str) -> None:
        cursor = cursor_behind_b(driver, bucket)
        with pytest.raises(InvalidCursorError):
            driver.list(bucket, delimiter="/", cursor=cursor)

    def test_cursor_of_another_bucket_leads_nowhere_else(
        self, driver: Driver, bucket: str, make_bucket: Callable[[], str]
    ) -> None:
        cursor = cursor_behind_b(driver, bucket)
        other = make_bucket()
        fill(driver, other, ["b", "x"])
        try:
            listed = keys_of(driver.list(other, cursor=cursor))
        except InvalidCursorError:
            return
        assert listed == ["x"]

    @pytest.mark.parametrize("cursor", FORGED, ids=range(len(FORGED)))
    def test_cursor_forged(self, driver: Driver, bucket: str, cursor: str) -> None:
        fill(driver, bucket, ["a", "b", "c"])
        with pytest.raises(InvalidCursorError):
            driver.list(bucket, cursor=cursor)

    def test_cursor_tampered_with(self, driver: Driver, bucket: str) -> None:
        cursor = cursor_behind_b(driver, bucket)
        for forged in (cursor[::-1], cursor + cursor, cursor[:1], cursor + "."):
            if forged != cursor:
                with pytest.raises(InvalidCursorError):
                    driver.list(bucket, cursor=forged)

    @pytest.mark.parametrize("cursor", [5, b"forged", ["a"], 1.5], ids=["int", "bytes", "list", "float"])
    def test_cursor_of_another_type(self, driver: Driver, bucket: str, cursor: Any) -> None:
        fill(driver, bucket, ["a", "b", "c"])
        with pytest.raises(InvalidArgumentError):
            driver.list(bucket, cursor=cursor)

    def test_cursor_is_valid_after_reopening(
        self, driver: Driver, bucket: str, reopen: Callable[[], None]
    ) -> None:
        cursor = cursor_behind_b(driver, bucket)
        reopen()
        if bucket not in [info.name for info in driver.list_buckets()]:
            pytest.skip("the store is empty when it is opened again")
        assert keys_of(driver.list(bucket, cursor=cursor)) == ["c", "d", "e"]
