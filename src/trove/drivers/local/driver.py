"""LocalDriver: the driver's calls, their arguments checked, on a store of files."""

from __future__ import annotations

import builtins
import os
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ...driver import (
    DEFAULT_MAX_KEYS,
    DSN,
    BucketInfo,
    ByteRange,
    Data,
    Handles,
    ObjectInfo,
    ObjectIterator,
    ObjectReader,
    ObjectRef,
    RangeDriver,
    RangeSpec,
    ServerCopyDriver,
    blocks,
    check_bucket,
    check_data,
    check_key,
    check_list,
    check_mapping,
    check_offset_length,
    check_put,
    check_range,
    check_ref,
    check_region,
    check_version_id,
    copied,
    list_page,
    parse_dsn,
)
from ...driver.forking import renew_in_child
from ...errors import (
    DriverClosedError,
    InvalidArgumentError,
    InvalidDSNError,
    NotFoundError,
    ObjectNotFoundError,
    StorageIOError,
    UnsupportedOptionError,
    VersionNotFoundError,
    shown,
)
from ..etag import ContentHash
from .bucket import Bucket, Found
from .datafile import copy_bytes
from .folder import medium
from .staging import Staged
from .store import Store
from .walk import Walk

_DURABILITIES = ("full", "relaxed")
_COPY_ATTEMPTS = 5
_ONLY_VERSION = ""
"""The id of the one version that an object has here."""


class LocalDriver(RangeDriver, ServerCopyDriver):
    """Objects as files that other programs can read: ``file:///path`` or ``local://./relative``.

    ``durability=full``, the default, flushes each write to the medium before it returns;
    ``durability=relaxed`` leaves that to the operating system, which may take half a minute.
    """

    @staticmethod
    def check_there(dsn: str) -> None:
        """Raise NotFoundError where ``open`` would make the folder."""
        path, _ = _place(dsn, {})
        if not os.path.lexists(path):
            raise NotFoundError(f"there is no folder {shown(path)}; check the path, or open it to make one")

    def __init__(self) -> None:
        self._opening = threading.Lock()
        self._store: Store | None = None
        self._handles = Handles()
        renew_in_child(self)

    def _renew_locks(self) -> None:
        self._opening = threading.Lock()

    @property
    def name(self) -> str:
        return "local"

    # Opening and closing.

    def open(self, dsn: str, **options: Any) -> None:
        path, durability = _place(dsn, options)
        if not self._opening.acquire(blocking=False):
            raise InvalidArgumentError("driver 'local' is being opened by another thread; open it once")
        try:
            if self._store is not None:
                raise InvalidArgumentError("driver 'local' is open already; close() it first")
            self._store = Store(path, durable=durability == "full")
        finally:
            self._opening.release()

    def close(self) -> None:
        # The folders close when the last call that still works with them has returned: a
        # descriptor that is closed under it might be another file's by then.
        self._store = None
        self._handles.close()

    def ping(self) -> None:
        store = self._opened()
        with medium("reaching the store"):
            store.ping()

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
        target = store.bucket(check_bucket(bucket))
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
        check_data(data)
        doing = f"writing object {shown(key)} in bucket {shown(bucket)}"
        with medium(doing, bucket=bucket, key=key):
            target.folder().close()
            staged = store.staging.new()
        try:
            etag = _fill(staged, data, doing, bucket, key)
            if self._store is not store:
                raise DriverClosedError.of(self.name)  # by the data, or while it was read
            with medium(doing, bucket=bucket, key=key):
                _finish(staged, store)
                return target.replace(key, staged, etag, attributes, conditions)
        finally:
            staged.close()

    def get(
        self,
        bucket: str,
        key: str,
        *,
        range: RangeSpec | None = None,
        version_id: str | None = None,
    ) -> ObjectReader:
        store = self._opened()
        check_bucket(bucket)
        check_key(key)
        return self._reader(store, bucket, key, check_range(range), check_version_id(version_id))

    def get_range(self, bucket: str, key: str, offset: int, length: int) -> ObjectReader:
        store = self._opened()
        check_bucket(bucket)
        check_key(key)
        return self._reader(store, bucket, key, check_offset_length(offset, length), None)

    def delete(self, bucket: str, key: str, *, version_id: str | None = None) -> None:
        target = self._opened().bucket(check_bucket(bucket))
        check_key(key)
        version = check_version_id(version_id)
        doing = f"deleting object {shown(key)} in bucket {shown(bucket)}"
        with medium(doing, bucket=bucket, key=key), target.writing() as folder:
            if version is not None and not (version == _ONLY_VERSION and target.holds(folder, key)):
                raise VersionNotFoundError.of(bucket, key, version)
            target.remove(folder, key)

    def head(self, bucket: str, key: str, *, version_id: str | None = None) -> ObjectInfo:
        target = self._opened().bucket(check_bucket(bucket))
        check_key(key)
        found = _found(target, key, check_version_id(version_id))
        found.file.close()
        return found.entry.info(key)

    def list(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        max_keys: int = DEFAULT_MAX_KEYS,
        cursor: str = "",
    ) -> ObjectIterator:
        target = self._opened().bucket(check_bucket(bucket))
        request = check_list(
            self.name, bucket, prefix=prefix, delimiter=delimiter, max_keys=max_keys, cursor=cursor
        )
        with medium(f"listing bucket {shown(bucket)}", bucket=bucket), target.folder() as folder:
            walk = Walk(folder, request.prefix)
            return list_page(request, walk.keys_from, lambda key: target.info(folder, key))

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
        source = store.bucket(check_bucket(src_bucket))
        check_key(src_key)
        target = store.bucket(check_bucket(dst_bucket))
        check_key(dst_key)
        replacement = None if metadata is None else check_mapping("metadata", metadata)
        doing = f"copying object {shown(src_key)} of bucket {shown(src_bucket)} to {shown(dst_key)}"
        with medium(doing, bucket=dst_bucket, key=dst_key):
            target.folder().close()
            for _ in range(_COPY_ATTEMPTS):
                found = _found(source, src_key, None)
                with found.file, store.staging.new() as staged:
                    staged.size = copy_bytes(found.file.fileno(), staged.fd, found.entry.size)
                    if not found.entry.describes(found.file.status()) or staged.size != found.entry.size:
                        continue  # another program changed the file in place
                    info = found.entry.info(src_key)
                    attributes = copied(info, found.entry.attributes.expires_at, replacement)
                    _finish(staged, store)
                    return target.replace(dst_key, staged, info.etag, attributes)
        raise StorageIOError(
            f"{doing} failed: another program keeps changing its file; try again when it has finished",
            bucket=src_bucket,
            key=src_key,
        )

    def server_copy(self, src: ObjectRef, dst: ObjectRef) -> ObjectInfo:
        self._opened()
        check_ref("src", src)
        check_ref("dst", dst)
        return self.copy(src.bucket, src.key, dst.bucket, dst.key)

    def _reader(
        self, store: Store, bucket: str, key: str, span: ByteRange, version: str | None
    ) -> ObjectReader:
        found = _found(store.bucket(bucket), key, version)
        try:
            start, size = span.within(found.entry.size, bucket, key)
        except BaseException:
            found.file.close()
            raise
        reader = self._handles.add(ObjectReader(found.entry.info(key), found.file, start=start, size=size))
        if self._store is not store:
            # Closed meanwhile, perhaps before the reader was among those to end with it.
            reader.close()
            raise DriverClosedError.of(self.name)
        return reader

    # Buckets.

    def create_bucket(self, name: str, *, region: str | None = None) -> None:
        store = self._opened()
        check_bucket(name)
        if check_region(region) is not None:
            raise UnsupportedOptionError.of(self.name, "region", "leave it out: its store is one folder")
        with medium(f"creating bucket {shown(name)}", bucket=name):
            store.create_bucket(name)

    def delete_bucket(self, name: str) -> None:
        store = self._opened()
        check_bucket(name)
        with medium(f"deleting bucket {shown(name)}", bucket=name):
            store.delete_bucket(name)

    def list_buckets(self) -> builtins.list[BucketInfo]:
        store = self._opened()
        with medium("listing the buckets"):
            return store.list_buckets()


def _place(dsn: str, options: Mapping[str, Any]) -> tuple[str, str]:
    """What a DSN and options say: the absolute path of the root, and the durability."""
    parsed = parse_dsn(dsn)
    settings = parsed.settings(schemes=("file", "local"), known=("durability",), options=options)
    durability = settings.get("durability", "full")
    if durability not in _DURABILITIES:
        raise InvalidDSNError(f"durability is {shown(durability)}; give {' or '.join(_DURABILITIES)}")
    return _path(parsed), durability


def _path(dsn: DSN) -> str:
    """The absolute path of the root that a DSN names."""
    if dsn.user or dsn.password:
        raise InvalidDSNError(f"a {dsn.scheme}:// DSN has no user; leave out what stands before the '@'")
    if dsn.scheme == "file" and dsn.host:
        raise InvalidDSNError(
            f"file:// takes an absolute path and no host, not {shown(dsn.host)}; write file:///path, or "
            "local://./path for a relative one"
        )
    path = dsn.host + dsn.path
    if not path:
        raise InvalidDSNError(
            f"the {dsn.scheme}:// DSN names no folder; write file:///path or local://./path"
        )
    return os.path.abspath(path)


def _found(bucket: Bucket, key: str, version: str | None) -> Found:
    """The live object, its file open, if ``version`` is its only one or ``None``."""
    with (
        medium(f"reading object {shown(key)} in bucket {shown(bucket.name)}", bucket=bucket.name, key=key),
        bucket.folder() as folder,
    ):
        found = bucket.find(folder, key)
    if found is not None:
        if found.live() and version in (None, _ONLY_VERSION):
            return found
        found.file.close()
    if version is None:
        raise ObjectNotFoundError.of(bucket.name, key)
    raise VersionNotFoundError.of(bucket.name, key, version)


def _fill(staged: Staged, data: Data, doing: str, bucket: str, key: str) -> str:
    """Write ``data`` to the temporary file; its etag. What reading it raises is raised as it is."""
    digest = ContentHash()
    for block in blocks(data):
        digest.update(block)
        with medium(doing, bucket=bucket, key=key):
            staged.write(block)
    return digest.hexdigest()


def _finish(staged: Staged, store: Store) -> None:
    """Give the whole data its time, and put both on the medium."""
    staged.flush()
    staged.stamp()
    if store.durable:
        staged.sync()
