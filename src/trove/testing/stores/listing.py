"""Which records a listing has, and in what order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ...store import Record, Store
from .base import StoreTests, fill, keys_of

# In order, also where what follows sorts before the end of another: "a" and "a!" behind a suffix "z".
KEYS = ["a", "a!", "a.x", "a/b", "a/b.x", "a/c", "ab", "ab.x", "b", "b.x", "é", "日", "\uffff", "\U00010000"]

LIMITS = [(0, 0), (1, 0), (3, 0), (3, 2), (0, 5), (2, 13), (100, 0), (5, 14), (5, 100), (14, 0), (13, 1)]


class StoreListSuite(StoreTests):
    """Listing by prefix and suffix, with limits and offsets, by ``list``, ``read`` and ``scan``."""

    def test_list_empty(self, optioned: Store) -> None:
        assert optioned.list() == []
        assert optioned.read("", prefix=True) == []
        assert list(optioned.scan()) == []

    def test_list_is_in_order(self, optioned: Store) -> None:
        fill(optioned, *reversed(KEYS))
        assert optioned.list() == KEYS
        assert keys_of(optioned.read("", prefix=True)) == KEYS
        assert keys_of(list(optioned.scan())) == KEYS

    @pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "ab", "é", "z", "日", "before/", "p" * 2000])
    def test_list_prefix(self, optioned: Store, prefix: str) -> None:
        fill(optioned, *KEYS)
        expected = [key for key in KEYS if key.startswith(prefix)]
        assert optioned.list(prefix=prefix) == expected
        assert keys_of(optioned.read(prefix, prefix=True)) == expected
        assert keys_of(list(optioned.scan(prefix=prefix))) == expected

    @pytest.mark.parametrize("suffix", ["", "x", ".x", "b", "a/b", "日", "z", "s" * 2000])
    def test_list_suffix(self, optioned: Store, suffix: str) -> None:
        fill(optioned, *KEYS)
        expected = [key for key in KEYS if key.endswith(suffix)]
        assert optioned.list(suffix=suffix) == expected
        assert keys_of(optioned.read(suffix, suffix=True)) == expected
        assert keys_of(list(optioned.scan(suffix=suffix))) == expected

    @pytest.mark.parametrize(
        ("prefix", "suffix"), [("a", "x"), ("a/", ".x"), ("b", "b"), ("a", "z"), ("", "")]
    )
    def test_list_prefix_and_suffix_must_both_match(self, optioned: Store, prefix: str, suffix: str) -> None:
        fill(optioned, *KEYS)
        expected = [key for key in KEYS if key.startswith(prefix) and key.endswith(suffix)]
        assert optioned.list(prefix=prefix, suffix=suffix) == expected
        assert keys_of(list(optioned.scan(prefix=prefix, suffix=suffix))) == expected

    def test_read_prefix_and_suffix_must_both_match(self, optioned: Store) -> None:
        fill(optioned, "ab", "ab.ab", "abc", "cab", "aba")
        assert keys_of(optioned.read("ab", prefix=True, suffix=True)) == ["ab", "ab.ab"]
        assert optioned.read("x", prefix=True, suffix=True) == []

    @pytest.mark.parametrize(("limit", "offset"), LIMITS)
    def test_list_limit_and_offset(self, optioned: Store, limit: int, offset: int) -> None:
        fill(optioned, *KEYS)
        expected = KEYS[offset:][: limit or None]
        assert optioned.list(limit=limit, offset=offset) == expected
        assert keys_of(optioned.read("", prefix=True, limit=limit, offset=offset)) == expected

    def test_list_limit_and_offset_count_what_matches(self, optioned: Store) -> None:
        fill(optioned, *KEYS)
        assert optioned.list(prefix="a", suffix="x", limit=2, offset=1) == ["a/b.x", "ab.x"]
        assert keys_of(optioned.read("a", prefix=True, limit=2, offset=2)) == ["a.x", "a/b"]
        assert keys_of(optioned.read("x", suffix=True, limit=2, offset=1)) == ["a/b.x", "ab.x"]

    def test_read_one_with_limit_and_offset(self, store: Store) -> None:
        fill(store, "a")
        assert keys_of(store.read("a", limit=1)) == ["a"]
        assert store.read("a", offset=1) == []

    def test_read_prefix_has_values(self, optioned: Store) -> None:
        fill(optioned, "a", "ab", "b")
        assert optioned.read("a", prefix=True) == [Record("a", b"a"), Record("ab", b"ab")]

    def test_list_is_long(self, store: Store) -> None:
        keys = [f"key-{number:04}" for number in range(2100)]
        fill(store, *keys, "other")
        assert store.list(prefix="key-") == keys
        assert store.list(prefix="key-", limit=3, offset=1999) == keys[1999:2002]

    def test_scan_is_lazy(self, store: Store) -> None:
        fill(store, "a", "b", "c")
        scan = store.scan()
        assert isinstance(scan, Iterator)
        assert next(scan).key == "a"
        store.delete("b")
        assert [record.key for record in scan] == ["c"]
