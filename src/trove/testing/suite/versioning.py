"""VersioningSuite: VersioningDriver."""

# Capabilities are abstract classes, which having() asks for but never calls.
# mypy: disable-error-code="type-abstract"

from __future__ import annotations

from collections.abc import Callable

import pytest

from ...driver import Driver, MultipartDriver, VersioningDriver
from ...errors import (
    BucketNotEmptyError,
    BucketNotFoundError,
    InvalidArgumentError,
    NotFoundError,
    ObjectNotFoundError,
    PreconditionFailedError,
    VersionNotFoundError,
)
from ..objects import read_all
from .base import KEY, Suite, content_of, exists, having, honoured, keys_of, unique_name
from .threads import together

UNKNOWN = "no-such-version"


def put_versions(driver: VersioningDriver, bucket: str, *contents: bytes) -> list[str]:
    """Put ``contents`` under one key, one after the other; their version ids."""
    return [driver.put(bucket, KEY, data).version_id for data in contents]


def ids_of(driver: VersioningDriver, bucket: str) -> list[str]:
    return [version.version_id for version in driver.list_versions(bucket, KEY)]


class VersioningSuite(Suite):
    @pytest.fixture
    def versioning(self, driver: Driver) -> VersioningDriver:
        return having(driver, VersioningDriver)

    @pytest.fixture
    def versioned(self, versioning: VersioningDriver, bucket: str) -> str:
        """A bucket that keeps versions."""
        versioning.set_versioning(bucket, True)
        return bucket

    def test_versioning_is_off_at_first(self, versioning: VersioningDriver, bucket: str) -> None:
        assert versioning.get_versioning(bucket) is False

    def test_versioning_on_and_off(self, versioning: VersioningDriver, bucket: str) -> None:
        for enabled in (True, True, False, False, True):
            versioning.set_versioning(bucket, enabled)
            assert versioning.get_versioning(bucket) is enabled

    def test_versioning_is_per_bucket(
        self, versioning: VersioningDriver, versioned: str, make_bucket: Callable[[], str]
    ) -> None:
        assert versioning.get_versioning(make_bucket()) is False

    def test_versioning_bucket_not_found(self, versioning: VersioningDriver) -> None:
        for call in (
            lambda: versioning.set_versioning(unique_name(), True),
            lambda: versioning.get_versioning(unique_name()),
            lambda: versioning.list_versions(unique_name(), KEY),
            lambda: versioning.get_version(unique_name(), KEY, UNKNOWN),
            lambda: versioning.delete_version(unique_name(), KEY, UNKNOWN),
            lambda: versioning.restore_version(unique_name(), KEY, UNKNOWN),
        ):
            with pytest.raises(BucketNotFoundError):
                call()

    def test_versioning_bucket_made_again_keeps_none(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        versioning.delete_bucket(versioned)
        versioning.create_bucket(versioned)
        assert versioning.get_versioning(versioned) is False

    def test_versioning_off_keeps_no_versions(self, versioning: VersioningDriver, bucket: str) -> None:
        put_versions(versioning, bucket, b"one", b"two")
        assert [version.size for version in versioning.list_versions(bucket, KEY)] == [3]

    # Writing and reading.

    def test_versioning_put_gives_ids(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two", b"two")
        assert len(set(ids)) == 3
        assert all(isinstance(each, str) and each for each in ids)

    def test_versioning_ids_sort_with_age(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, *(b"%d" % i for i in range(20)))
        assert ids in (sorted(ids), sorted(ids, reverse=True))

    def test_versioning_current_is_the_newest(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two")
        assert content_of(versioning, versioned, KEY) == b"two"
        assert versioning.head(versioned, KEY).version_id == ids[1]

    def test_versioning_get_of_each_version(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two", b"three")
        contents = [content_of(versioning, versioned, KEY, version_id=each) for each in ids]
        assert contents == [b"one", b"two", b"three"]

    def test_versioning_get_version(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two", b"three")
        contents = [read_all(versioning.get_version(versioned, KEY, each)) for each in ids]
        assert contents == [b"one", b"two", b"three"]

    def test_versioning_get_range_of_a_version(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two")
        assert content_of(versioning, versioned, KEY, version_id=ids[0], range=(1, 2)) == b"ne"

    def test_versioning_head_of_each_version(self, versioning: VersioningDriver, versioned: str) -> None:
        infos = [versioning.put(versioned, KEY, b"x" * n, metadata={"n": str(n)}) for n in range(3)]
        heads = [versioning.head(versioned, KEY, version_id=info.version_id) for info in infos]
        assert heads == infos

    def test_versioning_reader_info_of_a_version(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two")
        with versioning.get_version(versioned, KEY, ids[0]) as reader:
            assert (reader.info.version_id, reader.info.size) == (ids[0], 3)

    def test_versioning_list_shows_current_only(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two")
        assert [(info.key, info.version_id) for info in versioning.list(versioned)] == [(KEY, ids[1])]

    def test_versioning_reader_is_consistent_when_its_version_goes(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        ids = put_versions(versioning, versioned, b"one" * 100_000, b"two")
        with versioning.get_version(versioned, KEY, ids[0]) as reader:
            start = reader.read(3)
            versioning.delete_version(versioned, KEY, ids[0])
            assert start + reader.read() == b"one" * 100_000

    # list_versions.

    def test_versioning_list_versions_newest_first(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        ids = put_versions(versioning, versioned, *(b"%d" % i for i in range(12)))
        assert ids_of(versioning, versioned) == ids[::-1]

    def test_versioning_list_versions_says_what_they_are(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        infos = [versioning.put(versioned, KEY, data) for data in (b"1", b"22")]
        listed = versioning.list_versions(versioned, KEY)
        assert [(each.key, each.size, each.etag, each.last_modified) for each in listed] == [
            (KEY, info.size, info.etag, info.last_modified) for info in infos[::-1]
        ]

    def test_versioning_list_versions_marks_the_latest(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        put_versions(versioning, versioned, b"1", b"2", b"3")
        listed = versioning.list_versions(versioned, KEY)
        assert [(each.is_latest, each.is_delete_marker) for each in listed] == [
            (True, False),
            (False, False),
            (False, False),
        ]

    def test_versioning_list_versions_of_unknown_key(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        assert versioning.list_versions(versioned, KEY) == []

    def test_versioning_list_versions_of_one_key(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one")
        other = versioning.put(versioned, KEY + "2", b"other").version_id
        try:
            assert ids_of(versioning, versioned) == ids
        finally:
            versioning.delete_version(versioned, KEY + "2", other)

    # Deleting.

    def test_versioning_delete_hides_the_object(self, versioning: VersioningDriver, versioned: str) -> None:
        put_versions(versioning, versioned, b"one")
        versioning.delete(versioned, KEY)
        with pytest.raises(ObjectNotFoundError):
            versioning.get(versioned, KEY)
        assert not exists(versioning, versioned, KEY)
        assert keys_of(versioning.list(versioned)) == []

    def test_versioning_delete_keeps_the_versions(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two")
        versioning.delete(versioned, KEY)
        assert [content_of(versioning, versioned, KEY, version_id=each) for each in ids] == [b"one", b"two"]

    def test_versioning_delete_puts_a_marker(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one")
        versioning.delete(versioned, KEY)
        marker, old = versioning.list_versions(versioned, KEY)
        assert (marker.is_delete_marker, marker.is_latest, marker.size) == (True, True, 0)
        assert (old.version_id, old.is_latest, old.is_delete_marker) == (ids[0], False, False)

    def test_versioning_marker_is_not_readable(self, versioning: VersioningDriver, versioned: str) -> None:
        put_versions(versioning, versioned, b"one")
        versioning.delete(versioned, KEY)
        marker = ids_of(versioning, versioned)[0]
        for call in (
            lambda: versioning.get(versioned, KEY, version_id=marker),
            lambda: versioning.head(versioned, KEY, version_id=marker),
            lambda: versioning.get_version(versioned, KEY, marker),
        ):
            with pytest.raises(ObjectNotFoundError):
                call()

    def test_versioning_delete_marker_deleted_brings_it_back(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        put_versions(versioning, versioned, b"one")
        versioning.delete(versioned, KEY)
        versioning.delete_version(versioned, KEY, ids_of(versioning, versioned)[0])
        assert content_of(versioning, versioned, KEY) == b"one"

    def test_versioning_put_over_a_marker(self, versioning: VersioningDriver, versioned: str) -> None:
        put_versions(versioning, versioned, b"one")
        versioning.delete(versioned, KEY)
        put_versions(versioning, versioned, b"two")
        assert content_of(versioning, versioned, KEY) == b"two"
        assert len(ids_of(versioning, versioned)) == 3

    @pytest.mark.parametrize("call", ["delete", "delete_version"])
    def test_versioning_delete_newest_exposes_the_one_before(
        self, versioning: VersioningDriver, versioned: str, call: str
    ) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two")
        self._delete(versioning, call, versioned, ids[1])
        assert content_of(versioning, versioned, KEY) == b"one"
        assert [(each.version_id, each.is_latest) for each in versioning.list_versions(versioned, KEY)] == [
            (ids[0], True)
        ]

    @pytest.mark.parametrize("call", ["delete", "delete_version"])
    def test_versioning_delete_of_an_old_version(
        self, versioning: VersioningDriver, versioned: str, call: str
    ) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two", b"three")
        self._delete(versioning, call, versioned, ids[1])
        assert ids_of(versioning, versioned) == [ids[2], ids[0]]
        assert content_of(versioning, versioned, KEY) == b"three"
        with pytest.raises(VersionNotFoundError):
            versioning.get_version(versioned, KEY, ids[1])

    @pytest.mark.parametrize("call", ["delete", "delete_version"])
    def test_versioning_delete_of_the_only_version(
        self, versioning: VersioningDriver, versioned: str, call: str
    ) -> None:
        ids = put_versions(versioning, versioned, b"one")
        self._delete(versioning, call, versioned, ids[0])
        assert versioning.list_versions(versioned, KEY) == []
        assert not exists(versioning, versioned, KEY)

    def _delete(self, driver: VersioningDriver, call: str, bucket: str, version_id: str) -> None:
        if call == "delete":
            driver.delete(bucket, KEY, version_id=version_id)
        else:
            driver.delete_version(bucket, KEY, version_id)

    def test_versioning_unknown_version(self, versioning: VersioningDriver, versioned: str) -> None:
        put_versions(versioning, versioned, b"one")
        for call in (
            lambda: versioning.get(versioned, KEY, version_id=UNKNOWN),
            lambda: versioning.head(versioned, KEY, version_id=UNKNOWN),
            lambda: versioning.get_version(versioned, KEY, UNKNOWN),
            lambda: versioning.restore_version(versioned, KEY, UNKNOWN),
        ):
            with pytest.raises(VersionNotFoundError):
                call()

    @pytest.mark.parametrize("call", ["delete", "delete_version"])
    def test_versioning_delete_of_unknown_version(
        self, versioning: VersioningDriver, versioned: str, call: str
    ) -> None:
        ids = put_versions(versioning, versioned, b"one")
        with pytest.raises(VersionNotFoundError):
            self._delete(versioning, call, versioned, UNKNOWN)
        assert ids_of(versioning, versioned) == ids

    def test_versioning_version_of_another_key(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one")
        with pytest.raises(NotFoundError):
            versioning.get_version(versioned, "another", ids[0])

    def test_versioning_arguments_of_another_type(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one")
        for call in (versioning.get_version, versioning.delete_version, versioning.restore_version):
            with pytest.raises(InvalidArgumentError):
                call(versioned, KEY, 5)  # type: ignore[arg-type]
        for call in (versioning.get_version, versioning.delete_version, versioning.restore_version):
            with pytest.raises(InvalidArgumentError):
                call(versioned, "", ids[0])
        assert ids_of(versioning, versioned) == ids

    # Buckets.

    def test_versioning_bucket_with_old_versions_is_not_empty(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        put_versions(versioning, versioned, b"one")
        versioning.delete(versioned, KEY)
        with pytest.raises(BucketNotEmptyError):
            versioning.delete_bucket(versioned)
        assert len(ids_of(versioning, versioned)) == 2

    def test_versioning_bucket_without_versions_can_go(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        put_versions(versioning, versioned, b"one")
        versioning.delete(versioned, KEY)
        for each in ids_of(versioning, versioned):
            versioning.delete_version(versioned, KEY, each)
        versioning.delete_bucket(versioned)
        assert versioned not in [info.name for info in versioning.list_buckets()]

    # Restoring.

    def test_versioning_restore(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two")
        versioning.restore_version(versioned, KEY, ids[0])
        assert content_of(versioning, versioned, KEY) == b"one"

    def test_versioning_restore_makes_a_new_version(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two")
        info = versioning.restore_version(versioned, KEY, ids[0])
        assert ids_of(versioning, versioned) == [info.version_id, *ids[::-1]]
        assert info.version_id not in ids

    def test_versioning_restore_info(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two")
        assert versioning.restore_version(versioned, KEY, ids[0]) == versioning.head(versioned, KEY)

    def test_versioning_restore_keeps_etag(self, versioning: VersioningDriver, versioned: str) -> None:
        old = versioning.put(versioned, KEY, b"one")
        versioning.put(versioned, KEY, b"two")
        versioning.restore_version(versioned, KEY, old.version_id)
        assert versioning.head(versioned, KEY).etag == old.etag

    def test_versioning_restore_keeps_attributes(self, versioning: VersioningDriver, versioned: str) -> None:
        old = versioning.put(versioned, KEY, b"one", content_type="text/css", metadata={"n": "1"})
        versioning.put(versioned, KEY, b"two", metadata={"n": "2"})
        versioning.restore_version(versioned, KEY, old.version_id)
        head = versioning.head(versioned, KEY)
        assert (head.content_type, dict(head.metadata)) == ("text/css", {"n": "1"})

    def test_versioning_restore_keeps_tags(self, versioning: VersioningDriver, versioned: str) -> None:
        with honoured("tags"):
            old = versioning.put(versioned, KEY, b"one", tags={"env": "prod"})
        versioning.put(versioned, KEY, b"two")
        versioning.restore_version(versioned, KEY, old.version_id)
        assert dict(versioning.head(versioned, KEY).tags) == {"env": "prod"}

    def test_versioning_restore_of_a_deleted_object(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        ids = put_versions(versioning, versioned, b"one")
        versioning.delete(versioned, KEY)
        versioning.restore_version(versioned, KEY, ids[0])
        assert content_of(versioning, versioned, KEY) == b"one"

    def test_versioning_restore_of_a_marker(self, versioning: VersioningDriver, versioned: str) -> None:
        put_versions(versioning, versioned, b"one")
        versioning.delete(versioned, KEY)
        before = ids_of(versioning, versioned)
        with pytest.raises(NotFoundError):
            versioning.restore_version(versioned, KEY, before[0])
        assert ids_of(versioning, versioned) == before

    # Versioning switched on late, and off again.

    def test_versioning_object_from_before_stays(self, versioning: VersioningDriver, bucket: str) -> None:
        put_versions(versioning, bucket, b"before")
        versioning.set_versioning(bucket, True)
        assert content_of(versioning, bucket, KEY) == b"before"
        put_versions(versioning, bucket, b"after")
        newest, oldest = versioning.list_versions(bucket, KEY)
        assert content_of(versioning, bucket, KEY, version_id=oldest.version_id) == b"before"
        assert (newest.is_latest, oldest.is_latest) == (True, False)

    def test_versioning_switched_off_keeps_old_versions(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        ids = put_versions(versioning, versioned, b"one", b"two")
        versioning.set_versioning(versioned, False)
        put_versions(versioning, versioned, b"three")
        assert content_of(versioning, versioned, KEY) == b"three"
        assert [content_of(versioning, versioned, KEY, version_id=each) for each in ids] == [b"one", b"two"]

    def test_versioning_switched_off_keeps_one_version_more(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        put_versions(versioning, versioned, b"one", b"two")
        versioning.set_versioning(versioned, False)
        put_versions(versioning, versioned, b"three", b"four", b"five")
        assert len(ids_of(versioning, versioned)) == 3

    def test_versioning_switched_off_delete_keeps_old_versions(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        ids = put_versions(versioning, versioned, b"one")
        versioning.set_versioning(versioned, False)
        versioning.delete(versioned, KEY)
        assert not exists(versioning, versioned, KEY)
        assert content_of(versioning, versioned, KEY, version_id=ids[0]) == b"one"

    # With the other calls.

    def test_versioning_if_none_match_over_a_marker(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        put_versions(versioning, versioned, b"one")
        versioning.delete(versioned, KEY)
        with honoured("if_none_match"):
            versioning.put(versioned, KEY, b"two", if_none_match="*")
        assert content_of(versioning, versioned, KEY) == b"two"

    def test_versioning_if_match_of_an_old_version(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        old = versioning.put(versioned, KEY, b"one").etag
        versioning.put(versioned, KEY, b"two")
        with honoured("if_match"), pytest.raises(PreconditionFailedError):
            versioning.put(versioned, KEY, b"three", if_match=old)
        assert len(ids_of(versioning, versioned)) == 2

    def test_versioning_copy_makes_a_version(self, versioning: VersioningDriver, versioned: str) -> None:
        ids = put_versions(versioning, versioned, b"one")
        copy = versioning.copy(versioned, KEY, versioned, KEY).version_id
        assert ids_of(versioning, versioned) == [copy, *ids]

    def test_versioning_completion_makes_a_version(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        multipart = having(versioning, MultipartDriver)
        ids = put_versions(versioning, versioned, b"one")
        upload_id = multipart.initiate_multipart(versioned, KEY)
        part = multipart.upload_part(versioned, KEY, upload_id, 1, b"two")
        completed = multipart.complete_multipart(versioned, KEY, upload_id, [part]).version_id
        assert ids_of(versioning, versioned) == [completed, *ids]

    def test_versioning_many_writers_lose_no_version(
        self, versioning: VersioningDriver, versioned: str
    ) -> None:
        contents = [b"%d" % i for i in range(24)]
        infos = together(
            [lambda data=data: versioning.put(versioned, KEY, data) for data in contents]  # type: ignore[misc]
        )
        assert sorted(ids_of(versioning, versioned)) == sorted(info.version_id for info in infos)
        listed = versioning.list_versions(versioned, KEY)
        assert content_of(versioning, versioned, KEY, version_id=listed[0].version_id) == content_of(
            versioning, versioned, KEY
        )
