"""What a store does not take, and that it is as it was then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ...errors import InvalidArgumentError, InvalidKeyError, UnsupportedOptionError
from ...store import Record, Store
from .base import StoreTests

BAD_KEYS: list[Any] = ["", None, 5, b"key", ["key"], "\ud800", "k" * 513, "é" * 257]
CALLS: dict[str, Callable[[Store, Any], object]] = {
    "read": lambda store, key: store.read(key),
    "get": lambda store, key: store.get(key),
    "in": lambda store, key: key in store,
    "write": lambda store, key: store.write(Record(key, b"")),
    "delete": lambda store, key: store.delete(key),
}
LATER = datetime(2100, 1, 1, tzinfo=UTC)


class StoreArgumentSuite(StoreTests):
    """Arguments that are not sound are refused with a typed error, and nothing happens."""

    @pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: ascii(key)[:10])
    @pytest.mark.parametrize("call", CALLS)
    def test_arguments_bad_key(self, store: Store, call: str, key: Any) -> None:
        with pytest.raises(InvalidKeyError):
            CALLS[call](store, key)
        assert store.list() == []

    def test_arguments_key_too_long_with_what_is_around_it(self, store: Store) -> None:
        key = "k" * (self.LONGEST_KEY - 10)
        store.init(prefix="p" * 5, suffix="s" * 5)
        store.write(Record(key, b""))
        for call in CALLS.values():
            with pytest.raises(InvalidKeyError):
                call(store, key + "k")

    @pytest.mark.parametrize(
        "value",
        [None, "text", 5, bytearray(b"x"), memoryview(b"x"), [b"x"]],
        ids=["None", "str", "int", "bytearray", "memoryview", "list"],
    )
    def test_arguments_value_that_is_not_bytes(self, store: Store, value: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            store.write(Record("key", value))
        assert "key" not in store

    @pytest.mark.parametrize(
        "record", [None, "key", b"value", ("key", b"value"), {"key": b"value"}], ids=repr
    )
    def test_arguments_what_is_no_record(self, store: Store, record: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            store.write(record)

    @pytest.mark.parametrize(
        "lifetime",
        [timedelta(0), timedelta(microseconds=-1), timedelta(days=-1), 0, 60, 1.5, "1h", LATER, True],
    )
    def test_arguments_bad_lifetime(self, store: Store, lifetime: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            store.write(Record("key", b""), ttl=lifetime)
        with pytest.raises(InvalidArgumentError):
            store.write(Record("key", b"", lifetime))
        assert "key" not in store

    @pytest.mark.parametrize(
        "expiry", [LATER.replace(tzinfo=None), LATER.date(), timedelta(1), 60, "2100-01-01"]
    )
    def test_arguments_bad_expiry(self, store: Store, expiry: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            store.write(Record("key", b""), expiry=expiry)
        with pytest.raises(InvalidArgumentError):
            store.write(Record("key", b""), ttl=timedelta(1), expiry=expiry)
        assert "key" not in store

    def test_arguments_lifetime_past_the_end_of_the_calendar(self, store: Store) -> None:
        with pytest.raises(InvalidArgumentError):
            store.write(Record("key", b""), ttl=timedelta.max)
        assert "key" not in store

    @pytest.mark.parametrize("count", [-1, -(10**30), 1.0, "1", None, True])
    @pytest.mark.parametrize("name", ["limit", "offset"])
    def test_arguments_bad_limit_or_offset(self, store: Store, name: str, count: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            store.list(**{name: count})
        with pytest.raises(InvalidArgumentError):
            store.read("key", prefix=True, **{name: count})
        with pytest.raises(InvalidArgumentError):
            store.read("key", **{name: count})

    @pytest.mark.parametrize("text", [None, 5, b"a", True, "\ud800"], ids=ascii)
    def test_arguments_bad_prefix_or_suffix(self, store: Store, text: Any) -> None:
        for name in ("prefix", "suffix"):
            for call in (store.list, store.scan):
                with pytest.raises(InvalidArgumentError):
                    call(**{name: text})
        with pytest.raises(InvalidArgumentError):
            store.read(text, prefix=True)

    @pytest.mark.parametrize("flag", [None, 0, 1, "key"])
    def test_arguments_read_takes_true_or_false(self, store: Store, flag: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            store.read("key", prefix=flag)
        with pytest.raises(InvalidArgumentError):
            store.read("key", suffix=flag)

    @pytest.mark.parametrize(
        "given",
        [
            {"namespace": None},
            {"namespace": b"a"},
            {"namespace": "n" * 129},
            {"namespace": "a\0"},
            {"namespace": "a\n"},
            {"prefix": 5},
            {"suffix": None},
            {"prefix": "\ud800"},
            {"nodes": "localhost"},
            {"nodes": 5},
            {"nodes": [5]},
        ],
        ids=lambda given: ascii(given)[:30],
    )
    def test_arguments_bad_option(self, store: Store, given: dict[str, Any]) -> None:
        before = dict(store.options)
        with pytest.raises(InvalidArgumentError):
            store.init(**given)
        assert dict(store.options) == before

    def test_arguments_unknown_option(self, store: Store) -> None:
        before = dict(store.options)
        with pytest.raises(UnsupportedOptionError, match="colour"):
            store.init(namespace="a", colour="red")
        assert dict(store.options) == before

    def test_arguments_options_are_read_only(self, store: Store) -> None:
        options: Any = store.options
        with pytest.raises(TypeError):
            options["namespace"] = "a"
