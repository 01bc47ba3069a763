"""Sidecars: what an object has besides its data, in one small JSON file per key.

A sidecar holds the *entries* of up to two versions, the newest first, each telling by size and modification
time which data file it belongs to. It is put in place before the data file is: whoever looks then finds the
entry of the file that is there, be it the old or the new one. A ``check`` over the rest tells damage from
content.

A sidecar that can't be right is CorruptStoreError: an object is not given out without its metadata or beyond
its expiry as if nothing had happened. Putting the object again replaces it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import xxhash

from ...driver import (
    Attributes,
    CorruptStoreError,
    ObjectInfo,
    check_mapping,
    check_text,
    check_time,
)
from ...errors import shown
from .folder import Folder
from .staging import Staging

_FORMAT = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """What belongs to the data file of that ``size`` (bytes) and ``mtime_ns`` (since 1970)."""

    size: int
    mtime_ns: int
    etag: str
    attributes: Attributes

    def describes(self, status: os.stat_result) -> bool:
        return self.size == status.st_size and self.mtime_ns == status.st_mtime_ns

    def info(self, key: str) -> ObjectInfo:
        return ObjectInfo(
            key,
            self.size,
            self.attributes.content_type,
            self.etag,
            instant(self.mtime_ns),
            self.attributes.metadata,
            self.attributes.tags,
            storage_class=self.attributes.storage_class,
        )


def instant(mtime_ns: int) -> datetime:
    """A file's time as a ``datetime``; the first or last one there is for those beyond."""
    try:
        return _EPOCH + timedelta(microseconds=mtime_ns // 1_000)
    except OverflowError:
        return (datetime.min if mtime_ns < 0 else datetime.max).replace(tzinfo=UTC)


class Sidecars:
    """The sidecars of one bucket, in ``meta/<bucket>/<2 hex digits>/<SHA-256 of the key>.json``."""

    def __init__(self, meta: Folder, bucket_folder: bytes, bucket: str) -> None:
        self._meta = meta
        self._bucket_folder = bucket_folder
        self._bucket = bucket

    def read(self, key: str) -> list[Entry]:
        """The entries for ``key``, none where it has no sidecar. Raises CorruptStoreError."""
        shelf, name = _place(key)
        folder = self._meta.descend((self._bucket_folder, shelf))
        if folder is None:
            return []
        with folder:
            if folder.stat(name) is None:
                return []
            fd = folder.open_file(name)
            if fd is None:
                # Removed since, or no file at all: what decides is whether it is there now.
                if folder.stat(name) is None:
                    return []
                raise self._damaged(key, None)
            try:
                raw = b"".join(iter(lambda: os.read(fd, _READ_BYTES), b""))
            finally:
                os.close(fd)
        try:
            return _decoded(key, raw)
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise self._damaged(key, error) from error

    def write(self, key: str, entries: Sequence[Entry], staging: Staging, *, durable: bool) -> None:
        """Put the sidecar for ``key`` in place, in one step."""
        shelf, name = _place(key)
        with (
            self._meta.make(self._bucket_folder, durable=durable) as bucket,
            bucket.make(shelf, durable=durable) as folder,
        ):
            staging.put(folder, name, _encoded(key, entries), durable=durable)

    def remove(self, key: str) -> None:
        """Remove the sidecar for ``key``, if it has one."""
        shelf, name = _place(key)
        folder = self._meta.descend((self._bucket_folder, shelf))
        if folder is not None:
            with folder:
                folder.remove_file(name)

    def remove_all(self) -> None:
        """Remove the sidecars of every key."""
        bucket = self._meta.folder(self._bucket_folder)
        if bucket is None:
            return
        with bucket:
            for shelf, is_folder, _ in list(bucket.entries()):
                folder = bucket.folder(shelf) if is_folder else None
                if folder is None:
                    bucket.remove_file(shelf)
                    continue
                with folder:
                    for name, _, _ in list(folder.entries()):
                        folder.remove_file(name)
                bucket.remove_folder(shelf)
        self._meta.remove_folder(self._bucket_folder)

    def _damaged(self, key: str, cause: Exception | None) -> CorruptStoreError:
        shelf, name = _place(key)
        path = b"/".join((b".trove/meta", self._bucket_folder, shelf, name)).decode(errors="replace")
        why = f" ({type(cause).__name__})" if cause else ""
        return CorruptStoreError(
            f"the metadata of object {shown(key)} in bucket {shown(self._bucket)} is damaged{why}; put the "
            f"object again, or remove {path} from the store to keep its bytes without metadata",
            bucket=self._bucket,
            key=key,
        )


def _place(key: str) -> tuple[bytes, bytes]:
    digest = hashlib.sha256(key.encode()).hexdigest().encode()
    return digest[:2], digest + b".json"


def sealed(content: dict[str, Any]) -> bytes:
    """``content`` as JSON with its check."""
    return json.dumps({**content, "check": _check(content)}).encode() + b"\n"


def unsealed(raw: bytes) -> dict[str, Any]:
    """What :func:`sealed` was given. Raises ``ValueError`` for anything else."""
    content = json.loads(raw)
    if not isinstance(content, dict) or content.pop("check", None) != _check(content):
        raise ValueError("the check does not fit the content")
    return content


def _check(content: dict[str, Any]) -> str:
    return xxhash.xxh3_128_hexdigest(json.dumps(content, sort_keys=True).encode())


def _encoded(key: str, entries: Sequence[Entry]) -> bytes:
    versions = [
        {
            "size": entry.size,
            "mtime_ns": entry.mtime_ns,
            "etag": entry.etag,
            "content_type": entry.attributes.content_type,
            "metadata": entry.attributes.metadata,
            "tags": entry.attributes.tags,
            "storage_class": entry.attributes.storage_class,
            "expires_at": _iso(entry.attributes.expires_at),
        }
        for entry in entries
    ]
    return sealed({"format": _FORMAT, "key": key, "versions": versions})


def _decoded(key: str, raw: bytes) -> list[Entry]:
    content = unsealed(raw)
    if content["format"] != _FORMAT or content["key"] != key:
        raise ValueError("a sidecar of another key or format")
    return [_entry(version) for version in content["versions"]]


def _entry(version: dict[str, Any]) -> Entry:
    size, mtime_ns = version["size"], version["mtime_ns"]
    if type(size) is not int or type(mtime_ns) is not int:
        raise TypeError("size and mtime_ns are integers")
    expires_at = version["expires_at"]
    return Entry(
        size,
        mtime_ns,
        check_text("etag", version["etag"]),
        Attributes(
            check_text("content_type", version["content_type"]),
            check_mapping("metadata", version["metadata"]),
            check_mapping("tags", version["tags"]),
            check_text("storage_class", version["storage_class"]),
            None if expires_at is None else check_time("expires_at", datetime.fromisoformat(expires_at)),
        ),
    )


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
