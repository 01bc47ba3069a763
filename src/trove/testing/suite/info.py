"""InfoSuite: infos agree with each other, can't be changed, and hold what the contract says."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from ...driver import Driver, ObjectInfo
from .base import KEY, Suite, honoured

FIELDS = (
    "key",
    "size",
    "content_type",
    "etag",
    "last_modified",
    "metadata",
    "tags",
    "version_id",
    "storage_class",
)


def fields_of(info: ObjectInfo) -> dict[str, object]:
    return {name: getattr(info, name) for name in FIELDS}


def put_described(driver: Driver, bucket: str, key: str = KEY) -> ObjectInfo:
    return driver.put(bucket, key, b"data", content_type="text/css", metadata={"author": "alice"})


class InfoSuite(Suite):
    def test_info_of_put(self, driver: Driver, bucket: str) -> None:
        info = put_described(driver, bucket)
        assert (info.key, info.size, info.content_type) == (KEY, 4, "text/css")

    def test_info_of_put_has_metadata(self, driver: Driver, bucket: str) -> None:
        assert dict(put_described(driver, bucket).metadata) == {"author": "alice"}

    def test_info_of_put_has_tags(self, driver: Driver, bucket: str) -> None:
        with honoured("tags"):
            info = driver.put(bucket, KEY, b"data", tags={"env": "prod"})
        assert dict(info.tags) == {"env": "prod"}

    def test_info_of_put_has_storage_class(self, driver: Driver, bucket: str) -> None:
        with honoured("storage_class"):
            info = driver.put(bucket, KEY, b"data", storage_class="COLD")
        assert info.storage_class == "COLD"

    def test_info_is_an_object_info(self, driver: Driver, bucket: str) -> None:
        assert isinstance(put_described(driver, bucket), ObjectInfo)
        assert isinstance(driver.head(bucket, KEY), ObjectInfo)

    def test_info_of_head_equals_that_of_put(self, driver: Driver, bucket: str) -> None:
        put = put_described(driver, bucket)
        head = driver.head(bucket, KEY)
        assert fields_of(head) == fields_of(put)
        assert head == put

    def test_info_of_get_equals_that_of_put(self, driver: Driver, bucket: str) -> None:
        put = put_described(driver, bucket)
        with driver.get(bucket, KEY) as reader:
            assert fields_of(reader.info) == fields_of(put)
            assert reader.info == put

    def test_info_of_list_has_all_that_head_gives(self, driver: Driver, bucket: str) -> None:
        put_described(driver, bucket)
        (listed,) = driver.list(bucket)
        assert fields_of(listed) == fields_of(driver.head(bucket, KEY))

    def test_info_of_list_has_tags(self, driver: Driver, bucket: str) -> None:
        with honoured("tags"):
            driver.put(bucket, KEY, b"data", tags={"env": "prod"})
        (listed,) = driver.list(bucket)
        assert dict(listed.tags) == {"env": "prod"}

    def test_info_of_get_has_tags(self, driver: Driver, bucket: str) -> None:
        with honoured("tags"):
            driver.put(bucket, KEY, b"data", tags={"env": "prod"})
        with driver.get(bucket, KEY) as reader:
            assert dict(reader.info.tags) == {"env": "prod"}

    def test_info_of_list_and_get_has_storage_class(self, driver: Driver, bucket: str) -> None:
        with honoured("storage_class"):
            driver.put(bucket, KEY, b"data", storage_class="COLD")
        (listed,) = driver.list(bucket)
        with driver.get(bucket, KEY) as reader:
            assert (listed.storage_class, reader.info.storage_class) == ("COLD", "COLD")

    def test_info_of_range_is_of_the_whole_object(self, driver: Driver, bucket: str) -> None:
        put = put_described(driver, bucket)
        with driver.get(bucket, KEY, range=(1, 2)) as reader:
            assert fields_of(reader.info) == fields_of(put)

    def test_info_of_overwritten_object_is_as_it_was(self, driver: Driver, bucket: str) -> None:
        old = put_described(driver, bucket)
        before = fields_of(old)
        driver.put(bucket, KEY, b"other data", metadata={"author": "bob"})
        assert fields_of(old) == before

    def test_info_stays_while_others_write(self, driver: Driver, bucket: str) -> None:
        put = put_described(driver, bucket)
        driver.put(bucket, "other", b"data")
        driver.delete(bucket, "other")
        assert fields_of(driver.head(bucket, KEY)) == fields_of(put)

    # Times.

    def test_info_last_modified_is_aware_utc(self, driver: Driver, bucket: str) -> None:
        assert driver.put(bucket, KEY, b"data").last_modified.utcoffset() == timedelta(0)

    def test_info_last_modified_of_head_is_aware_utc(self, driver: Driver, bucket: str) -> None:
        driver.put(bucket, KEY, b"data")
        assert driver.head(bucket, KEY).last_modified.utcoffset() == timedelta(0)

    def test_info_last_modified_is_now(self, driver: Driver, bucket: str) -> None:
        written = driver.put(bucket, KEY, b"data").last_modified
        # A store's clock may differ from ours, but not by a timezone or an epoch.
        now = datetime.now(UTC)
        assert abs(written.replace(tzinfo=UTC) - now) < timedelta(minutes=15)

    def test_info_last_modified_grows(self, driver: Driver, bucket: str) -> None:
        first = driver.put(bucket, KEY, b"first").last_modified
        assert driver.put(bucket, KEY, b"second").last_modified >= first

    # ETags.

    def test_info_etag_is_text(self, driver: Driver, bucket: str) -> None:
        etag = driver.put(bucket, KEY, b"data").etag
        assert isinstance(etag, str)
        assert etag

    def test_info_etag_same_for_same_bytes(
        self, driver: Driver, bucket: str, make_bucket: Callable[[], str]
    ) -> None:
        first = driver.put(bucket, KEY, b"data").etag
        assert driver.put(bucket, "another", b"data").etag == first
        assert driver.put(make_bucket(), KEY, b"data").etag == first

    def test_info_etag_same_when_put_again(self, driver: Driver, bucket: str) -> None:
        assert driver.put(bucket, KEY, b"data").etag == driver.put(bucket, KEY, b"data").etag

    def test_info_etag_is_of_the_bytes_alone(self, driver: Driver, bucket: str) -> None:
        assert put_described(driver, bucket).etag == driver.put(bucket, KEY, b"data").etag

    def test_info_etag_same_however_put(self, driver: Driver, bucket: str) -> None:
        assert driver.put(bucket, KEY, b"data").etag == driver.put(bucket, KEY, [b"da", b"", b"ta"]).etag

    def test_info_etag_differs_for_other_bytes(self, driver: Driver, bucket: str) -> None:
        contents = (b"", b"\0", b"data", b"dato", b"atad", b"data" * 100_000, b"data" * 100_000 + b"!")
        etags = {driver.put(bucket, KEY, data).etag for data in contents}
        assert len(etags) == len(contents)

    def test_info_etag_differs_at_the_end_of_large_data(self, driver: Driver, bucket: str) -> None:
        data = bytearray(3 << 20)
        first = driver.put(bucket, KEY, data).etag
        data[-1] = 1
        assert driver.put(bucket, KEY, data).etag != first

    def test_info_version_id_is_empty_when_unversioned(self, driver: Driver, bucket: str) -> None:
        assert driver.put(bucket, KEY, b"data").version_id == ""

    # Immutability.

    @pytest.mark.parametrize("name", FIELDS)
    def test_info_fields_are_read_only(self, driver: Driver, bucket: str, name: str) -> None:
        info = put_described(driver, bucket)
        before = getattr(info, name)
        with pytest.raises((AttributeError, TypeError)):
            setattr(info, name, before)

    @pytest.mark.parametrize("name", ["metadata", "tags"])
    def test_info_mappings_are_read_only(self, driver: Driver, bucket: str, name: str) -> None:
        put_described(driver, bucket)
        mapping = getattr(driver.head(bucket, KEY), name)
        with suppress(TypeError, AttributeError):
            mapping["new"] = "value"
        assert "new" not in mapping

    def test_info_mappings_of_get_and_list_are_read_only(self, driver: Driver, bucket: str) -> None:
        put_described(driver, bucket)
        with driver.get(bucket, KEY) as reader:
            infos = [reader.info, *driver.list(bucket)]
        for info in infos:
            with suppress(TypeError, AttributeError):
                info.metadata["new"] = "value"
            assert "new" not in info.metadata

    def test_info_changing_it_changes_no_object(self, driver: Driver, bucket: str) -> None:
        info = put_described(driver, bucket)
        with suppress(TypeError, AttributeError):
            info.metadata["new"] = "value"  # type: ignore[index]
        assert dict(driver.head(bucket, KEY).metadata) == {"author": "alice"}

    def test_info_keeps_no_hold_of_the_metadata_given(self, driver: Driver, bucket: str) -> None:
        metadata = {"author": "alice"}
        driver.put(bucket, KEY, b"data", metadata=metadata)
        metadata["author"] = "mallory"
        assert dict(driver.head(bucket, KEY).metadata) == {"author": "alice"}

    def test_info_keeps_no_hold_of_the_tags_given(self, driver: Driver, bucket: str) -> None:
        tags = {"env": "prod"}
        with honoured("tags"):
            driver.put(bucket, KEY, b"data", tags=tags)
        tags["env"] = "test"
        assert dict(driver.head(bucket, KEY).tags) == {"env": "prod"}

    def test_info_is_comparable(self, driver: Driver, bucket: str) -> None:
        one = put_described(driver, bucket)
        other = put_described(driver, bucket, "other")
        assert one == driver.head(bucket, KEY)
        assert one != other
