"""DelimiterSuite: common prefixes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ...driver import Driver
from .base import Suite, keys_of
from .listing import fill, pages_of

KEYS = (
    "a",
    "a/",
    "a/b",
    "a/b/c",
    "a//b",
    "ab",
    "b--c--d",
    "b--e",
    "b-c",
    "c/1",
    "c/2",
    "d",
    "d/\U0010ffff",
    "e/f",
    "é/g",
    "/x",
)


def expected(keys: Sequence[str], prefix: str, delimiter: str) -> list[str]:
    """The entries, objects and common prefixes, that a listing has."""
    entries = set()
    for key in keys:
        if key.startswith(prefix):
            at = key.find(delimiter, len(prefix))
            entries.add(key if at < 0 else key[: at + len(delimiter)])
    return sorted(entries)


class DelimiterSuite(Suite):
    def test_list_delimiter(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a", "b/1", "b/2", "c/d/e", "f"])
        page = driver.list(bucket, delimiter="/")
        assert (keys_of(page), list(page.prefixes)) == (["a", "f"], ["b/", "c/"])

    def test_list_delimiter_absent_gives_no_prefixes(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a/b", "c"])
        page = driver.list(bucket)
        assert (keys_of(page), list(page.prefixes)) == (["a/b", "c"], [])

    def test_list_delimiter_in_no_key(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a/b", "c"])
        page = driver.list(bucket, delimiter="|")
        assert (keys_of(page), list(page.prefixes)) == (["a/b", "c"], [])

    def test_list_delimiter_with_prefix(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a/1", "a/b/2", "a/b/3", "a/c/4", "b/5"])
        page = driver.list(bucket, prefix="a/", delimiter="/")
        assert (keys_of(page), list(page.prefixes)) == (["a/1"], ["a/b/", "a/c/"])

    def test_list_delimiter_with_prefix_inside_a_name(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["abc/1", "abd/2", "ab", "b/3"])
        page = driver.list(bucket, prefix="ab", delimiter="/")
        assert (keys_of(page), list(page.prefixes)) == (["ab"], ["abc/", "abd/"])

    def test_list_delimiter_not_counted_inside_the_prefix(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a/b/c", "a/b/d"])
        page = driver.list(bucket, prefix="a/b/", delimiter="/")
        assert (keys_of(page), list(page.prefixes)) == (["a/b/c", "a/b/d"], [])

    def test_list_delimiter_at_the_ends_of_keys(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["/x", "a", "a/", "b//c"])
        page = driver.list(bucket, delimiter="/")
        assert (keys_of(page), list(page.prefixes)) == (["a"], ["/", "a/", "b/"])

    def test_list_delimiter_object_named_like_the_prefix(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a/", "a/b", "a//c"])
        page = driver.list(bucket, prefix="a/", delimiter="/")
        assert (keys_of(page), list(page.prefixes)) == (["a/", "a/b"], ["a//"])

    @pytest.mark.parametrize("delimiter", ["--", "ab", "é", "日本", "\U0001f600", "/b/"])
    def test_list_delimiter_of_several_characters(self, driver: Driver, bucket: str, delimiter: str) -> None:
        keys = [f"x{delimiter}1", f"x{delimiter}2", f"y{delimiter}z{delimiter}3", "z-a", "zb"]
        fill(driver, bucket, keys)
        page = driver.list(bucket, delimiter=delimiter)
        assert (keys_of(page), list(page.prefixes)) == (
            ["z-a", "zb"],
            [f"x{delimiter}", f"y{delimiter}"],
        )

    def test_list_delimiter_prefixes_sorted_each_once(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["z/1", "é/1", "a/1", "a/2", "a/3", "\U00010000/1", "\uffff/1"])
        page = driver.list(bucket, delimiter="/")
        assert list(page.prefixes) == ["a/", "z/", "é/", "\uffff/", "\U00010000/"]

    def test_list_delimiter_prefixes_count_to_max_keys(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a/1", "a/2", "b", "c/1", "d"])
        page = driver.list(bucket, delimiter="/", max_keys=3)
        assert (keys_of(page), list(page.prefixes)) == (["b"], ["a/", "c/"])

    def test_list_delimiter_full_last_page_has_no_token(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a", "b/1", "b/2", "b/3"])
        assert driver.list(bucket, delimiter="/", max_keys=2).next_token == ""

    @pytest.mark.parametrize("max_keys", [1, 2, 3, 5])
    @pytest.mark.parametrize("delimiter", ["/", "--", "//"])
    @pytest.mark.parametrize("prefix", ["", "a", "a/", "b-", "c/"])
    def test_list_delimiter_pagination(
        self, driver: Driver, bucket: str, prefix: str, delimiter: str, max_keys: int
    ) -> None:
        fill(driver, bucket, KEYS)
        entries = []
        for page in pages_of(driver, bucket, max_keys, prefix=prefix, delimiter=delimiter):
            entries += [*keys_of(page), *page.prefixes]
        assert sorted(entries) == expected(KEYS, prefix, delimiter)
