"""A store: a root folder, the buckets in it, and the driver's own folder."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ...driver import BucketInfo, check_bucket, check_time
from ...errors import (
    BucketExistsError,
    BucketNotEmptyError,
    CorruptStoreError,
    InvalidDSNError,
    StorageIOError,
    shown,
)
from .bucket import Bucket, Layout
from .folder import Folder, medium
from .locks import locked
from .names import OWN_FOLDER, bucket_folder, is_hashed, plain_bucket
from .sidecar import instant, sealed, unsealed
from .staging import Staging
from .walk import Walk

_FORMAT_FILE = b"format"
_FORMAT = b"trove local store 1\n"
_RECORD_BYTES = 1 << 16
# One letter in two cases, and one in its composed and decomposed form (Unicode normal forms C and D).
_ALIKE = (("A", "a"), ("\u00e9", "e\u0301"))


class Store:
    """The store at ``path``, made if it is missing; ``durable`` flushes every write to the medium."""

    def __init__(self, path: str, *, durable: bool) -> None:
        self._path = path
        if os.path.isfile(os.path.join(path, "STORE")) and os.path.isdir(os.path.join(path, "packs")):
            raise InvalidDSNError(
                f"{shown(path)} is a store of the engine, and its files no objects; open it as trove://, or "
                "give another folder"
            )
        with medium(f"opening the store at {shown(path)}"):
            _make_root(path, durable=durable)
            root = Folder.at(path)
            own = root.make(OWN_FOLDER, durable=durable)
            tmp, meta, locks, records = (
                own.make(name, durable=durable) for name in (b"tmp", b"meta", b"locks", b"buckets")
            )
            self._layout = Layout(root, meta, locks, records, Staging(tmp), durable)
            self._check_format(own, tmp)
            # On a medium that can't be written it may still be read.
            with suppress(OSError):
                self._layout.staging.remove_left_over()

    @property
    def staging(self) -> Staging:
        return self._layout.staging

    @property
    def durable(self) -> bool:
        return self._layout.durable

    def ping(self) -> None:
        """Raise ``OSError`` when the store can't be reached, or is not the one that was opened."""
        if not os.path.samestat(os.stat(self._path), self._layout.root.status()):
            raise StorageIOError(
                f"{shown(self._path)} is another folder now; close the driver and open it again"
            )
        list(self._layout.records.entries())

    def _check_format(self, own: Folder, tmp: Folder) -> None:
        found = _read(own, _FORMAT_FILE)
        if found == _FORMAT:
            return
        if found is not None:
            raise CorruptStoreError(
                f"{shown(self._path)} holds a store of a format that this version does not know, or its file "
                ".trove/format is damaged; open it with the version of Trove that made it"
            )
        _check_names(tmp, self._path)
        self.staging.put(own, _FORMAT_FILE, _FORMAT, durable=self.durable)

    # Buckets.

    def bucket(self, name: str) -> Bucket:
        """The bucket ``name``, whether or not it exists."""
        return Bucket(self._layout, name, bucket_folder(name))

    def create_bucket(self, name: str) -> None:
        """Create an empty bucket. Raises BucketExistsError."""
        bucket = self.bucket(name)
        folder_name, root = bucket.folder_name, self._layout.root
        with locked(self._layout.locks, folder_name):
            if bucket.exists():
                raise BucketExistsError.of(name)
            there = root.stat(folder_name)
            if there is not None and not stat.S_ISDIR(there.st_mode):
                raise StorageIOError(
                    f"something that is no folder has the name of bucket {shown(name)} in "
                    f"{shown(self._path)}; move it away",
                    bucket=name,
                )
            # What a bucket of that name left, when another program removed its folder.
            bucket.sidecars.remove_all()
            now = datetime.now(UTC).isoformat()
            record = sealed({"name": name, "created_at": now})
            self.staging.put(self._layout.records, folder_name, record, durable=self.durable)
            root.make(folder_name, durable=self.durable).close()

    def delete_bucket(self, name: str) -> None:
        """Delete a bucket without live objects. Raises BucketNotFoundError and BucketNotEmptyError."""
        bucket = self.bucket(name)
        with bucket.writing() as folder:
            if any(bucket.holds(folder, key) for key in Walk(folder, "").keys_from("")):
                raise BucketNotEmptyError.of(name)
            for key in Walk(folder, "").keys_from(""):
                bucket.remove(folder, key)
            bucket.remove_empty_folders(folder)
            if not self._layout.root.remove_folder(bucket.folder_name):
                raise BucketNotEmptyError(
                    f"bucket {shown(name)} holds files that are no objects, such as symbolic links; look "
                    "into its folder and remove them before the bucket",
                    bucket=name,
                )
            if self.durable:
                self._layout.root.sync()
            bucket.sidecars.remove_all()
            self._layout.records.remove_file(bucket.folder_name)
            # Last: whoever waits for the lock sees that its file is gone, and takes the new one.
            self._layout.locks.remove_file(bucket.folder_name)

    def list_buckets(self) -> list[BucketInfo]:
        """All buckets, by name. Raises CorruptStoreError."""
        buckets = []
        for folder_name, is_folder, _ in self._layout.root.entries():
            status = self._layout.root.stat(folder_name) if is_folder else None
            if status is None:
                continue
            name = plain_bucket(folder_name)
            record = self._record(folder_name) if name is not None or is_hashed(folder_name) else None
            if record is not None:
                buckets.append(record)
            elif name is not None:
                buckets.append(BucketInfo(name, instant(status.st_mtime_ns)))
        return sorted(buckets, key=lambda bucket: bucket.name)

    def _record(self, folder_name: bytes) -> BucketInfo | None:
        """What was noted of a bucket at its creation; ``None`` for a folder that another program made."""
        raw = _read(self._layout.records, folder_name)
        if raw is None:
            return None
        try:
            record: dict[str, Any] = unsealed(raw)
            name = check_bucket(record["name"])
            if bucket_folder(name) != folder_name:
                raise ValueError("the record of another bucket")
            created_at = check_time("created_at", datetime.fromisoformat(record["created_at"]))
        except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
            raise CorruptStoreError(
                f"the record .trove/buckets/{folder_name.decode(errors='replace')} of a bucket in "
                f"{shown(self._path)} is damaged ({type(error).__name__}); restore it, or remove "
                "it: a bucket with an ordinary name is dated by its folder then"
            ) from error
        return BucketInfo(name, created_at)


def _read(folder: Folder, name: bytes) -> bytes | None:
    """The bytes of a small file, ``None`` when it is missing."""
    fd = folder.open_file(name)
    if fd is None:
        return None
    try:
        return os.read(fd, _RECORD_BYTES)
    finally:
        os.close(fd)


def _make_root(path: str, *, durable: bool) -> None:
    """Make the folder ``path`` and those above it that are missing."""
    above, name = os.path.split(path)
    if not os.path.isdir(path):
        _make_root(above, durable=durable)
        with Folder.at(above) as parent:
            parent.make(os.fsencode(name), durable=durable).close()
    elif durable and name:
        # A folder that may not be read was not made by this user.
        with suppress(PermissionError), Folder.at(above) as parent, Folder.at(path) as folder:
            parent.settle(folder)


def _check_names(folder: Folder, path: str) -> None:
    """Raise StorageIOError where the file system takes two different names for one."""
    mark = secrets.token_hex(16)
    for one, other in _ALIKE:
        name, alike = f"{mark}{one}".encode(), f"{mark}{other}".encode()
        os.close(folder.create_file(name))
        try:
            same = folder.stat(alike) is not None
        finally:
            folder.remove_file(name)
        if same:
            error = StorageIOError(
                f"the file system of {shown(path)} takes {one!r} and {other!r} in names for the same, so "
                "two keys would share a file; put the store on a file system that tells them apart"
            )
            error.errno = errno.ENOTSUP
            raise error
