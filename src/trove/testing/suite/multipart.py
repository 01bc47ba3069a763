"""MultipartSuite: MultipartDriver."""

# Capabilities are abstract classes, which having() asks for but never calls.
# mypy: disable-error-code="type-abstract"

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ...driver import Driver, MultipartDriver, PartInfo
from ...errors import (
    BucketNotFoundError,
    InvalidArgumentError,
    InvalidKeyError,
    InvalidPartError,
    NotFoundError,
    PreconditionFailedError,
    UploadNotFoundError,
)
from ..objects import random_data
from .base import KEY, Suite, content_of, exists, having, honoured, keys_of, unchanged, unique_name
from .threads import outcomes, together


class PartError(Exception):
    """The failure of the data that a test sends as a part."""


def upload(
    driver: MultipartDriver, bucket: str, *contents: bytes, **options: Any
) -> tuple[str, list[PartInfo]]:
    """An open upload with ``contents`` as its parts 1, 2, ...; its id and the parts."""
    with honoured(" and ".join(options) or "none"):
        upload_id = driver.initiate_multipart(bucket, KEY, **options)
    parts = [
        driver.upload_part(bucket, KEY, upload_id, number, data) for number, data in enumerate(contents, 1)
    ]
    return upload_id, parts


class MultipartSuite(Suite):
    @pytest.fixture
    def multipart(self, driver: Driver) -> MultipartDriver:
        return having(driver, MultipartDriver)

    def test_multipart_complete(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"one ", b"two ", b"three")
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY) == b"one two three"

    def test_multipart_complete_info(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"one ", b"two")
        info = multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert (info.key, info.size, info) == (KEY, 7, multipart.head(bucket, KEY))

    def test_multipart_parts_in_any_order(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id = multipart.initiate_multipart(bucket, KEY)
        parts = {
            number: multipart.upload_part(bucket, KEY, upload_id, number, b"%d," % number)
            for number in (3, 1, 10, 2)
        }
        multipart.complete_multipart(bucket, KEY, upload_id, [parts[number] for number in sorted(parts)])
        assert content_of(multipart, bucket, KEY) == b"1,2,3,10,"

    def test_multipart_gaps_and_bounds(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id = multipart.initiate_multipart(bucket, KEY)
        parts = [
            multipart.upload_part(bucket, KEY, upload_id, number, b"%d," % number)
            for number in (1, 7, 9_999, 10_000)
        ]
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY) == b"1,7,9999,10000,"

    def test_multipart_part_sent_again_replaces(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"first", b"second")
        parts[0] = multipart.upload_part(bucket, KEY, upload_id, 1, b"replaced ")
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY) == b"replaced second"

    def test_multipart_parts_left_out(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"one ", b"two ", b"three")
        multipart.complete_multipart(bucket, KEY, upload_id, [parts[0], parts[2]])
        assert content_of(multipart, bucket, KEY) == b"one three"

    def test_multipart_parts_from_an_iterator(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"one ", b"two")
        multipart.complete_multipart(bucket, KEY, upload_id, iter(parts))
        assert content_of(multipart, bucket, KEY) == b"one two"

    def test_multipart_parts_of_any_data(self, multipart: MultipartDriver, bucket: str) -> None:
        file = io.BytesIO(b"not this: file ")
        file.seek(10)
        contents: list[Any] = [bytearray(b"array "), file, [b"list ", b"of "], memoryview(b"v.i.e.w.")[::2]]
        upload_id, parts = upload(multipart, bucket, *contents)
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY) == b"array file list of view"

    def test_multipart_large(self, multipart: MultipartDriver, bucket: str) -> None:
        contents = [random_data(1 << 20, seed=seed) for seed in range(4)]
        upload_id, parts = upload(multipart, bucket, *contents)
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY) == b"".join(contents)

    def test_multipart_range_across_parts(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"0123", b"4567", b"89")
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY, range=(2, 7)) == b"2345678"

    def test_multipart_part_info(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id = multipart.initiate_multipart(bucket, KEY)
        part = multipart.upload_part(bucket, KEY, upload_id, 3, b"data")
        assert (part.part_number, part.size) == (3, 4)
        assert isinstance(part.etag, str)
        assert part.etag

    def test_multipart_ids_differ(self, multipart: MultipartDriver, bucket: str) -> None:
        ids = {multipart.initiate_multipart(bucket, KEY) for _ in range(3)}
        assert len(ids) == 3
        assert all(isinstance(each, str) and each for each in ids)

    def test_multipart_uploads_of_one_key_are_apart(self, multipart: MultipartDriver, bucket: str) -> None:
        one, one_parts = upload(multipart, bucket, b"one")
        other, other_parts = upload(multipart, bucket, b"other")
        multipart.complete_multipart(bucket, KEY, one, one_parts)
        assert content_of(multipart, bucket, KEY) == b"one"
        multipart.complete_multipart(bucket, KEY, other, other_parts)
        assert content_of(multipart, bucket, KEY) == b"other"

    def test_multipart_etag_serves_if_match(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"one ", b"two")
        etag = multipart.complete_multipart(bucket, KEY, upload_id, parts).etag
        with honoured("if_match"):
            multipart.put(bucket, KEY, b"new", if_match=etag)
        assert content_of(multipart, bucket, KEY) == b"new"

    def test_multipart_etag_differs_for_other_content(self, multipart: MultipartDriver, bucket: str) -> None:
        etags = []
        for contents in ((b"a", b"b"), (b"b", b"a"), (b"a", b"c")):
            upload_id, parts = upload(multipart, bucket, *contents)
            etags.append(multipart.complete_multipart(bucket, KEY, upload_id, parts).etag)
        assert len(set(etags)) == 3

    # Before completion.

    def test_multipart_not_visible_before_completion(self, multipart: MultipartDriver, bucket: str) -> None:
        upload(multipart, bucket, b"one", b"two")
        assert not exists(multipart, bucket, KEY)
        assert keys_of(multipart.list(bucket)) == []

    def test_multipart_old_object_until_completion(self, multipart: MultipartDriver, bucket: str) -> None:
        multipart.put(bucket, KEY, b"old")
        upload_id, parts = upload(multipart, bucket, b"new")
        assert content_of(multipart, bucket, KEY) == b"old"
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY) == b"new"

    # Options.

    def test_multipart_content_type(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"data", content_type="text/css")
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert multipart.head(bucket, KEY).content_type == "text/css"

    def test_multipart_content_type_guessed(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id = multipart.initiate_multipart(bucket, "cat.jpg")
        part = multipart.upload_part(bucket, "cat.jpg", upload_id, 1, b"data")
        info = multipart.complete_multipart(bucket, "cat.jpg", upload_id, [part])
        assert info.content_type == "image/jpeg"

    def test_multipart_metadata(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"data", metadata={"author": "alice"})
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert dict(multipart.head(bucket, KEY).metadata) == {"author": "alice"}

    def test_multipart_tags(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"data", tags={"env": "prod"})
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert dict(multipart.head(bucket, KEY).tags) == {"env": "prod"}

    def test_multipart_storage_class(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"data", storage_class="COLD")
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert multipart.head(bucket, KEY).storage_class == "COLD"

    def test_multipart_expires_at(self, multipart: MultipartDriver, bucket: str) -> None:
        at = datetime.now(UTC) - timedelta(hours=1)
        upload_id, parts = upload(multipart, bucket, b"data", expires_at=at)
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert not exists(multipart, bucket, KEY)

    def test_multipart_if_none_match_at_completion(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"data", if_none_match="*")
        multipart.put(bucket, KEY, b"came between")
        with unchanged(multipart, bucket), pytest.raises(PreconditionFailedError):
            multipart.complete_multipart(bucket, KEY, upload_id, parts)

    def test_multipart_if_none_match_not_before_completion(
        self, multipart: MultipartDriver, bucket: str
    ) -> None:
        multipart.put(bucket, KEY, b"old")
        upload_id, parts = upload(multipart, bucket, b"new", if_none_match="*")
        multipart.delete(bucket, KEY)
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY) == b"new"

    def test_multipart_if_match_at_completion(self, multipart: MultipartDriver, bucket: str) -> None:
        etag = multipart.put(bucket, KEY, b"old").etag
        upload_id, parts = upload(multipart, bucket, b"new", if_match=etag)
        multipart.put(bucket, KEY, b"came between")
        with unchanged(multipart, bucket), pytest.raises(PreconditionFailedError):
            multipart.complete_multipart(bucket, KEY, upload_id, parts)

    def test_multipart_if_match_that_holds(self, multipart: MultipartDriver, bucket: str) -> None:
        etag = multipart.put(bucket, KEY, b"old").etag
        upload_id, parts = upload(multipart, bucket, b"new", if_match=etag)
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY) == b"new"

    def test_multipart_failed_condition_keeps_the_upload(
        self, multipart: MultipartDriver, bucket: str
    ) -> None:
        upload_id, parts = upload(multipart, bucket, b"data", if_none_match="*")
        multipart.put(bucket, KEY, b"came between")
        with pytest.raises(PreconditionFailedError):
            multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert multipart.list_parts(bucket, KEY, upload_id) == parts
        multipart.delete(bucket, KEY)
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY) == b"data"

    # Parts that are wrong.

    @pytest.mark.parametrize("number", [0, -1, 10_001, 10**30])
    def test_multipart_part_number_out_of_bounds(
        self, multipart: MultipartDriver, bucket: str, number: int
    ) -> None:
        upload_id = multipart.initiate_multipart(bucket, KEY)
        with pytest.raises(InvalidPartError):
            multipart.upload_part(bucket, KEY, upload_id, number, b"data")
        assert multipart.list_parts(bucket, KEY, upload_id) == []

    @pytest.mark.parametrize("number", ["1", 1.5, None, b"1"], ids=repr)
    def test_multipart_part_number_of_another_type(
        self, multipart: MultipartDriver, bucket: str, number: Any
    ) -> None:
        upload_id = multipart.initiate_multipart(bucket, KEY)
        with pytest.raises(InvalidArgumentError):
            multipart.upload_part(bucket, KEY, upload_id, number, b"data")

    @pytest.mark.parametrize("data", ["text", None, 5, [b"a", "b"]], ids=repr)
    def test_multipart_part_of_wrong_data(self, multipart: MultipartDriver, bucket: str, data: Any) -> None:
        upload_id = multipart.initiate_multipart(bucket, KEY)
        with pytest.raises(InvalidArgumentError):
            multipart.upload_part(bucket, KEY, upload_id, 1, data)
        assert multipart.list_parts(bucket, KEY, upload_id) == []

    def test_multipart_part_of_failing_data(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"the old part")
        error = PartError("the data ends here")

        def data() -> Iterator[bytes]:
            yield b"half"
            raise error

        with pytest.raises(PartError) as raised:
            multipart.upload_part(bucket, KEY, upload_id, 1, data())
        assert raised.value is error
        assert multipart.list_parts(bucket, KEY, upload_id) == parts

    def _refused(
        self, multipart: MultipartDriver, bucket: str, choose: Callable[[list[PartInfo]], list[Any]]
    ) -> None:
        """A completion with what ``choose`` makes of the parts raises InvalidPartError and harms nothing."""
        multipart.put(bucket, KEY, b"old")
        upload_id, parts = upload(multipart, bucket, b"one ", b"two")
        with unchanged(multipart, bucket), pytest.raises(InvalidPartError):
            multipart.complete_multipart(bucket, KEY, upload_id, choose(parts))
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY) == b"one two"

    def test_multipart_complete_without_parts(self, multipart: MultipartDriver, bucket: str) -> None:
        self._refused(multipart, bucket, lambda parts: [])

    def test_multipart_complete_out_of_order(self, multipart: MultipartDriver, bucket: str) -> None:
        self._refused(multipart, bucket, lambda parts: parts[::-1])

    def test_multipart_complete_with_a_part_twice(self, multipart: MultipartDriver, bucket: str) -> None:
        self._refused(multipart, bucket, lambda parts: [parts[0], parts[0], parts[1]])

    def test_multipart_complete_with_an_unknown_part(self, multipart: MultipartDriver, bucket: str) -> None:
        self._refused(multipart, bucket, lambda parts: [*parts, PartInfo(9, parts[0].etag, 4)])

    def test_multipart_complete_with_another_etag(self, multipart: MultipartDriver, bucket: str) -> None:
        self._refused(multipart, bucket, lambda parts: [PartInfo(1, "no-such-etag", 4), parts[1]])

    def test_multipart_complete_with_the_etag_of_another_part(
        self, multipart: MultipartDriver, bucket: str
    ) -> None:
        self._refused(multipart, bucket, lambda parts: [PartInfo(1, parts[1].etag, 4), parts[1]])

    def test_multipart_complete_with_a_replaced_part(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"first")
        multipart.upload_part(bucket, KEY, upload_id, 1, b"replaced")
        with pytest.raises(InvalidPartError):
            multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert not exists(multipart, bucket, KEY)

    @pytest.mark.parametrize("parts", [None, 5, "parts", [1], [(1, "etag")], [None]], ids=repr)
    def test_multipart_complete_with_another_type(
        self, multipart: MultipartDriver, bucket: str, parts: Any
    ) -> None:
        upload_id, _ = upload(multipart, bucket, b"data")
        with pytest.raises(InvalidArgumentError):
            multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert not exists(multipart, bucket, KEY)

    # Uploads that are not there.

    @pytest.mark.parametrize("call", ["upload_part", "complete", "abort", "list_parts"])
    @pytest.mark.parametrize("state", ["unknown", "completed", "aborted", "of-another-key"])
    def test_multipart_upload_not_found(
        self, multipart: MultipartDriver, bucket: str, state: str, call: str
    ) -> None:
        upload_id, parts = upload(multipart, bucket, b"data")
        key = KEY
        if state == "unknown":
            upload_id = "no-such-upload"
        elif state == "completed":
            multipart.complete_multipart(bucket, KEY, upload_id, parts)
        elif state == "aborted":
            multipart.abort_multipart(bucket, KEY, upload_id)
        else:
            key = "another"
        calls: dict[str, Callable[[], object]] = {
            "upload_part": lambda: multipart.upload_part(bucket, key, upload_id, 1, b"data"),
            "complete": lambda: multipart.complete_multipart(bucket, key, upload_id, parts),
            "abort": lambda: multipart.abort_multipart(bucket, key, upload_id),
            "list_parts": lambda: multipart.list_parts(bucket, key, upload_id),
        }
        with unchanged(multipart, bucket), pytest.raises(UploadNotFoundError):
            calls[call]()

    def test_multipart_abort_leaves_nothing(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, _ = upload(multipart, bucket, b"data")
        multipart.abort_multipart(bucket, KEY, upload_id)
        assert not exists(multipart, bucket, KEY)
        assert multipart.list_multiparts(bucket) == []

    def test_multipart_abort_keeps_the_old_object(self, multipart: MultipartDriver, bucket: str) -> None:
        multipart.put(bucket, KEY, b"old")
        upload_id, _ = upload(multipart, bucket, b"new")
        with unchanged(multipart, bucket):
            multipart.abort_multipart(bucket, KEY, upload_id)

    # Lists.

    def test_multipart_list_parts(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id = multipart.initiate_multipart(bucket, KEY)
        for number in (10, 2, 1, 2):
            multipart.upload_part(bucket, KEY, upload_id, number, b"x" * number)
        listed = multipart.list_parts(bucket, KEY, upload_id)
        assert [(part.part_number, part.size) for part in listed] == [(1, 1), (2, 2), (10, 10)]

    def test_multipart_list_parts_gives_what_was_sent(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"one", b"two")
        assert multipart.list_parts(bucket, KEY, upload_id) == parts

    def test_multipart_list_parts_can_complete(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, _ = upload(multipart, bucket, b"one ", b"two")
        multipart.complete_multipart(bucket, KEY, upload_id, multipart.list_parts(bucket, KEY, upload_id))
        assert content_of(multipart, bucket, KEY) == b"one two"

    def test_multipart_list_multiparts(self, multipart: MultipartDriver, bucket: str) -> None:
        ids = [multipart.initiate_multipart(bucket, key) for key in ("c", "a", "b")]
        listed = multipart.list_multiparts(bucket)
        assert [(each.key, each.upload_id) for each in listed] == [
            ("a", ids[1]),
            ("b", ids[2]),
            ("c", ids[0]),
        ]

    def test_multipart_list_multiparts_initiated(self, multipart: MultipartDriver, bucket: str) -> None:
        multipart.initiate_multipart(bucket, KEY)
        (listed,) = multipart.list_multiparts(bucket)
        assert listed.initiated.utcoffset() == timedelta(0)

    def test_multipart_list_multiparts_leaves_out_the_completed(
        self, multipart: MultipartDriver, bucket: str
    ) -> None:
        done, parts = upload(multipart, bucket, b"data")
        still, _ = upload(multipart, bucket, b"data")
        multipart.complete_multipart(bucket, KEY, done, parts)
        assert [each.upload_id for each in multipart.list_multiparts(bucket)] == [still]

    def test_multipart_list_multiparts_of_one_bucket(
        self, multipart: MultipartDriver, bucket: str, make_bucket: Callable[[], str]
    ) -> None:
        upload(multipart, bucket, b"data")
        assert multipart.list_multiparts(make_bucket()) == []

    def test_multipart_bucket_not_found(self, multipart: MultipartDriver) -> None:
        with pytest.raises(BucketNotFoundError):
            multipart.initiate_multipart(unique_name(), KEY)
        with pytest.raises(BucketNotFoundError):
            multipart.list_multiparts(unique_name())

    def test_multipart_bad_key(self, multipart: MultipartDriver, bucket: str) -> None:
        with pytest.raises(InvalidKeyError):
            multipart.initiate_multipart(bucket, "")
        assert multipart.list_multiparts(bucket) == []

    @pytest.mark.parametrize(
        "options",
        [{"metadata": {"n": 1}}, {"content_type": 5}, {"if_none_match": "etag"}, {"expires_at": "soon"}],
        ids=lambda options: next(iter(options)),
    )
    def test_multipart_bad_option(
        self, multipart: MultipartDriver, bucket: str, options: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidArgumentError):
            multipart.initiate_multipart(bucket, KEY, **options)
        assert multipart.list_multiparts(bucket) == []

    # Buckets, and many at once.

    def test_multipart_open_upload_does_not_keep_its_bucket(
        self, multipart: MultipartDriver, make_bucket: Callable[[], str]
    ) -> None:
        bucket = make_bucket()
        upload(multipart, bucket, b"data")
        multipart.delete_bucket(bucket)
        assert bucket not in [info.name for info in multipart.list_buckets()]

    def test_multipart_open_upload_ends_with_its_bucket(
        self, multipart: MultipartDriver, make_bucket: Callable[[], str]
    ) -> None:
        bucket = make_bucket()
        upload_id, parts = upload(multipart, bucket, b"data")
        multipart.delete_bucket(bucket)
        with pytest.raises(NotFoundError):
            multipart.complete_multipart(bucket, KEY, upload_id, parts)
        multipart.create_bucket(bucket)
        assert multipart.list_multiparts(bucket) == []
        with pytest.raises(UploadNotFoundError):
            multipart.complete_multipart(bucket, KEY, upload_id, parts)

    def test_multipart_parts_from_many_threads(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id = multipart.initiate_multipart(bucket, KEY)
        contents = [b"%d," % number for number in range(1, 21)]
        parts = together(
            [
                lambda number=number, data=data: multipart.upload_part(bucket, KEY, upload_id, number, data)  # type: ignore[misc]
                for number, data in enumerate(contents, 1)
            ]
        )
        multipart.complete_multipart(bucket, KEY, upload_id, parts)
        assert content_of(multipart, bucket, KEY) == b"".join(contents)

    def test_multipart_completion_race(self, multipart: MultipartDriver, bucket: str) -> None:
        upload_id, parts = upload(multipart, bucket, b"one ", b"two")
        results = outcomes([lambda: multipart.complete_multipart(bucket, KEY, upload_id, parts)] * 8)
        errors = [result for result in results if isinstance(result, BaseException)]
        assert len(errors) == 7
        assert all(isinstance(error, UploadNotFoundError) for error in errors), errors

    def test_multipart_create_race(self, multipart: MultipartDriver, bucket: str) -> None:
        uploads = [upload(multipart, bucket, b"%d" % i, if_none_match="*") for i in range(8)]
        results = outcomes(
            [
                lambda each=each: multipart.complete_multipart(bucket, KEY, *each)  # type: ignore[misc]
                for each in uploads
            ]
        )
        errors = [result for result in results if isinstance(result, BaseException)]
        assert len(errors) == 7
        assert all(isinstance(error, PreconditionFailedError) for error in errors), errors
