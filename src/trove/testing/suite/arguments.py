"""ArgumentSuite: every argument is checked before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from ...driver import Driver
from ...errors import InvalidArgumentError, InvalidBucketNameError, InvalidKeyError
from .base import KEY, Suite, exists, honoured, unchanged, unique_name

BAD_KEYS: dict[str, str] = {
    "empty": "",
    "too-long": "k" * 1025,
    "too-long-in-bytes": "é" * 513,
    "nul": "a\0b",
    "only-nul": "\0",
    "nul-at-the-end": "a\0",
    "surrogate": "a\ud800",
    "surrogate-pair": "\ud83d\ude00",
}
BAD_BUCKETS: dict[str, str] = {
    "empty": "",
    "too-long": "b" * 256,
    "too-long-in-bytes": "é" * 128,
    "slash": "a/b",
    "leading-slash": "/a",
    "trailing-slash": "a/",
    "nul": "a\0b",
    "newline": "a\nb",
    "tab": "a\tb",
    "escape": "a\x1bb",
    "delete": "a\x7fb",
    "dot": ".",
    "dots": "..",
    "surrogate": "a\ud800",
}
OTHER_TYPES: dict[str, Any] = {
    "int": 5,
    "none": None,
    "bytes": b"name",
    "list": ["name"],
    "float": 1.5,
    "object": object(),
}
KEY_CALLS: dict[str, Callable[[Driver, str, Any], object]] = {
    "put": lambda driver, bucket, key: driver.put(bucket, key, b"data"),
    "get": lambda driver, bucket, key: driver.get(bucket, key),
    "head": lambda driver, bucket, key: driver.head(bucket, key),
    "delete": lambda driver, bucket, key: driver.delete(bucket, key),
    "copy-from": lambda driver, bucket, key: driver.copy(bucket, key, bucket, "copy"),
    "copy-to": lambda driver, bucket, key: driver.copy(bucket, "there", bucket, key),
}
BUCKET_CALLS: dict[str, Callable[[Driver, str, Any], object]] = {
    "create": lambda driver, bucket, name: driver.create_bucket(name),
    "delete-bucket": lambda driver, bucket, name: driver.delete_bucket(name),
    "put": lambda driver, bucket, name: driver.put(name, KEY, b"data"),
    "get": lambda driver, bucket, name: driver.get(name, KEY),
    "head": lambda driver, bucket, name: driver.head(name, KEY),
    "delete": lambda driver, bucket, name: driver.delete(name, KEY),
    "list": lambda driver, bucket, name: driver.list(name),
    "copy-from": lambda driver, bucket, name: driver.copy(name, KEY, bucket, "copy"),
    "copy-to": lambda driver, bucket, name: driver.copy(bucket, "there", name, "copy"),
}
BAD_MAPPINGS: dict[str, Any] = {
    "int-value": {"name": 1},
    "none-value": {"name": None},
    "bytes-value": {"name": b"value"},
    "list-value": {"name": ["value"]},
    "int-name": {1: "value"},
    "bytes-name": {b"name": "value"},
    "surrogate-value": {"name": "\ud800"},
    "surrogate-name": {"\ud800": "value"},
    "one-of-two": {"good": "value", "bad": 1},
    "text": "name=value",
    "int": 5,
}
BAD_TEXTS: dict[str, Any] = {"int": 5, "bytes": b"text", "list": ["text"], "surrogate": "\ud800"}
BAD_TIMES: dict[str, Any] = {
    "naive": datetime(2100, 1, 1),
    "text": "2100-01-01T00:00:00Z",
    "int": 4_102_444_800,
    "date": datetime(2100, 1, 1).date(),
}
BAD_SIZES: dict[str, Any] = {
    "zero": 0,
    "negative": -1,
    "text": "10",
    "float": 1.5,
    "none": None,
    "list": [1],
}


def _each(table: dict[str, Any], name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(name, table.values(), ids=table)


class ArgumentSuite(Suite):
    @pytest.fixture
    def filled(self, driver: Driver, bucket: str) -> str:
        driver.put(bucket, "there", b"data")
        return bucket

    # Names.

    @_each(BAD_KEYS, "key")
    @pytest.mark.parametrize("call", KEY_CALLS)
    def test_arguments_bad_key(self, driver: Driver, filled: str, call: str, key: str) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidKeyError):
            KEY_CALLS[call](driver, filled, key)

    @_each(OTHER_TYPES, "key")
    @pytest.mark.parametrize("call", KEY_CALLS)
    def test_arguments_key_of_another_type(self, driver: Driver, filled: str, call: str, key: Any) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidArgumentError):
            KEY_CALLS[call](driver, filled, key)

    @_each(BAD_BUCKETS, "name")
    @pytest.mark.parametrize("call", BUCKET_CALLS)
    def test_arguments_bad_bucket_name(self, driver: Driver, filled: str, call: str, name: str) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidBucketNameError):
            BUCKET_CALLS[call](driver, filled, name)

    @_each(OTHER_TYPES, "name")
    @pytest.mark.parametrize("call", BUCKET_CALLS)
    def test_arguments_bucket_name_of_another_type(
        self, driver: Driver, filled: str, call: str, name: Any
    ) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidArgumentError):
            BUCKET_CALLS[call](driver, filled, name)

    def test_arguments_bad_key_before_the_bucket_is_looked_for(self, driver: Driver) -> None:
        with pytest.raises(InvalidKeyError):
            driver.put(unique_name(), "", b"data")

    def test_arguments_bad_key_before_the_data_is_read(self, driver: Driver, bucket: str) -> None:
        begun = []

        def data() -> Iterator[bytes]:
            begun.append(True)
            yield b"data"

        with pytest.raises(InvalidKeyError):
            driver.put(bucket, "", data())
        assert begun == []

    # Options of put.

    @_each(BAD_MAPPINGS, "mapping")
    def test_arguments_bad_metadata(self, driver: Driver, filled: str, mapping: Any) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidArgumentError):
            driver.put(filled, KEY, b"data", metadata=mapping)

    @_each(BAD_MAPPINGS, "mapping")
    def test_arguments_bad_metadata_keeps_the_old_object(
        self, driver: Driver, filled: str, mapping: Any
    ) -> None:
        with unchanged(driver, filled), pytest.raises((TypeError, ValueError)):
            driver.put(filled, "there", b"new", metadata=mapping)

    @_each(BAD_MAPPINGS, "mapping")
    def test_arguments_bad_metadata_of_copy(self, driver: Driver, filled: str, mapping: Any) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidArgumentError):
            driver.copy(filled, "there", filled, "copy", metadata=mapping)

    @_each(BAD_MAPPINGS, "mapping")
    def test_arguments_bad_tags(self, driver: Driver, filled: str, mapping: Any) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidArgumentError):
            driver.put(filled, KEY, b"data", tags=mapping)

    @_each(BAD_TEXTS, "text")
    def test_arguments_bad_content_type(self, driver: Driver, filled: str, text: Any) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidArgumentError):
            driver.put(filled, KEY, b"data", content_type=text)

    @_each(BAD_TEXTS, "text")
    def test_arguments_bad_storage_class(self, driver: Driver, filled: str, text: Any) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidArgumentError):
            driver.put(filled, KEY, b"data", storage_class=text)

    @_each(BAD_TIMES, "at")
    def test_arguments_bad_expires_at(self, driver: Driver, filled: str, at: Any) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidArgumentError):
            driver.put(filled, KEY, b"data", expires_at=at)

    @_each({"int": 5, "bytes": b"etag", "list": ["etag"], "bool": True}, "etag")
    def test_arguments_bad_if_match(self, driver: Driver, filled: str, etag: Any) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidArgumentError):
            driver.put(filled, "there", b"new", if_match=etag)

    @_each({"etag": "etag", "empty": "", "int": 5, "bool": True, "bytes": b"*"}, "value")
    def test_arguments_bad_if_none_match(self, driver: Driver, filled: str, value: Any) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidArgumentError):
            driver.put(filled, KEY, b"data", if_none_match=value)

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("tags", {"env": "prod"}),
            ("storage_class", "NO-SUCH-CLASS-OF-STORAGE"),
            ("expires_at", "expires"),
            ("if_none_match", "*"),
        ],
    )
    def test_arguments_option_is_honoured_or_refused(
        self, driver: Driver, bucket: str, option: str, value: Any
    ) -> None:
        if option == "expires_at":
            value = datetime.fromisoformat("2100-01-01T00:00:00+00:00")
        put: Any = driver.put
        try:
            put(bucket, KEY, b"data", **{option: value})
        except InvalidArgumentError:
            assert not exists(driver, bucket, KEY)
        else:
            assert exists(driver, bucket, KEY)

    def test_arguments_unknown_option(self, driver: Driver, bucket: str) -> None:
        put: Any = driver.put
        with pytest.raises((TypeError, InvalidArgumentError)):
            put(bucket, KEY, b"data", no_such_option=1)
        assert not exists(driver, bucket, KEY)

    def test_arguments_options_are_keyword_only(self, driver: Driver, bucket: str) -> None:
        put: Any = driver.put
        with pytest.raises(TypeError):
            put(bucket, KEY, b"data", "text/plain")
        assert not exists(driver, bucket, KEY)

    # The others.

    @_each({"int": 5, "bytes": b"id", "list": ["id"], "surrogate": "\ud800"}, "version_id")
    @pytest.mark.parametrize("call", ["get", "head", "delete"])
    def test_arguments_bad_version_id(self, driver: Driver, filled: str, call: str, version_id: Any) -> None:
        with unchanged(driver, filled), pytest.raises(InvalidArgumentError):
            getattr(driver, call)(filled, "there", version_id=version_id)

    @_each(BAD_SIZES, "max_keys")
    def test_arguments_bad_max_keys(self, driver: Driver, filled: str, max_keys: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            driver.list(filled, max_keys=max_keys)

    @_each(BAD_TEXTS, "prefix")
    def test_arguments_bad_prefix(self, driver: Driver, filled: str, prefix: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            driver.list(filled, prefix=prefix)

    @_each(BAD_TEXTS, "delimiter")
    def test_arguments_bad_delimiter(self, driver: Driver, filled: str, delimiter: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            driver.list(filled, delimiter=delimiter)

    @_each({"int": 5, "bytes": b"eu", "list": ["eu"]}, "region")
    def test_arguments_bad_region(self, driver: Driver, region: Any) -> None:
        name = unique_name()
        with pytest.raises(InvalidArgumentError):
            driver.create_bucket(name, region=region)
        assert name not in [info.name for info in driver.list_buckets()]

    def test_arguments_of_valid_size_at_the_bounds(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "k" * 1024, b"")
        with honoured("if_none_match"):
            driver.put(bucket, "é" * 512, b"", if_none_match="*")
        assert exists(driver, bucket, "k" * 1024)
