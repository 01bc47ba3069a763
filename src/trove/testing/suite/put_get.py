"""PutGetSuite: what is put can be got, and what goes with it."""

from __future__ import annotations

import pytest

from ...driver import Driver
from ...errors import BucketNotFoundError, ObjectNotFoundError
from ..objects import random_data, read_all
from .base import KEY, Suite, content_of, honoured, unique_name

MEGABYTE = 1 << 20
TEXTS = {
    "plain": "alice",
    "Case": "As Given",
    "case": "is kept apart",
    "": "empty name",
    "empty value": "",
    "ünï": "日本語 \U0001f600",
    "a=b;c,d": "quotes \" ' and \\ and %41 + &",
    "lines": "one\ntwo\r\n\tthree",
    " spaces ": "  at both ends  ",
    "long": "x" * 2000,
}


class PutGetSuite(Suite):
    def test_put_get_put_and_get(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"hello world")
        assert content_of(driver, bucket, KEY) == b"hello world"

    def test_put_get_overwrite(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"the first content")
        driver.put(bucket, KEY, b"second")
        assert content_of(driver, bucket, KEY) == b"second"

    def test_put_get_with_metadata(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data", metadata={"author": "alice", "lang": "en"})
        assert dict(driver.head(bucket, KEY).metadata) == {"author": "alice", "lang": "en"}

    @pytest.mark.parametrize("name", TEXTS)
    def test_put_get_with_metadata_of_any_text(self, driver: Driver, bucket: str, name: str) -> None:
        driver.put(bucket, KEY, b"data", metadata={name: TEXTS[name]})
        assert dict(driver.head(bucket, KEY).metadata) == {name: TEXTS[name]}

    def test_put_get_with_many_metadata(self, driver: Driver, bucket: str) -> None:
        metadata = {f"name-{i}": f"value-{i}" for i in range(50)}
        driver.put(bucket, KEY, b"data", metadata=metadata)
        assert dict(driver.head(bucket, KEY).metadata) == metadata

    def test_put_get_without_metadata(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        assert dict(driver.head(bucket, KEY).metadata) == {}

    def test_put_get_with_content_type(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "page.txt", b"data", content_type="text/html; charset=utf-8")
        assert driver.head(bucket, "page.txt").content_type == "text/html; charset=utf-8"

    @pytest.mark.parametrize(
        ("key", "content_type"),
        [("2026/cat.jpg", "image/jpeg"), ("a.txt", "text/plain"), ("b.json", "application/json")],
    )
    def test_put_get_content_type_guessed(
        self, driver: Driver, bucket: str, key: str, content_type: str
    ) -> None:
        driver.put(bucket, key, b"data")
        assert driver.head(bucket, key).content_type == content_type

    @pytest.mark.parametrize("key", ["no-ending", "x.no-such-ending", "folder.jpg/file"])
    def test_put_get_content_type_default(self, driver: Driver, bucket: str, key: str) -> None:
        driver.put(bucket, key, b"data")
        assert driver.head(bucket, key).content_type == "application/octet-stream"

    def test_put_get_with_tags(self, driver: Driver, bucket: str) -> None:
        with honoured("tags"):
            driver.put(bucket, KEY, b"data", tags={"env": "prod", "Ünï": "日本", "empty": ""})
        assert dict(driver.head(bucket, KEY).tags) == {"env": "prod", "Ünï": "日本", "empty": ""}

    def test_put_get_tags_are_not_metadata(self, driver: Driver, bucket: str) -> None:
        with honoured("tags"):
            driver.put(bucket, KEY, b"data", tags={"name": "tag"}, metadata={"name": "metadata"})
        info = driver.head(bucket, KEY)
        assert (dict(info.tags), dict(info.metadata)) == ({"name": "tag"}, {"name": "metadata"})

    def test_put_get_without_tags(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        assert dict(driver.head(bucket, KEY).tags) == {}

    def test_put_get_with_storage_class(self, driver: Driver, bucket: str) -> None:
        with honoured("storage_class"):
            driver.put(bucket, KEY, b"data", storage_class="COLD")
        assert driver.head(bucket, KEY).storage_class == "COLD"

    def test_put_get_storage_class_keeps_content(self, driver: Driver, bucket: str) -> None:
        with honoured("storage_class"):
            driver.put(bucket, KEY, b"cold data" * 100, storage_class="COLD")
        assert content_of(driver, bucket, KEY) == b"cold data" * 100

    def test_put_get_default_storage_class(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        assert driver.head(bucket, KEY).storage_class == "STANDARD"

    def test_put_get_bucket_not_found(self, driver: Driver) -> None:
        name = unique_name()
        with pytest.raises(BucketNotFoundError):
            driver.put(name, KEY, b"data")
        with pytest.raises(BucketNotFoundError):
            driver.get(name, KEY)

    def test_put_get_makes_no_bucket(self, driver: Driver) -> None:
        name = unique_name()
        with pytest.raises(BucketNotFoundError):
            driver.put(name, KEY, b"data")
        assert name not in [info.name for info in driver.list_buckets()]

    def test_put_get_object_not_found(self, driver: Driver, bucket: str) -> None:
        with pytest.raises(ObjectNotFoundError):
            driver.get(bucket, KEY)

    def test_put_get_other_object_not_found(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "folder/object", b"data")
        for key in ("folder", "folder/", "folder/obj", "folder/object/", "Folder/object"):
            with pytest.raises(ObjectNotFoundError):
                driver.get(bucket, key)

    def test_put_get_large_object(self, driver: Driver, bucket: str) -> None:
        data = random_data(MEGABYTE)
        driver.put(bucket, KEY, data)
        assert content_of(driver, bucket, KEY) == data

    def test_put_get_larger_than_blocks(self, driver: Driver, bucket: str) -> None:
        data = random_data(5 * MEGABYTE + 13, seed=1)
        driver.put(bucket, KEY, data)
        assert content_of(driver, bucket, KEY) == data

    @pytest.mark.parametrize("size", [0, 1, 511, 512, 4095, 4096, 4097, 65_535, 65_536, 65_537])
    def test_put_get_sizes(self, driver: Driver, bucket: str, size: int) -> None:
        data = random_data(size, seed=size)
        driver.put(bucket, KEY, data)
        assert content_of(driver, bucket, KEY) == data

    def test_put_get_every_byte_value(self, driver: Driver, bucket: str) -> None:
        data = bytes(range(256)) * 2 + b"\r\n\n\x1a\x00"
        driver.put(bucket, KEY, data)
        assert content_of(driver, bucket, KEY) == data

    def test_put_get_same_content_twice(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, "one", b"the same")
        driver.put(bucket, "other", b"the same")
        driver.delete(bucket, "one")
        assert content_of(driver, bucket, "other") == b"the same"

    def test_put_get_twice_from_one_object(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        assert [content_of(driver, bucket, KEY) for _ in range(2)] == [b"data", b"data"]

    def test_put_get_two_readers_apart(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"0123456789")
        with driver.get(bucket, KEY) as one, driver.get(bucket, KEY) as other:
            assert (one.read(4), other.read(2), one.read(4), other.read(2)) == (
                b"0123",
                b"01",
                b"4567",
                b"23",
            )

    # What an overwritten object had must not shine through.

    def test_put_get_overwrite_replaces_metadata(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data", metadata={"old": "x", "both": "old"})
        driver.put(bucket, KEY, b"data", metadata={"both": "new"})
        assert dict(driver.head(bucket, KEY).metadata) == {"both": "new"}

    def test_put_get_overwrite_drops_metadata(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data", metadata={"old": "x"})
        driver.put(bucket, KEY, b"data")
        assert dict(driver.head(bucket, KEY).metadata) == {}

    def test_put_get_overwrite_drops_tags(self, driver: Driver, bucket: str) -> None:
        with honoured("tags"):
            driver.put(bucket, KEY, b"data", tags={"old": "x"})
        driver.put(bucket, KEY, b"data")
        assert dict(driver.head(bucket, KEY).tags) == {}

    def test_put_get_overwrite_drops_content_type(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data", content_type="text/css")
        driver.put(bucket, KEY, b"data")
        assert driver.head(bucket, KEY).content_type == "application/octet-stream"

    def test_put_get_overwrite_drops_storage_class(self, driver: Driver, bucket: str) -> None:
        with honoured("storage_class"):
            driver.put(bucket, KEY, b"data", storage_class="COLD")
        driver.put(bucket, KEY, b"data")
        assert driver.head(bucket, KEY).storage_class == "STANDARD"

    def test_put_get_overwrite_same_content_new_metadata(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data", metadata={"n": "1"})
        driver.put(bucket, KEY, b"data", metadata={"n": "2"})
        assert dict(driver.head(bucket, KEY).metadata) == {"n": "2"}

    def test_put_get_overwrite_is_listed_once(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"first")
        driver.put(bucket, KEY, b"second!")
        assert [(info.key, info.size) for info in driver.list(bucket)] == [(KEY, 7)]

    def test_put_get_reader_info(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        with driver.get(bucket, KEY) as reader:
            assert (reader.info.key, reader.info.size) == (KEY, 4)
            assert read_all(reader) == b"data"
