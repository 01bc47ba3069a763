"""Faults in what is beyond Driver: versions, uploads, events, ageing, ranges, server copies."""

from __future__ import annotations

import builtins
import contextlib
import dataclasses
from datetime import datetime, timedelta
from typing import Any

from trove.driver import (
    EventType,
    LifecycleReport,
    LifecycleRule,
    ObjectEvent,
    ObjectInfo,
    ObjectReader,
    PartInfo,
    UploadInfo,
    VersionInfo,
    Watcher,
)
from trove.drivers.memory import MemoryDriver
from trove.drivers.memory.store import Store
from trove.errors import (
    BucketNotEmptyError,
    InvalidArgumentError,
    InvalidPartError,
    ObjectNotFoundError,
    PreconditionFailedError,
    UploadNotFoundError,
    VersionNotFoundError,
)

from .fault import caught_by

# Ranges and server copies.


@caught_by(
    "test_get_range",
    "test_get_range_of_a_large_object",
    "test_get_range_reader_is_of_the_range",
)
class GetRangeOneTooLong(MemoryDriver):
    """get_range reads one byte more."""

    def get_range(self, bucket: Any, key: Any, offset: Any, length: Any) -> ObjectReader:
        super().get_range(bucket, key, offset, length).close()
        return super().get_range(bucket, key, offset, length + 1 if length > 0 else length)


@caught_by(
    "test_get_range_negative",
)
class GetRangeTakesNegatives(MemoryDriver):
    """Every negative length of get_range is to the end."""

    def get_range(self, bucket: Any, key: Any, offset: Any, length: Any) -> ObjectReader:
        if isinstance(length, int) and length < 0:
            length = -1
        return super().get_range(bucket, key, offset, length)


@caught_by(
    "test_server_copy_keeps_what_goes_along",
)
class ServerCopyLosesMetadata(MemoryDriver):
    """server_copy copies the data alone."""

    def server_copy(self, src: Any, dst: Any) -> ObjectInfo:
        super().server_copy(src, dst)
        return self.copy(src.bucket, src.key, dst.bucket, dst.key, metadata={})


# Versions.


@caught_by(
    "test_versioning_completion_makes_a_version",
    "test_versioning_copy_makes_a_version",
    "test_versioning_delete_marker_deleted_brings_it_back",
    "test_versioning_delete_of_an_old_version",
    "test_versioning_delete_puts_a_marker",
    "test_versioning_list_versions_marks_the_latest",
    "test_versioning_list_versions_newest_first",
    "test_versioning_list_versions_says_what_they_are",
    "test_versioning_marker_is_not_readable",
    "test_versioning_object_from_before_stays",
    "test_versioning_restore_makes_a_new_version",
    "test_versioning_restore_of_a_marker",
)
class OldestVersionFirst(MemoryDriver):
    """list_versions gives the oldest version first."""

    def list_versions(self, bucket: Any, key: Any) -> builtins.list[VersionInfo]:
        return super().list_versions(bucket, key)[::-1]


@caught_by(
    "test_versioning_delete_puts_a_marker",
    "test_versioning_list_versions_marks_the_latest",
    "test_versioning_object_from_before_stays",
)
class EveryVersionIsLatest(MemoryDriver):
    """is_latest is true of all that are no markers."""

    def list_versions(self, bucket: Any, key: Any) -> builtins.list[VersionInfo]:
        listed = super().list_versions(bucket, key)
        return [dataclasses.replace(each, is_latest=not each.is_delete_marker) for each in listed]


@caught_by(
    "test_versioning_ids_sort_with_age",
)
class VersionIdsUnsorted(MemoryDriver):
    """Version ids are numbers without leading zeros."""

    def open(self, dsn: str, **options: Any) -> None:
        super().open(dsn, **options)
        store = self._opened()
        store._next_version_id = lambda held: self._next(store, held)  # type: ignore[method-assign]

    def _next(self, store: Store, held: Any) -> str:
        store._versions += 1
        return str(store._versions) if held.versioning else ""


@caught_by(
    "test_versioning_restore_makes_a_new_version",
    "test_watch_restore",
)
class RestoreKeepsTheId(MemoryDriver):
    """restore_version brings an old version to the front instead of making a new one."""

    def restore_version(self, bucket: Any, key: Any, version_id: Any) -> ObjectInfo:
        info = self.get(bucket, key, version_id=version_id).info
        super().restore_version(bucket, key, version_id)
        store = self._opened()
        held = store.bucket(bucket)
        chain = held._chains[key]
        newest = chain.pop()
        old = dataclasses.replace(newest, info=info)
        chain[:] = [each for each in chain if each.info.version_id != version_id]
        chain.append(old)
        return info


@caught_by(
    "test_versioning_marker_is_not_readable",
)
class MarkersAreReadable(MemoryDriver):
    """Reading a delete marker gives an empty object."""

    def get(self, bucket: Any, key: Any, *, range: Any = None, version_id: Any = None) -> ObjectReader:
        try:
            return super().get(bucket, key, range=range, version_id=version_id)
        except ObjectNotFoundError:
            if not version_id:
                raise
            return super().get(bucket, key, version_id=self.list_versions(bucket, key)[-1].version_id)


@caught_by(
    "test_versioning_delete_of_an_old_version",
    "test_versioning_unknown_version",
)
class UnknownVersionIsTheCurrent(MemoryDriver):
    """get_version of an unknown id gives the current version."""

    def get_version(self, bucket: Any, key: Any, version_id: Any) -> ObjectReader:
        try:
            return super().get_version(bucket, key, version_id)
        except VersionNotFoundError:
            return self.get(bucket, key)


@caught_by(
    "test_versioning_restore_keeps_tags",
)
class RestoreLosesTags(MemoryDriver):
    """restore_version brings back the content without the tags."""

    def restore_version(self, bucket: Any, key: Any, version_id: Any) -> ObjectInfo:
        super().restore_version(bucket, key, version_id)
        held = self._opened().bucket(bucket)
        newest = held.chain(key)[-1]
        held.replace_newest(key, dataclasses.replace(newest, info=dataclasses.replace(newest.info, tags={})))
        return self.head(bucket, key)


@caught_by(
    "test_quota_delete_markers_are_free",
    "test_versioning_bucket_with_old_versions_is_not_empty",
    "test_versioning_delete_keeps_the_versions",
    "test_versioning_delete_marker_deleted_brings_it_back",
    "test_versioning_delete_puts_a_marker",
    "test_versioning_put_over_a_marker",
    "test_versioning_restore_of_a_deleted_object",
    "test_versioning_switched_off_delete_keeps_old_versions",
)
class DeleteDropsTheVersions(MemoryDriver):
    """delete in a versioned bucket takes the old versions too."""

    def delete(self, bucket: Any, key: Any, *, version_id: Any = None) -> None:
        super().delete(bucket, key, version_id=version_id)
        if version_id is None:
            for each in self.list_versions(bucket, key)[1:]:
                super().delete(bucket, key, version_id=each.version_id)


@caught_by(
    "test_versioning_bucket_with_old_versions_is_not_empty",
)
class BucketWithVersionsGoes(MemoryDriver):
    """A bucket that holds only old versions is deleted."""

    def delete_bucket(self, name: Any) -> None:
        try:
            super().delete_bucket(name)
        except BucketNotEmptyError:
            if list(self.list(name)):
                raise
            del self._opened().buckets[name]


@caught_by(
    "test_versioning_switched_off_keeps_old_versions",
    "test_versioning_switched_off_keeps_one_version_more",
)
class VersioningOffDropsVersions(MemoryDriver):
    """Switching versioning off drops the old versions."""

    def set_versioning(self, bucket: Any, enabled: Any) -> None:
        super().set_versioning(bucket, enabled)
        if not enabled:
            for key in self._opened().bucket(bucket).all_keys():
                for each in self.list_versions(bucket, key)[1:]:
                    self.delete_version(bucket, key, each.version_id)


# Uploads.


@caught_by(
    "test_multipart_list_parts",
)
class PartsInOrderOfArrival(MemoryDriver):
    """list_parts gives the parts as they came."""

    def list_parts(self, bucket: Any, key: Any, upload_id: Any) -> builtins.list[PartInfo]:
        super().list_parts(bucket, key, upload_id)
        upload = self._opened().bucket(bucket).uploads[upload_id]
        return [part for part, _ in upload.parts.values()]


class Completing(MemoryDriver):
    """complete_multipart with other parts than those given."""

    def chosen(self, parts: builtins.list[Any], sent: dict[int, PartInfo]) -> builtins.list[Any]:
        return parts

    def complete_multipart(self, bucket: Any, key: Any, upload_id: Any, parts: Any) -> ObjectInfo:
        if isinstance(parts, list) and all(isinstance(part, PartInfo) for part in parts):
            sent = {part.part_number: part for part in self.list_parts(bucket, key, upload_id)}
            parts = self.chosen(parts, sent)
        return super().complete_multipart(bucket, key, upload_id, parts)


@caught_by(
    "test_multipart_complete_with_a_replaced_part",
    "test_multipart_complete_with_another_etag",
    "test_multipart_complete_with_the_etag_of_another_part",
)
class PartEtagsUnchecked(Completing):
    """The etags of the parts of a completion are not looked at."""

    def chosen(self, parts: builtins.list[Any], sent: dict[int, PartInfo]) -> builtins.list[Any]:
        return [sent.get(part.part_number, part) for part in parts]


@caught_by(
    "test_multipart_complete_out_of_order",
)
class PartOrderUnchecked(Completing):
    """Parts out of order are sorted in silence."""

    def chosen(self, parts: builtins.list[Any], sent: dict[int, PartInfo]) -> builtins.list[Any]:
        return sorted(parts, key=lambda part: part.part_number)


@caught_by(
    "test_multipart_complete_with_an_unknown_part",
)
class UnknownPartsLeftOut(Completing):
    """Parts that were not sent are left out in silence."""

    def chosen(self, parts: builtins.list[Any], sent: dict[int, PartInfo]) -> builtins.list[Any]:
        return [part for part in parts if part.part_number in sent]


@caught_by(
    "test_multipart_parts_left_out",
)
class AllPartsAreTaken(Completing):
    """A completion takes all parts, also those that it leaves out."""

    def chosen(self, parts: builtins.list[Any], sent: dict[int, PartInfo]) -> builtins.list[Any]:
        if [part.part_number for part in parts] == [1, 3]:
            return [sent[number] for number in sorted(sent)]
        return parts


@caught_by(
    "test_multipart_failed_condition_keeps_the_upload",
)
class FailedCompletionEndsTheUpload(MemoryDriver):
    """An upload whose condition fails is gone."""

    def complete_multipart(self, bucket: Any, key: Any, upload_id: Any, parts: Any) -> ObjectInfo:
        try:
            return super().complete_multipart(bucket, key, upload_id, parts)
        except PreconditionFailedError:
            self.abort_multipart(bucket, key, upload_id)
            raise


@caught_by(
    "test_multipart_if_none_match_not_before_completion",
)
class ConditionsAtInitiation(MemoryDriver):
    """The conditions of an upload are checked when it begins, and not at the end."""

    def initiate_multipart(self, bucket: Any, key: Any, **options: Any) -> str:
        upload_id = super().initiate_multipart(bucket, key, **options)
        if options.get("if_none_match") == "*" and list(self.list(bucket, prefix=key)):
            raise PreconditionFailedError("the object exists already")
        return upload_id


@caught_by(
    "test_multipart_upload_not_found",
)
class AbortsTwice(MemoryDriver):
    """Aborting an upload that is not there is no error."""

    def abort_multipart(self, bucket: Any, key: Any, upload_id: Any) -> None:
        with contextlib.suppress(UploadNotFoundError):
            super().abort_multipart(bucket, key, upload_id)


@caught_by(
    "test_multipart_list_multiparts_of_one_bucket",
)
class ListsUploadsOfAllBuckets(MemoryDriver):
    """list_multiparts shows the uploads of all buckets."""

    def list_multiparts(self, bucket: Any) -> builtins.list[UploadInfo]:
        listed = super().list_multiparts(bucket)
        for info in self.list_buckets():
            if info.name != bucket:
                listed += super().list_multiparts(info.name)
        return listed


@caught_by(
    "test_multipart_metadata",
)
class UploadsLoseMetadata(MemoryDriver):
    """initiate_multipart drops the metadata."""

    def initiate_multipart(self, bucket: Any, key: Any, **options: Any) -> str:
        super().abort_multipart(bucket, key, super().initiate_multipart(bucket, key, **options))
        options.pop("metadata", None)
        return super().initiate_multipart(bucket, key, **options)


@caught_by(
    "test_multipart_part_number_out_of_bounds",
)
class TakesAnyPartNumber(MemoryDriver):
    """Part number 0 is taken."""

    def upload_part(self, bucket: Any, key: Any, upload_id: Any, part_number: Any, data: Any) -> PartInfo:
        try:
            return super().upload_part(bucket, key, upload_id, part_number, data)
        except InvalidPartError:
            if part_number != 0:
                raise
            return super().upload_part(bucket, key, upload_id, 1, data)


@caught_by(
    "test_multipart_open_upload_does_not_keep_its_bucket",
    "test_multipart_open_upload_ends_with_its_bucket",
)
class OpenUploadsKeepTheirBucket(MemoryDriver):
    """A bucket with open uploads can't be deleted."""

    def delete_bucket(self, name: Any) -> None:
        if isinstance(name, str) and name in self._opened().buckets and self._opened().buckets[name].uploads:
            raise BucketNotEmptyError.of(name)
        super().delete_bucket(name)


# Events.


class Events(MemoryDriver):
    """Appends other events than those of the store."""

    def open(self, dsn: str, **options: Any) -> None:
        super().open(dsn, **options)
        log = self._opened().events
        append = log.append

        def altered(bucket: str, key: str, before: Any, after: Any) -> None:
            for each in self.altered(key, before, after):
                append(bucket, key, *each)

        log.append = altered  # type: ignore[method-assign]

    def altered(self, key: str, before: Any, after: Any) -> builtins.list[tuple[Any, Any]]:
        return [(before, after)]


@caught_by(
    "test_watch_lifecycle_move",
    "test_watch_sequences_are_per_store",
    "test_watch_updated",
    "test_watch_with_event_types",
)
class EventsTwice(Events):
    """Every update is told twice."""

    def altered(self, key: str, before: Any, after: Any) -> builtins.list[tuple[Any, Any]]:
        return [(before, after)] * (2 if before and after and not after.version_id and key == "key" else 1)


@caught_by(
    "test_watch_copy",
)
class CopiesAreNoEvents(Events):
    """copy gives no event."""

    def copy(self, *args: Any, **options: Any) -> ObjectInfo:
        log = self._opened().events
        append = log.append
        log.append = lambda *args: None  # type: ignore[method-assign]
        try:
            return super().copy(*args, **options)
        finally:
            log.append = append  # type: ignore[method-assign]


@caught_by(
    "test_watch_lifecycle_move",
    "test_watch_restore",
    "test_watch_updated",
    "test_watch_with_event_types",
    "test_watch_with_several_event_types",
)
class UpdatesAreCreations(Events):
    """An overwritten object is told as created."""

    def altered(self, key: str, before: Any, after: Any) -> builtins.list[tuple[Any, Any]]:
        return [(None if after is not None else before, after)]


@caught_by(
    "test_watch_deleting_nothing_is_no_event",
)
class DeletingNothingIsAnEvent(Events):
    """Deleting what is not there gives an event."""

    def delete(self, bucket: Any, key: Any, *, version_id: Any = None) -> None:
        store = self._opened()
        missing = (
            isinstance(key, str)
            and isinstance(bucket, str)
            and bucket in store.buckets
            and not store.buckets[bucket].chain(key)
        )
        super().delete(bucket, key, version_id=version_id)
        if missing and version_id is None:
            with store.lock:
                store.events.append(bucket, key, None, None)


@caught_by(
    "test_watch_created_again_after_deletion",
    "test_watch_delete_marker",
    "test_watch_deleted",
    "test_watch_deletion_has_no_info",
    "test_watch_lifecycle_expiry",
    "test_watch_with_several_event_types",
)
class DeletionsAreNoEvents(Events):
    """Deletions are not told."""

    def altered(self, key: str, before: Any, after: Any) -> builtins.list[tuple[Any, Any]]:
        return [] if after is None else [(before, after)]


class _Watching(Watcher):
    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.held: builtins.list[ObjectEvent] = []

    def get(self, timeout: float | None = None) -> ObjectEvent | None:
        return self.watcher.get(timeout)

    def close(self) -> None:
        self.watcher.close()


class _WithInfo(_Watching):
    def get(self, timeout: float | None = None) -> ObjectEvent | None:
        event = super().get(timeout)
        if event is not None:
            self.held.append(event)
        if event is None or event.type is not EventType.DELETED:
            return event
        info = ObjectInfo(event.key, 0, "", "", datetime.min)
        return dataclasses.replace(event, info=info)


@caught_by(
    "test_watch_deletion_has_no_info",
    "test_watch_lifecycle_expiry",
)
class DeletionsHaveAnInfo(MemoryDriver):
    """The event of a deletion has the info of the old object."""

    def watch(self, *args: Any, **options: Any) -> Watcher:
        return _WithInfo(super().watch(*args, **options))


class _OutOfOrder(_Watching):
    def get(self, timeout: float | None = None) -> ObjectEvent | None:
        if self.held:
            return self.held.pop()
        event = self.watcher.get(timeout)
        following = self.watcher.get(0)
        if event is None or following is None or {event.key, following.key} & {"zzz-last", "key"}:
            if following is not None:
                self.held.append(following)
            return event
        self.held.append(event)
        return following


@caught_by(
    "test_watch_iteration",
    "test_watch_order",
    "test_watch_sequences_ascend",
    "test_watch_since_is_exclusive",
    "test_watch_with_prefix",
)
class EventsOutOfOrder(MemoryDriver):
    """Two events that come together change places."""

    def watch(self, *args: Any, **options: Any) -> Watcher:
        return _OutOfOrder(super().watch(*args, **options))


@caught_by(
    "test_watch_since_is_exclusive",
    "test_watch_since_the_last",
)
class SinceIsInclusive(MemoryDriver):
    """A resumed watch begins with the event that was seen last."""

    def watch(self, *args: Any, since: Any = None, **options: Any) -> Watcher:
        if type(since) is int and since > 0:
            since -= 1
        return super().watch(*args, since=since, **options)


@caught_by(
    "test_watch_with_prefix",
)
class WatchIgnoresThePrefix(MemoryDriver):
    """A watch sees all keys of its bucket."""

    def watch(self, *args: Any, prefix: Any = "", **options: Any) -> Watcher:
        super().watch(*args, prefix=prefix).close()
        return super().watch(*args, **options)


@caught_by(
    "test_watch_with_event_types",
    "test_watch_with_several_event_types",
)
class WatchIgnoresTheTypes(MemoryDriver):
    """A watch sees all types of events."""

    def watch(self, *args: Any, event_types: Any = (), **options: Any) -> Watcher:
        super().watch(*args, event_types=event_types).close()
        return super().watch(*args, **options)


# Ageing.


class Ageing(MemoryDriver):
    """Applies other rules than those that were set."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        return rule

    def apply_lifecycle(self, now: Any = None) -> LifecycleReport:
        buckets = self._opened().buckets.values()
        rules = {held.info.name: held.rules for held in buckets}
        for held in buckets:
            held.rules = [self.altered(rule) for rule in held.rules]
        try:
            return super().apply_lifecycle(now)
        finally:
            for held in buckets:
                held.rules = rules[held.info.name]


@caught_by(
    "test_lifecycle_disabled_rule_does_nothing",
)
class DisabledRulesApply(Ageing):
    """A disabled rule is applied."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        return dataclasses.replace(rule, enabled=True)


@caught_by(
    "test_lifecycle_expires_under_the_prefix_alone",
)
class RulesIgnoreTheirPrefix(Ageing):
    """A rule is applied to all keys."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        return dataclasses.replace(rule, prefix="")


@caught_by(
    "test_lifecycle_expires_at_the_age",
    "test_lifecycle_in_a_versioned_bucket",
    "test_watch_lifecycle_expiry",
)
class ExpiryADayLate(Ageing):
    """Objects expire a day late."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        days = rule.expiration_days
        return dataclasses.replace(rule, expiration_days=days + 1 if days == 2 and not rule.prefix else days)


@caught_by(
    "test_lifecycle_age_counts_from_the_last_write",
    "test_lifecycle_does_not_expire_before_the_age",
)
class ExpiryADayEarly(Ageing):
    """Objects expire a day early."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        days = rule.expiration_days
        return dataclasses.replace(rule, expiration_days=days - 1 if days == 2 else days)


@caught_by(
    "test_lifecycle_moves_and_then_expires",
    "test_lifecycle_moves_at_the_age",
    "test_lifecycle_report_of_moves",
    "test_watch_lifecycle_move",
)
class MovesNothing(Ageing):
    """Transitions are not done."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        if rule.expiration_days is None:
            return dataclasses.replace(rule, enabled=False)
        return dataclasses.replace(rule, transition_days=None, transition_storage=None)


@caught_by(
    "test_lifecycle_bad_rules",
    "test_lifecycle_days_beyond_all_time",
)
class TakesContradictingRules(MemoryDriver):
    """Rules are taken as they come."""

    def set_lifecycle(self, bucket: Any, rules: Any) -> None:
        try:
            super().set_lifecycle(bucket, rules)
        except InvalidArgumentError:
            if not isinstance(rules, list) or not all(isinstance(rule, LifecycleRule) for rule in rules):
                raise
            self._opened().bucket(bucket).rules = rules


@caught_by(
    "test_lifecycle_old_versions_go_in_their_order",
    "test_lifecycle_report_of_expired",
    "test_lifecycle_report_of_moves",
)
class ReportsNothing(MemoryDriver):
    """apply_lifecycle reports nothing."""

    def apply_lifecycle(self, now: Any = None) -> LifecycleReport:
        super().apply_lifecycle(now)
        return LifecycleReport()


@caught_by(
    "test_lifecycle_expires_at_the_age",
    "test_lifecycle_expires_under_the_prefix_alone",
    "test_lifecycle_in_a_versioned_bucket",
    "test_lifecycle_moves_and_then_expires",
    "test_lifecycle_moves_at_the_age",
    "test_lifecycle_removes_what_expires_at",
    "test_lifecycle_report_of_expired",
    "test_lifecycle_report_of_moves",
    "test_watch_lifecycle_expiry",
    "test_watch_lifecycle_move",
)
class AgesByTheWrongClock(MemoryDriver):
    """apply_lifecycle looks at the present, not at the time given."""

    def apply_lifecycle(self, now: Any = None) -> LifecycleReport:
        if isinstance(now, datetime) and now.tzinfo and now.year > 1:
            now -= timedelta(days=365)
        return super().apply_lifecycle(now)
