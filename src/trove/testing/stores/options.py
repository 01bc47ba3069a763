"""Namespaces, prefixes and suffixes: what is seen through which."""

from __future__ import annotations

import itertools

import pytest

from ...store import Record, Store
from .base import COMBINATIONS, StoreTests, fill, keys_of

NAMESPACES = ["", "a", "ab", "a/", "a/b", "A", "%", "%2F", "..", ".", "=", "@", "@a", "é", "n" * 128]


class StoreOptionSuite(StoreTests):
    """Options given to ``init``, and the isolation that they promise."""

    def test_options_by_themselves(self, store: Store) -> None:
        for name in ("namespace", "prefix", "suffix"):
            assert store.options[name] == ""
        assert store.options["nodes"] == ()

    @pytest.mark.parametrize("given", COMBINATIONS, ids=lambda given: "+".join(given) or "none")
    def test_options_are_applied_and_kept(self, store: Store, given: dict[str, str]) -> None:
        store.init(**given)
        store.init()
        assert {name: value for name, value in store.options.items() if name in given} == given

    def test_options_namespaces_are_isolated(self, store: Store) -> None:
        for name in NAMESPACES:
            store.init(namespace=name)
            assert store.list() == [], name
            fill(store, "key", f"only/{name}")
        for name in NAMESPACES:
            store.init(namespace=name)
            assert store.list() == ["key", f"only/{name}"]
            store.delete("key")
        for name in NAMESPACES:
            store.init(namespace=name)
            assert keys_of(store.read("", prefix=True)) == [f"only/{name}"]

    @pytest.mark.parametrize(("one", "other"), [*itertools.permutations(["", "a", "ab", "a/b"], 2)])
    def test_options_keys_do_not_lead_into_another_namespace(
        self, store: Store, one: str, other: str
    ) -> None:
        store.init(namespace=other)
        fill(store, "key")
        store.init(namespace=one)
        rest = other.removeprefix(one)
        for key in (
            f"{other}/key",
            f"{rest}/key",
            f"{rest}key",
            f"@{other}/=key",
            f"/@{rest}/=key",
            "../key",
        ):
            assert key not in store
            store.delete(key)
        store.init(namespace=other)
        assert store.list() == ["key"]

    def test_options_prefix_and_suffix_are_put_around_keys(self, store: Store) -> None:
        store.init(prefix="p/", suffix=".s")
        store.write(Record("key", b"value"))
        assert store.list() == ["key"]
        store.init(prefix="", suffix="")
        assert store.list() == ["p/key.s"]
        assert store.read("p/key.s")[0] == Record("p/key.s", b"value")

    def test_options_what_lacks_prefix_or_suffix_is_not_there(self, store: Store) -> None:
        fill(store, "p/a.s", "p/b", "c.s", "d", "p/.s", "p/")
        store.init(prefix="p/", suffix=".s")
        assert store.list() == ["a"]
        assert "b" not in store
        store.init(prefix="p/", suffix="")
        assert store.list() == [".s", "a.s", "b"]
        store.init(prefix="", suffix=".s")
        assert store.list() == ["c", "p/", "p/a"]

    def test_options_prefix_and_suffix_do_not_overlap(self, store: Store) -> None:
        fill(store, "abab", "ab", "aba", "abxab")
        store.init(prefix="ab", suffix="ab")
        assert store.list() == ["x"]
        store.init(prefix="ab", suffix="ba")
        assert store.list() == []

    def test_options_prefixes_of_one_another(self, store: Store) -> None:
        store.init(prefix="a")
        fill(store, "1")
        store.init(prefix="ab")
        assert store.list() == []
        fill(store, "2")
        assert store.list() == ["2"]
        store.init(prefix="a")
        assert store.list() == ["1", "b2"]

    def test_options_keep_the_order_of_keys(self, store: Store) -> None:
        store.init(suffix="z")
        fill(store, "a!", "a", "a~")
        assert store.list() == ["a", "a!", "a~"]
        assert store.list(limit=1) == ["a"]
        assert store.list(offset=1, limit=1) == ["a!"]

    def test_options_together_are_isolated(self, store: Store) -> None:
        for number, given in enumerate(COMBINATIONS):
            store.init(**{"namespace": "", "prefix": "", "suffix": "", **given})
            store.write(Record(f"key-{number}", b""))
        for number, given in enumerate(COMBINATIONS):
            store.init(**{"namespace": "", "prefix": "", "suffix": "", **given})
            assert f"key-{number}" in store
            others = [other for other, options in enumerate(COMBINATIONS) if options != given]
            assert not any(f"key-{other}" in store for other in others)
