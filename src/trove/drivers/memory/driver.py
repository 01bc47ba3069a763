"""MemoryDriver: every call of the contract on the structures beside this file."""

from __future__ import annotations

import builtins
import io
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ...driver import (
    DEFAULT_MAX_KEYS,
    UNCONDITIONAL,
    BucketInfo,
    ByteRange,
    Data,
    EventType,
    LifecycleDriver,
    LifecycleReport,
    LifecycleRule,
    MultipartDriver,
    NotificationDriver,
    ObjectEvent,
    ObjectInfo,
    ObjectIterator,
    ObjectReader,
    ObjectRef,
    PartInfo,
    Quota,
    QuotaDriver,
    RangeDriver,
    RangeSpec,
    ServerCopyDriver,
    UploadInfo,
    VersionInfo,
    VersioningDriver,
    Watcher,
    check_bucket,
    check_data,
    check_event_types,
    check_key,
    check_list,
    check_mapping,
    check_offset_length,
    check_part_number,
    check_parts,
    check_put,
    check_quota,
    check_range,
    check_ref,
    check_region,
    check_rules,
    check_sequence,
    check_switch,
    check_text,
    check_time,
    check_version_id,
    copied,
    list_page,
    parse_dsn,
    whole,
)
from ...errors import (
    BucketExistsError,
    BucketNotEmptyError,
    DriverClosedError,
    InvalidArgumentError,
    InvalidDSNError,
    InvalidPartError,
    UnsupportedOptionError,
    UploadNotFoundError,
    VersionNotFoundError,
    shown,
)
from ..etag import content_etag, multipart_etag
from . import lifecycle
from .bucket import Bucket, Upload, content_of
from .events import MemoryWatcher
from .store import Store, utc_now

RETAINED_EVENTS = 10_000
MOST_EVENTS = 99_999_999_999


class MemoryDriver(
    RangeDriver,
    ServerCopyDriver,
    MultipartDriver,
    VersioningDriver,
    NotificationDriver,
    LifecycleDriver,
    QuotaDriver,
):
    """Objects in this process's memory: ``mem://``, or ``mem://?events=N`` to retain N events.

    A bucket's versions, uploads, rules and events work as the contract says; a storage class is a
    label. ``region`` is refused, as there is none.
    """

    def __init__(self) -> None:
        self._store: Store | None = None

    @property
    def name(self) -> str:
        return "memory"

    # Opening and closing.

    def open(self, dsn: str, **options: Any) -> None:
        if self._store is not None:
            raise InvalidArgumentError("driver 'memory' is open already; close() it first")
        parsed = parse_dsn(dsn)
        settings = parsed.settings(schemes=("mem",), known=("events",), options=options)
        if parsed.user or parsed.password or parsed.host or parsed.path:
            raise InvalidDSNError("a mem:// store has no host and no path; write just mem://")
        retained = settings.get("events", str(RETAINED_EVENTS))
        if not _is_number_of_events(retained):
            raise InvalidDSNError(
                f"events is {shown(retained)}; give how many to retain, from 1 to {MOST_EVENTS:,}"
            )
        self._store = Store(self.name, int(retained))

    def close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            with store.lock:
                store.events.close()
                store.buckets.clear()
            store.handles.close()

    def ping(self) -> None:
        self._opened()

    def _opened(self) -> Store:
        store = self._store
        if store is None:
            raise DriverClosedError.of(self.name)
        return store

    # Objects.

    def put(
        self,
        bucket: str,
        key: str,
        data: Data,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        storage_class: str | None = None,
        expires_at: datetime | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> ObjectInfo:
        store = self._opened()
        check_bucket(bucket)
        check_data(data)
        attributes, conditions = check_put(
            check_key(key),
            content_type=content_type,
            metadata=metadata,
            tags=tags,
            storage_class=storage_class,
            expires_at=expires_at,
            if_match=if_match,
            if_none_match=if_none_match,
        )
        with store.lock:
            store.bucket(bucket)
        content = whole(data)
        etag = content_etag(content)
        with store.lock:
            return store.write(bucket, key, content, etag, attributes, conditions)

    def get(
        self, bucket: str, key: str, *, range: RangeSpec | None = None, version_id: str | None = None
    ) -> ObjectReader:
        store = self._opened()
        check_bucket(bucket)
        check_key(key)
        return self._reader(store, bucket, key, check_range(range), check_version_id(version_id))

    def head(self, bucket: str, key: str, *, version_id: str | None = None) -> ObjectInfo:
        store = self._opened()
        check_bucket(bucket)
        check_key(key)
        check_version_id(version_id)
        with store.lock:
            return store.version(bucket, key, version_id).info

    def delete(self, bucket: str, key: str, *, version_id: str | None = None) -> None:
        store = self._opened()
        check_bucket(bucket)
        check_key(key)
        check_version_id(version_id)
        with store.lock:
            held = store.bucket(bucket)
            store.settle(held, key)
            if version_id is None:
                store.delete_current(held, key, utc_now())
            elif held.find(key, version_id) is None:
                raise VersionNotFoundError.of(bucket, key, version_id)
            else:
                store.remove_version(held, key, version_id)

    def list(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        max_keys: int = DEFAULT_MAX_KEYS,
        cursor: str = "",
    ) -> ObjectIterator:
        store = self._opened()
        request = check_list(
            self.name,
            check_bucket(bucket),
            prefix=prefix,
            delimiter=delimiter,
            max_keys=max_keys,
            cursor=cursor,
        )
        with store.lock:
            held = store.bucket(bucket)
            now = utc_now()

            def load(key: str) -> ObjectInfo | None:
                version = held.current(key, now)
                return None if version is None else version.info

            return list_page(request, held.keys_from, load)

    def copy(
        self,
        src_bucket: str,
        src_key: str,
        dst_bucket: str,
        dst_key: str,
        *,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        store = self._opened()
        for bucket, key in ((src_bucket, src_key), (dst_bucket, dst_key)):
            check_bucket(bucket)
            check_key(key)
        check_mapping("metadata", metadata)
        with store.lock:
            source = store.version(src_bucket, src_key, None)
            attributes = copied(source.info, source.expires_at, metadata)
            return store.write(
                dst_bucket, dst_key, content_of(source), source.info.etag, attributes, UNCONDITIONAL
            )

    def get_range(self, bucket: str, key: str, offset: int, length: int) -> ObjectReader:
        store = self._opened()
        check_bucket(bucket)
        check_key(key)
        return self._reader(store, bucket, key, check_offset_length(offset, length), None)

    def server_copy(self, src: ObjectRef, dst: ObjectRef) -> ObjectInfo:
        self._opened()
        check_ref("src", src)
        check_ref("dst", dst)
        return self.copy(src.bucket, src.key, dst.bucket, dst.key)

    def _reader(
        self, store: Store, bucket: str, key: str, range: ByteRange, version_id: str | None
    ) -> ObjectReader:
        with store.lock:
            version = store.version(bucket, key, version_id)
        start, size = range.within(version.info.size, bucket, key)
        # BytesIO shares the bytes it is made of until somebody writes to it, which nobody can.
        reader = ObjectReader(version.info, io.BytesIO(content_of(version)), start=start, size=size)
        return store.handles.add(reader)

    # Buckets.

    def create_bucket(self, name: str, *, region: str | None = None) -> None:
        store = self._opened()
        check_bucket(name)
        if check_region(region) is not None:
            raise UnsupportedOptionError.of(self.name, "region", "leave it out")
        with store.lock:
            if name in store.buckets:
                raise BucketExistsError.of(name)
            store.buckets[name] = Bucket(BucketInfo(name, utc_now()))

    def delete_bucket(self, name: str) -> None:
        store = self._opened()
        check_bucket(name)
        with store.lock:
            held = store.bucket(name)
            for key in held.all_keys():
                store.settle(held, key)
            if len(held):
                raise BucketNotEmptyError.of(name)
            del store.buckets[name]

    def list_buckets(self) -> builtins.list[BucketInfo]:
        store = self._opened()
        with store.lock:
            return [store.buckets[name].info for name in sorted(store.buckets)]

    # Versions.

    def set_versioning(self, bucket: str, enabled: bool) -> None:
        store = self._opened()
        check_bucket(bucket)
        check_switch("enabled", enabled)
        with store.lock:
            store.bucket(bucket).versioning = enabled

    def get_versioning(self, bucket: str) -> bool:
        store = self._opened()
        check_bucket(bucket)
        with store.lock:
            return store.bucket(bucket).versioning

    def list_versions(self, bucket: str, key: str) -> builtins.list[VersionInfo]:
        store = self._opened()
        check_bucket(bucket)
        check_key(key)
        with store.lock:
            held = store.bucket(bucket)
            store.settle(held, key)
            newest = held.newest(key)
            return [
                VersionInfo(
                    each.info.version_id,
                    key,
                    each.info.size,
                    each.info.last_modified,
                    each.info.etag,
                    is_latest=each is newest,
                    is_delete_marker=each.data is None,
                )
                for each in reversed(held.chain(key))
            ]

    def get_version(self, bucket: str, key: str, version_id: str) -> ObjectReader:
        self._opened()
        return self.get(bucket, key, version_id=check_text("version_id", version_id, empty=True))

    def delete_version(self, bucket: str, key: str, version_id: str) -> None:
        self._opened()
        self.delete(bucket, key, version_id=check_text("version_id", version_id, empty=True))

    def restore_version(self, bucket: str, key: str, version_id: str) -> ObjectInfo:
        store = self._opened()
        check_bucket(bucket)
        check_key(key)
        check_text("version_id", version_id, empty=True)
        with store.lock:
            source = store.version(bucket, key, version_id)
            # An expiry that is over would take the restored object away at once.
            expires_at = None if source.expired(utc_now()) else source.expires_at
            attributes = copied(source.info, expires_at, None)
            return store.write(bucket, key, content_of(source), source.info.etag, attributes, UNCONDITIONAL)

    # Multipart uploads.

    def initiate_multipart(
        self,
        bucket: str,
        key: str,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        storage_class: str | None = None,
        expires_at: datetime | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> str:
        store = self._opened()
        check_bucket(bucket)
        attributes, conditions = check_put(
            check_key(key),
            content_type=content_type,
            metadata=metadata,
            tags=tags,
            storage_class=storage_class,
            expires_at=expires_at,
            if_match=if_match,
            if_none_match=if_none_match,
        )
        with store.lock:
            upload_id = uuid.uuid4().hex
            store.bucket(bucket).uploads[upload_id] = Upload(key, attributes, conditions, utc_now())
            return upload_id

    def upload_part(self, bucket: str, key: str, upload_id: str, part_number: int, data: Data) -> PartInfo:
        store = self._opened()
        self._check_upload(bucket, key, upload_id)
        check_part_number(part_number)
        check_data(data)
        with store.lock:
            self._upload(store, bucket, key, upload_id)
        content = whole(data)
        part = PartInfo(part_number, content_etag(content), len(content))
        with store.lock:
            upload, held = self._upload(store, bucket, key, upload_id), store.bucket(bucket)
            before = upload.parts[part_number][0].size if part_number in upload.parts else 0
            store.require_room(held, key, part.size - before, 0)
            upload.parts[part_number] = (part, content)
            held.used_bytes += part.size - before
        return part

    def complete_multipart(
        self, bucket: str, key: str, upload_id: str, parts: Iterable[PartInfo]
    ) -> ObjectInfo:
        store = self._opened()
        self._check_upload(bucket, key, upload_id)
        wanted = check_parts(parts)
        with store.lock:
            upload = self._upload(store, bucket, key, upload_id)
            content = b"".join(_sent(upload, part, bucket) for part in wanted)
            etag = multipart_etag(wanted)
            info = store.write(bucket, key, content, etag, upload.attributes, upload.conditions, upload.size)
            self._end(store, bucket, upload_id)
            return info

    def abort_multipart(self, bucket: str, key: str, upload_id: str) -> None:
        store = self._opened()
        self._check_upload(bucket, key, upload_id)
        with store.lock:
            self._upload(store, bucket, key, upload_id)
            self._end(store, bucket, upload_id)

    def list_parts(self, bucket: str, key: str, upload_id: str) -> builtins.list[PartInfo]:
        store = self._opened()
        self._check_upload(bucket, key, upload_id)
        with store.lock:
            upload = self._upload(store, bucket, key, upload_id)
            return [upload.parts[number][0] for number in sorted(upload.parts)]

    def list_multiparts(self, bucket: str) -> builtins.list[UploadInfo]:
        store = self._opened()
        check_bucket(bucket)
        with store.lock:
            uploads = store.bucket(bucket).uploads
            infos = [UploadInfo(each, upload.key, upload.initiated) for each, upload in uploads.items()]
        return sorted(infos, key=lambda info: (info.key, info.initiated))

    @staticmethod
    def _check_upload(bucket: str, key: str, upload_id: str) -> None:
        check_bucket(bucket)
        check_key(key)
        check_text("upload_id", upload_id)

    @staticmethod
    def _upload(store: Store, bucket: str, key: str, upload_id: str) -> Upload:
        upload = store.bucket(bucket).uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise UploadNotFoundError.of(bucket, key, upload_id)
        return upload

    @staticmethod
    def _end(store: Store, bucket: str, upload_id: str) -> None:
        held = store.bucket(bucket)
        held.used_bytes -= held.uploads.pop(upload_id).size

    # Watching.

    def watch(
        self,
        bucket: str,
        *,
        prefix: str = "",
        event_types: Iterable[EventType | str] = (),
        since: int | None = None,
    ) -> Watcher:
        store = self._opened()
        check_bucket(bucket)
        check_text("prefix", prefix, empty=True)
        types = check_event_types(event_types)
        check_sequence(since)

        def wanted(event: ObjectEvent) -> bool:
            return event.bucket == bucket and event.type in types and event.key.startswith(prefix)

        with store.lock:
            store.bucket(bucket)
            return store.handles.add(MemoryWatcher(store.events, since, wanted))

    # Ageing.

    def set_lifecycle(self, bucket: str, rules: Iterable[LifecycleRule]) -> None:
        store = self._opened()
        check_bucket(bucket)
        checked = check_rules(rules)
        with store.lock:
            store.bucket(bucket).rules = checked

    def get_lifecycle(self, bucket: str) -> builtins.list[LifecycleRule]:
        store = self._opened()
        check_bucket(bucket)
        with store.lock:
            return [*store.bucket(bucket).rules]

    def apply_lifecycle(self, now: datetime | None = None) -> LifecycleReport:
        store = self._opened()
        moment = utc_now() if now is None else check_time("now", now)
        with store.lock:
            return lifecycle.apply(store, moment)

    # Quotas.

    def set_quota(
        self, bucket: str | None, *, max_bytes: int | None = None, max_objects: int | None = None
    ) -> None:
        store = self._opened()
        if bucket is not None:
            check_bucket(bucket)
        quota = check_quota(max_bytes, max_objects)
        with store.lock:
            if bucket is None:
                store.quota = quota
            else:
                store.bucket(bucket).quota = quota

    def get_quota(self, bucket: str | None) -> Quota:
        store = self._opened()
        if bucket is None:
            return store.quota
        check_bucket(bucket)
        with store.lock:
            return store.bucket(bucket).quota


def _is_number_of_events(text: str) -> bool:
    # The length first: int() of a very long text is slow, or refused.
    digits = text.isascii() and text.isdigit() and len(text) <= len(str(MOST_EVENTS))
    return digits and 1 <= int(text) <= MOST_EVENTS


def _sent(upload: Upload, part: PartInfo, bucket: str) -> bytes:
    """The data of a part that a completion names. Raises InvalidPartError."""
    sent, content = upload.parts.get(part.part_number, (None, b""))
    if sent is None or sent.etag != part.etag:
        what = "was not uploaded" if sent is None else f"has the etag {sent.etag!r}, not {shown(part.etag)}"
        raise InvalidPartError(
            f"part {part.part_number} of object {shown(upload.key)} in bucket {shown(bucket)} {what}; "
            "list_parts() shows what was",
            bucket=bucket,
            key=upload.key,
        )
    return content
