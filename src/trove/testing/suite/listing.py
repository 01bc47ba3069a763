"""ListSuite: the pages of a listing, in order, by prefix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from ...driver import Driver, ObjectIterator
from ...errors import BucketNotFoundError
from .base import Suite, keys_of, unique_name

KEYS = ("a", "a/b", "a/b/c", "a/c", "ab", "b", "b/", "b//c", "c/d", "é", "日本/語")


def fill(driver: Driver, bucket: str, keys: Sequence[str]) -> None:
    for key in keys:
        driver.put(bucket, key, b"data")


def pages_of(driver: Driver, bucket: str, max_keys: int, **options: str) -> Iterator[ObjectIterator]:
    """All pages of a listing; a listing that never ends is cut."""
    cursor = ""
    for _ in range(1000):
        page = driver.list(bucket, max_keys=max_keys, cursor=cursor, **options)
        yield page
        cursor = page.next_token
        if not cursor:
            return
    raise AssertionError("the listing has not ended after 1,000 pages: its cursors go nowhere")


class ListSuite(Suite):
    def test_list_empty(self, driver: Driver, bucket: str) -> None:
        page = driver.list(bucket)
        assert (list(page), list(page.prefixes), page.next_token) == ([], [], "")

    def test_list_multiple(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["one", "two", "three"])
        assert set(keys_of(driver.list(bucket))) == {"one", "two", "three"}

    def test_list_bucket_not_found(self, driver: Driver) -> None:
        with pytest.raises(BucketNotFoundError):
            driver.list(unique_name())

    def test_list_sorted(self, driver: Driver, bucket: str) -> None:
        keys = ["b", "a/b", "B", "a", "a-b", "a b", "~", "10", "9", "a/", "a0"]
        fill(driver, bucket, keys)
        assert keys_of(driver.list(bucket)) == sorted(keys)

    def test_list_order_of_utf8_bytes(self, driver: Driver, bucket: str) -> None:
        # In UTF-16 the last one, made of surrogates, would come before the two before it.
        keys = ["z", "é", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"]
        fill(driver, bucket, keys[::-1])
        assert keys_of(driver.list(bucket)) == keys

    def test_list_infos_are_of_their_objects(self, driver: Driver, bucket: str) -> None:
        for size, key in enumerate(KEYS):
            driver.put(bucket, key, b"x" * size)
        assert {info.key: info.size for info in driver.list(bucket)} == {
            key: size for size, key in enumerate(KEYS)
        }

    # Prefixes.

    def test_list_with_prefix(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["photos/1", "photos/2", "videos/1"])
        assert keys_of(driver.list(bucket, prefix="photos/")) == ["photos/1", "photos/2"]

    @pytest.mark.parametrize(
        "prefix", ["a", "a/", "a/b", "a/b/c", "b/", "b//", "é", "日本/", "日", "x", "a/b/c/"]
    )
    def test_list_with_prefix_of_any_length(self, driver: Driver, bucket: str, prefix: str) -> None:
        fill(driver, bucket, KEYS)
        assert keys_of(driver.list(bucket, prefix=prefix)) == [key for key in KEYS if key.startswith(prefix)]

    @pytest.mark.parametrize("prefix", ["a_", "a%", "a*", "a?", "a[b]", "a\\", "A", "a.", "^a"])
    def test_list_with_prefix_is_no_pattern(self, driver: Driver, bucket: str, prefix: str) -> None:
        fill(driver, bucket, ["abcde", prefix + "1"])
        assert keys_of(driver.list(bucket, prefix=prefix)) == [prefix + "1"]

    def test_list_with_prefix_at_the_last_character(self, driver: Driver, bucket: str) -> None:
        last = "\U0010ffff"
        fill(driver, bucket, ["a", f"a{last}", f"a{last}b", f"a{last}{last}", "b", last, f"{last}x"])
        assert keys_of(driver.list(bucket, prefix=f"a{last}")) == [f"a{last}", f"a{last}b", f"a{last}{last}"]
        assert keys_of(driver.list(bucket, prefix=last)) == [last, f"{last}x"]

    def test_list_with_prefix_paginated(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a", *(f"p{i}" for i in range(7)), "z"])
        pages = [keys_of(page) for page in pages_of(driver, bucket, 3, prefix="p")]
        assert pages == [["p0", "p1", "p2"], ["p3", "p4", "p5"], ["p6"]]

    # Pages.

    def test_list_pagination(self, driver: Driver, bucket: str) -> None:
        keys = [f"key-{i:02}" for i in range(10)]
        fill(driver, bucket, keys)
        listed = [key for page in pages_of(driver, bucket, 3) for key in keys_of(page)]
        assert listed == keys

    @pytest.mark.parametrize("max_keys", [1, 2, 3, 4, 6])
    def test_list_pagination_sizes(self, driver: Driver, bucket: str, max_keys: int) -> None:
        fill(driver, bucket, [f"key-{i:02}" for i in range(7)])
        sizes = [len(list(page)) for page in pages_of(driver, bucket, max_keys)]
        assert sizes[:-1] == [max_keys] * (len(sizes) - 1)

    def test_list_pagination_of_awkward_keys(self, driver: Driver, bucket: str) -> None:
        keys = ["a", "a\x01", "a ", "a/", "a//b", "a0", "e\u0301", "é", "\uffff", "\U00010000", "\U0010ffff"]
        fill(driver, bucket, keys)
        listed = [key for page in pages_of(driver, bucket, 1) for key in keys_of(page)]
        assert sorted(listed) == sorted(keys)

    @pytest.mark.parametrize("count", [1, 3])
    def test_list_full_last_page_has_no_token(self, driver: Driver, bucket: str, count: int) -> None:
        fill(driver, bucket, [f"key-{i}" for i in range(count)])
        assert driver.list(bucket, max_keys=count).next_token == ""

    def test_list_full_page_before_other_keys_has_no_token(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a1", "a2", "b1"])
        assert driver.list(bucket, prefix="a", max_keys=2).next_token == ""

    def test_list_has_a_token_when_more_follows(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a", "b", "c"])
        token = driver.list(bucket, max_keys=2).next_token
        assert isinstance(token, str)
        assert token

    def test_list_max_keys_beyond_the_bucket(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a", "b", "c"])
        page = driver.list(bucket, max_keys=1_000_000)
        assert (keys_of(page), page.next_token) == (["a", "b", "c"], "")

    def test_list_default_page_is_1000(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, [f"{i:04}" for i in range(1001)])
        page = driver.list(bucket)
        assert (len(list(page)), page.next_token != "") == (1000, True)

    # The page itself.

    def test_list_all_gives_the_rest(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a", "b", "c"])
        page = driver.list(bucket)
        assert next(iter(page)).key == "a"
        assert [info.key for info in page.all()] == ["b", "c"]

    def test_list_all_stays_on_the_page(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a", "b", "c"])
        assert [info.key for info in driver.list(bucket, max_keys=2).all()] == ["a", "b"]

    def test_list_page_can_be_closed(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a", "b"])
        page = driver.list(bucket)
        page.close()
        assert keys_of(driver.list(bucket)) == ["a", "b"]

    def test_list_page_is_known_at_once(self, driver: Driver, bucket: str) -> None:
        fill(driver, bucket, ["a", "b/c", "d"])
        page = driver.list(bucket, delimiter="/", max_keys=2)
        assert (list(page.prefixes), page.next_token != "") == (["b/"], True)
