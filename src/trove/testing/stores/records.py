"""One record after the other: written, read, replaced, deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ...errors import NotFoundError, RecordNotFoundError
from ...store import Record, Store
from .base import StoreTests, fill

KEYS = [
    *(
        "a",
        "A",
        " ",
        "a b",
        "a/b",
        "/",
        "//",
        "/a",
        "a/",
        ".",
        "..",
        "../a",
        "a/../b",
        "a//b",
        "%",
        "%2F",
        "%00",
    ),
    *(
        "=",
        "@",
        "@a/=b",
        "=a",
        "\0",
        "\1",
        "\1\1",
        "\1\2",
        "\0\1",
        "a\0b",
        "a\n",
        "\x7f",
        "\x80",
        "*",
        "a?b=c#d",
    ),
    *("é", "e\u0301", "日本語", "\U0001f600", "\uffff", "\U0010ffff", "\ufeff", "key.html", "a'b", '"', "\\"),
]


class StoreRecordSuite(StoreTests):
    """What is written is there, until it is replaced or deleted."""

    def test_write_and_read(self, optioned: Store) -> None:
        optioned.write(Record("key", b"value"))
        assert optioned.read("key") == [Record("key", b"value")]
        assert optioned.get("key") == Record("key", b"value")
        assert "key" in optioned

    def test_write_replaces(self, optioned: Store) -> None:
        optioned.write(Record("key", b"a longer value"), ttl=timedelta(hours=1))
        optioned.write(Record("key", b"new"))
        assert optioned.read("key") == [Record("key", b"new")]
        assert optioned.list() == ["key"]

    def test_write_leaves_the_record_as_it_is(self, optioned: Store) -> None:
        record = Record("key", b"value", 7 * self.SHORTEST)
        optioned.write(record, ttl=3 * self.SHORTEST)
        assert record == Record("key", b"value", 7 * self.SHORTEST)

    @pytest.mark.parametrize("value", [b"", b"\0", bytes(range(256)), b"x" * 100_000], ids=len)
    def test_write_any_bytes(self, store: Store, value: bytes) -> None:
        store.write(Record("key", value))
        (record,) = store.read("key")
        assert record.value == value
        assert type(record.value) is bytes

    def test_read_missing(self, optioned: Store) -> None:
        fill(optioned, "ke", "keys")
        with pytest.raises(RecordNotFoundError) as raised:
            optioned.read("key")
        assert raised.value.key == "key"
        assert isinstance(raised.value, NotFoundError)
        assert isinstance(raised.value, KeyError)

    def test_get_missing(self, optioned: Store) -> None:
        assert optioned.get("key") is None
        assert optioned.get("key", 5) == 5
        assert "key" not in optioned

    def test_delete(self, optioned: Store) -> None:
        fill(optioned, "key", "keys")
        optioned.delete("key")
        assert "key" not in optioned
        assert optioned.list() == ["keys"]

    def test_delete_missing(self, optioned: Store) -> None:
        fill(optioned, "other")
        optioned.delete("key")
        assert optioned.list() == ["other"]

    def test_delete_and_write_again(self, optioned: Store) -> None:
        for value in (b"1", b"2"):
            optioned.write(Record("key", value))
            assert optioned.read("key")[0].value == value
            optioned.delete("key")
            assert optioned.get("key") is None

    def test_keys_are_kept_apart(self, store: Store) -> None:
        fill(store, *KEYS)
        for key in KEYS:
            assert store.read(key) == [Record(key, key.encode())]
        assert store.list() == sorted(KEYS)

    def test_keys_of_every_kind(self, optioned: Store) -> None:
        fill(optioned, "other")
        for key in KEYS:
            fill(optioned, key)
            assert optioned.read(key) == [Record(key, key.encode())]
            assert optioned.list() == sorted([key, "other"])
            optioned.delete(key)
            assert optioned.list() == ["other"]

    @pytest.mark.parametrize("letter", ["k", "é", "語", "\U0001f600"])
    def test_keys_as_long_as_may_be(self, store: Store, letter: str) -> None:
        store.init(prefix="p", suffix="s")
        count, rest = divmod(self.LONGEST_KEY - 2, len(letter.encode()))
        first, second = (letter * count + filling * rest for filling in "ab")
        second = second if rest else letter * (count - 1)
        fill(store, first, second)
        assert store.list() == sorted([first, second])
        assert store.read(first)[0].value == first.encode()
        store.delete(first)
        assert store.list() == [second]
