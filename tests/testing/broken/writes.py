"""Faults in conditional writes, copies and expiry."""

from __future__ import annotations

import dataclasses
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from trove.driver import ObjectInfo, ObjectIterator
from trove.drivers.memory import MemoryDriver
from trove.errors import (
    BucketNotEmptyError,
    InvalidArgumentError,
    ObjectNotFoundError,
    PreconditionFailedError,
    TroveError,
)

from .fault import caught_by

# Conditions.


@caught_by(
    "test_conditional_if_match_after_delete",
    "test_conditional_if_match_of_another_key",
    "test_conditional_if_match_of_nothing_known",
    "test_conditional_if_match_of_other_content",
    "test_conditional_if_match_on_missing",
    "test_conditional_replace_race",
    "test_expires_past_hidden_from_if_match",
    "test_versioning_if_match_of_an_old_version",
)
class IgnoresIfMatch(MemoryDriver):
    """if_match is checked for its form alone."""

    def put(self, *args: Any, if_match: Any = None, **options: Any) -> ObjectInfo:
        try:
            return super().put(*args, if_match=if_match, **options)
        except PreconditionFailedError:
            return super().put(*args, **options)


@caught_by(
    "test_conditional_create_race",
    "test_conditional_create_race_of_many",
    "test_conditional_if_none_match_on_existing",
)
class IgnoresIfNoneMatch(MemoryDriver):
    """if_none_match is checked for its form alone."""

    def put(self, *args: Any, if_none_match: Any = None, **options: Any) -> ObjectInfo:
        try:
            return super().put(*args, if_none_match=if_none_match, **options)
        except PreconditionFailedError:
            if if_none_match is None:
                raise
            return super().put(*args, **options)


@caught_by(
    "test_conditional_counter",
    "test_conditional_replace_race",
    "test_conditional_replace_race_of_many",
)
class LosesUpdates(MemoryDriver):
    """if_match is checked first, and the write made later."""

    def put(self, bucket: Any, key: Any, data: Any, *, if_match: Any = None, **options: Any) -> ObjectInfo:
        if type(if_match) is str:
            try:
                etag = self.head(bucket, key).etag
            except ObjectNotFoundError:
                etag = None
            if etag != if_match:
                raise PreconditionFailedError(f"object {key!r} has another etag; read it again")
            time.sleep(0)
            if_match = None
        return super().put(bucket, key, data, if_match=if_match, **options)


@caught_by(
    "test_conditional_create_race",
    "test_conditional_create_race_of_many",
)
class CreatesTwiceInARace(MemoryDriver):
    """if_none_match is checked first, and the write made later."""

    def put(
        self, bucket: Any, key: Any, data: Any, *, if_none_match: Any = None, **options: Any
    ) -> ObjectInfo:
        if if_none_match == "*":
            try:
                self.head(bucket, key)
            except ObjectNotFoundError:
                if_none_match = None
                # Wait for somebody else who has checked and not written: so the fault never hides in a race.
                meeting = self.__dict__.setdefault("meeting", threading.Barrier(2))
                try:
                    meeting.wait(timeout=0.5)
                except threading.BrokenBarrierError:
                    meeting.reset()
        return super().put(bucket, key, data, if_none_match=if_none_match, **options)


@caught_by(
    "test_conditional_if_match_after_delete",
    "test_conditional_if_match_on_missing",
    "test_expires_past_hidden_from_if_match",
)
class IfMatchCreates(MemoryDriver):
    """if_match on a missing object creates it."""

    def put(self, bucket: Any, key: Any, data: Any, *, if_match: Any = None, **options: Any) -> ObjectInfo:
        if type(if_match) is str:
            try:
                self.head(bucket, key)
            except ObjectNotFoundError:
                if_match = None
        return super().put(bucket, key, data, if_match=if_match, **options)


@caught_by(
    "test_arguments_bad_if_none_match",
)
class IfNoneMatchTakesEtags(MemoryDriver):
    """if_none_match with an etag is taken for no condition."""

    def put(self, *args: Any, if_none_match: Any = None, **options: Any) -> ObjectInfo:
        return super().put(*args, if_none_match=None if if_none_match == "etag" else if_none_match, **options)


@caught_by(
    "test_conditional_if_match_after_delete",
    "test_conditional_if_match_of_another_key",
    "test_conditional_if_match_of_nothing_known",
    "test_conditional_if_match_of_other_content",
    "test_conditional_if_match_on_missing",
    "test_conditional_replace_race",
    "test_expires_past_hidden_from_if_match",
    "test_versioning_if_match_of_an_old_version",
)
class FailedConditionIsAnotherError(MemoryDriver):
    """A failed if_match is an InvalidArgumentError."""

    def put(self, *args: Any, if_match: Any = None, **options: Any) -> ObjectInfo:
        try:
            return super().put(*args, if_match=if_match, **options)
        except PreconditionFailedError as error:
            if if_match is None:
                raise
            raise InvalidArgumentError(str(error)) from error


# Copies.


class ForgetfulCopy(MemoryDriver):
    """copy that loses a part of what goes along."""

    LOST: ClassVar[dict[str, Any]] = {}

    def copy(
        self, src_bucket: str, src_key: str, dst_bucket: str, dst_key: str, *, metadata: Any = None
    ) -> ObjectInfo:
        super().copy(src_bucket, src_key, dst_bucket, dst_key, metadata=metadata)
        held = self._opened().bucket(dst_bucket)
        newest = held.chain(dst_key)[-1]
        info = dataclasses.replace(newest.info, **self.LOST)
        held.replace_newest(dst_key, dataclasses.replace(newest, info=info))
        log = self._opened().events
        log._events[-1] = dataclasses.replace(log._events[-1], info=info)
        return info


@caught_by(
    "test_copy_keeps_content_type",
    "test_copy_with_metadata_keeps_content_type",
    "test_server_copy_keeps_what_goes_along",
)
class CopyLosesContentType(ForgetfulCopy):
    """A copy has the default content type."""

    LOST: ClassVar[dict[str, Any]] = {"content_type": "application/octet-stream"}


@caught_by(
    "test_copy_keeps_tags",
    "test_copy_with_metadata_keeps_tags",
    "test_server_copy_keeps_tags",
)
class CopyLosesTags(ForgetfulCopy):
    """A copy has no tags."""

    LOST: ClassVar[dict[str, Any]] = {"tags": {}}


@caught_by(
    "test_copy_keeps_storage_class",
    "test_server_copy_keeps_storage_class",
)
class CopyLosesStorageClass(ForgetfulCopy):
    """A copy is of the default storage class."""

    LOST: ClassVar[dict[str, Any]] = {"storage_class": "STANDARD"}


@caught_by(
    "test_copy_keeps_etag",
    "test_server_copy_keeps_what_goes_along",
)
class CopyChangesTheEtag(ForgetfulCopy):
    """A copy has an etag of its own."""

    LOST: ClassVar[dict[str, Any]] = {"etag": "of-a-copy"}


@caught_by(
    "test_copy_keeps_metadata",
    "test_copy_onto_itself_keeps_metadata",
    "test_server_copy_keeps_what_goes_along",
)
class CopyLosesMetadata(MemoryDriver):
    """A copy has no metadata but those given."""

    def copy(self, *args: Any, metadata: Any = None) -> ObjectInfo:
        return super().copy(*args, metadata={} if metadata is None else metadata)


@caught_by(
    "test_copy_with_empty_metadata_clears",
)
class CopyDoesNotClear(MemoryDriver):
    """``metadata={}`` is taken for none given."""

    def copy(self, *args: Any, metadata: Any = None) -> ObjectInfo:
        return super().copy(*args, metadata=metadata or None)


@caught_by(
    "test_copy_keeps_no_hold_of_the_metadata_given",
    "test_copy_onto_itself_with_metadata",
    "test_copy_with_metadata",
)
class CopyMergesMetadata(MemoryDriver):
    """The metadata given are added to those there are."""

    def copy(self, src_bucket: Any, src_key: Any, *args: Any, metadata: Any = None) -> ObjectInfo:
        if isinstance(metadata, dict) and metadata and "n" in metadata:
            metadata = {**self.head(src_bucket, src_key).metadata, **metadata}
        return super().copy(src_bucket, src_key, *args, metadata=metadata)


@caught_by(
    "test_copy_onto_itself",
    "test_copy_onto_itself_keeps_metadata",
    "test_copy_onto_itself_with_metadata",
    "test_quota_copy",
    "test_server_copy_onto_itself",
    "test_versioning_copy_makes_a_version",
)
class CopyOntoItselfRefused(MemoryDriver):
    """An object can't be copied onto itself."""

    def copy(
        self, src_bucket: Any, src_key: Any, dst_bucket: Any, dst_key: Any, **options: Any
    ) -> ObjectInfo:
        if (src_bucket, src_key) == (dst_bucket, dst_key):
            raise InvalidArgumentError("the copy is its source")
        return super().copy(src_bucket, src_key, dst_bucket, dst_key, **options)


@caught_by(
    "test_copy_keeps_the_source",
    "test_copy_overwritten_keeps_the_source",
    "test_copy_with_metadata_keeps_the_source",
)
class CopyMoves(MemoryDriver):
    """copy takes the source away."""

    def copy(
        self, src_bucket: Any, src_key: Any, dst_bucket: Any, dst_key: Any, **options: Any
    ) -> ObjectInfo:
        info = super().copy(src_bucket, src_key, dst_bucket, dst_key, **options)
        if not info.version_id and src_key == "source.css" and dst_key == "copy":
            self.delete(src_bucket, src_key)
        return info


@caught_by(
    "test_copy_replaces_metadata_of_the_destination",
)
class CopyKeepsTheOldMetadata(MemoryDriver):
    """The metadata of what was at the destination stay."""

    def copy(
        self, src_bucket: Any, src_key: Any, dst_bucket: Any, dst_key: Any, **options: Any
    ) -> ObjectInfo:
        try:
            old = self.head(dst_bucket, dst_key).metadata
        except TroveError:
            old = {}
        if old and src_key != dst_key:
            options["metadata"] = old
        return super().copy(src_bucket, src_key, dst_bucket, dst_key, **options)


# Expiry.


@caught_by(
    "test_expires_in_another_timezone",
    "test_expires_past_hidden_from_common_prefixes",
    "test_expires_past_hidden_from_copy",
    "test_expires_past_hidden_from_delete_bucket",
    "test_expires_past_hidden_from_get",
    "test_expires_past_hidden_from_head",
    "test_expires_past_hidden_from_if_match",
    "test_expires_past_hidden_from_if_none_match",
    "test_expires_past_hidden_from_list",
    "test_expires_past_not_counted_on_a_page",
    "test_expires_past_replaces_the_old_object",
    "test_expires_when_the_instant_passes",
    "test_lifecycle_removes_what_expires_at",
    "test_put_get_overwrite_drops_expiry",
    "test_server_copy_of_an_expired_object",
)
class NeverExpires(MemoryDriver):
    """expires_at is checked and forgotten."""

    def put(self, *args: Any, expires_at: Any = None, **options: Any) -> ObjectInfo:
        if isinstance(expires_at, datetime) and expires_at.tzinfo:
            expires_at = None
        return super().put(*args, expires_at=expires_at, **options)


@caught_by(
    "test_expires_future_object_is_there",
    "test_expires_in_another_timezone",
    "test_expires_info_of_put",
    "test_expires_not_before_the_instant",
)
class ExpiresTooEarly(MemoryDriver):
    """What expires within two hours is gone at once."""

    def put(self, *args: Any, expires_at: Any = None, **options: Any) -> ObjectInfo:
        now = datetime.now(UTC)
        soon = now + timedelta(hours=2)
        if isinstance(expires_at, datetime) and expires_at.tzinfo and now < expires_at < soon:
            expires_at -= timedelta(hours=2)
        return super().put(*args, expires_at=expires_at, **options)


@caught_by(
    "test_arguments_bad_expires_at",
)
class TakesNaiveTimes(MemoryDriver):
    """A naive expires_at is taken for UTC."""

    def put(self, *args: Any, expires_at: Any = None, **options: Any) -> ObjectInfo:
        if isinstance(expires_at, datetime) and expires_at.tzinfo is None:
            expires_at = expires_at.replace(tzinfo=UTC)
        return super().put(*args, expires_at=expires_at, **options)


@caught_by(
    "test_expires_in_another_timezone",
)
class IgnoresTimezones(MemoryDriver):
    """The timezone of expires_at is taken for UTC."""

    def put(self, *args: Any, expires_at: Any = None, **options: Any) -> ObjectInfo:
        if isinstance(expires_at, datetime) and expires_at.tzinfo:
            expires_at = expires_at.replace(tzinfo=UTC)
        return super().put(*args, expires_at=expires_at, **options)


class Remembering(MemoryDriver):
    """Keeps apart what is put with an expiry in the past, as a store that hides it by hand would."""

    def hidden(self) -> dict[tuple[str, str], ObjectInfo]:
        found: dict[tuple[str, str], ObjectInfo] = self.__dict__.setdefault("expired", {})
        return found

    def gone(self, bucket: Any, key: Any) -> ObjectInfo | None:
        named = isinstance(bucket, str) and isinstance(key, str)
        return self.hidden().get((bucket, key)) if named else None

    def put(self, bucket: Any, key: Any, data: Any, *, expires_at: Any = None, **options: Any) -> ObjectInfo:
        info = super().put(bucket, key, data, expires_at=expires_at, **options)
        self.hidden().pop((bucket, key), None)
        if expires_at is not None and expires_at < datetime.now(UTC):
            self.hidden()[bucket, key] = info
        return info


@caught_by(
    "test_expires_in_another_timezone",
    "test_expires_past_hidden_from_list",
    "test_expires_past_not_counted_on_a_page",
)
class ListsTheExpired(Remembering):
    """An expired object is listed."""

    def list(self, bucket: Any, **options: Any) -> ObjectIterator:
        page = super().list(bucket, **options)
        gone = [info for (held, _), info in self.hidden().items() if held == bucket]
        if not gone or options.get("delimiter"):
            return page
        return ObjectIterator(sorted([*page, *gone], key=lambda info: info.key), (), page.next_token)


@caught_by(
    "test_expires_past_hidden_from_head",
    "test_expires_past_replaces_the_old_object",
)
class HeadsTheExpired(Remembering):
    """head finds an expired object."""

    def head(self, bucket: Any, key: Any, **options: Any) -> ObjectInfo:
        info = self.gone(bucket, key)
        return super().head(bucket, key, **options) if info is None else info


@caught_by(
    "test_expires_past_hidden_from_if_none_match",
)
class TheExpiredIsInTheWay(Remembering):
    """if_none_match finds an expired object."""

    def put(self, bucket: Any, key: Any, data: Any, **options: Any) -> ObjectInfo:
        if options.get("if_none_match") == "*" and self.gone(bucket, key):
            raise PreconditionFailedError(f"object {key!r} exists already")
        return super().put(bucket, key, data, **options)


@caught_by(
    "test_expires_past_hidden_from_delete_bucket",
)
class TheExpiredKeepsItsBucket(Remembering):
    """A bucket of expired objects is not empty."""

    def delete_bucket(self, name: str) -> None:
        if any(held == name for held, _ in self.hidden()):
            raise BucketNotEmptyError.of(name)
        super().delete_bucket(name)


@caught_by(
    "test_expires_past_hidden_from_copy",
    "test_server_copy_of_an_expired_object",
)
class CopiesTheExpired(Remembering):
    """copy finds an expired object."""

    def copy(
        self, src_bucket: Any, src_key: Any, dst_bucket: Any, dst_key: Any, **options: Any
    ) -> ObjectInfo:
        if self.gone(src_bucket, src_key):
            return self.put(dst_bucket, dst_key, b"data")
        return super().copy(src_bucket, src_key, dst_bucket, dst_key, **options)


@caught_by(
    "test_put_get_overwrite_drops_expiry",
)
class ExpiryIsInherited(MemoryDriver):
    """An object that is overwritten hands its expiry on."""

    def put(self, bucket: Any, key: Any, data: Any, *, expires_at: Any = None, **options: Any) -> ObjectInfo:
        held = self.__dict__.setdefault("expiries", {})
        if expires_at is None and not options and data == b"for good":
            expires_at = held.get((bucket, key))
        info = super().put(bucket, key, data, expires_at=expires_at, **options)
        held[bucket, key] = expires_at
        return info
