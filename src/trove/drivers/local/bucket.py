"""The objects of one bucket: finding, replacing and removing them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from ...driver import (
    Attributes,
    BucketNotFoundError,
    Conditions,
    CorruptStoreError,
    ObjectInfo,
    StorageIOError,
    guess_content_type,
)
from ...driver.options import UNCONDITIONAL
from ...errors import shown
from .datafile import DataFile
from .folder import Folder
from .locks import locked
from .names import CONTINUED, DISPLACED, is_hashed, key_path
from .sidecar import Entry, Sidecars
from .staging import Staged, Staging

_REPLACED_ATTEMPTS = 1000
_CHANGING_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Layout:
    """The open folders of a store, and whether writes are flushed to the medium."""

    root: Folder
    meta: Folder
    locks: Folder
    records: Folder
    staging: Staging
    durable: bool


class Found(NamedTuple):
    """One version of an object, its data file open."""

    entry: Entry
    file: DataFile

    def live(self) -> bool:
        return not self.entry.attributes.expired(datetime.now(UTC))


class Bucket:
    """The objects of one bucket. Raises ``OSError`` for failures of the medium."""

    def __init__(self, layout: Layout, name: str, folder_name: bytes) -> None:
        self.name = name
        self.folder_name = folder_name
        self.sidecars = Sidecars(layout.meta, folder_name, name)
        self._layout = layout
        self._staging = layout.staging
        self._durable = layout.durable

    def folder(self) -> Folder:
        """The bucket's folder, open. Raises BucketNotFoundError."""
        folder = self._layout.root.folder(self.folder_name)
        if folder is None:
            raise BucketNotFoundError.of(self.name)
        if is_hashed(self.folder_name) and self._layout.records.stat(self.folder_name) is None:
            folder.close()
            raise BucketNotFoundError.of(self.name)
        return folder

    def exists(self) -> bool:
        """Whether the bucket is there."""
        try:
            self.folder().close()
        except BucketNotFoundError:
            return False
        return True

    @contextmanager
    def writing(self) -> Iterator[Folder]:
        """The bucket's folder, for the only writer in it. Raises BucketNotFoundError."""
        self.folder().close()  # a bucket that is not there gets no lock file either
        with locked(self._layout.locks, self.folder_name), self.folder() as folder:
            yield folder

    # Reading.

    def find(self, folder: Folder, key: str) -> Found | None:
        """The object, expired or not, ``None`` when it is missing; the caller closes its file."""
        names = key_path(key)
        for _ in range(_REPLACED_ATTEMPTS):
            file = self._open(folder, names, key)
            if file is None:
                return None
            try:
                entry = self._entry(folder, names, key, file)
            except BaseException:
                file.close()
                raise
            if entry is not None:
                return Found(entry, file)
            file.close()
        raise self._changing(key)

    def info(self, folder: Folder, key: str) -> ObjectInfo | None:
        """The info of a live object, ``None`` when there is none."""
        found = self.find(folder, key)
        if found is None:
            return None
        found.file.close()
        return found.entry.info(key) if found.live() else None

    def holds(self, folder: Folder, key: str) -> bool:
        """Whether the object is there and has not expired, without reading it. For the writer."""
        status = self._status(folder, key_path(key))
        if status is None:
            return False
        now = datetime.now(UTC)
        return not any(entry.attributes.expired(now) for entry in self._entries_of(key, status))

    def _open(self, folder: Folder, names: Sequence[bytes], key: str) -> DataFile | None:
        parent = folder.descend(names[:-1])
        if parent is None:
            return None
        with parent:
            # In this order: a file moves from its own name to the displaced one, never back.
            for name in (names[-1], names[-1] + DISPLACED):
                fd = parent.open_file(name)
                if fd is not None:
                    return DataFile(fd, f"object {shown(key)} of bucket {shown(self.name)}")
        return None

    def _status(self, folder: Folder, names: Sequence[bytes]) -> os.stat_result | None:
        """What the file of a key is; ``None`` when there is none."""
        parent = folder.descend(names[:-1])
        if parent is None:
            return None
        with parent:
            for name in (names[-1], names[-1] + DISPLACED):
                status = parent.stat(name)
                if _is_file(status):
                    return status
        return None

    def _entry(self, folder: Folder, names: Sequence[bytes], key: str, file: DataFile) -> Entry | None:
        """What belongs to ``file``; ``None`` when the object was replaced meanwhile."""
        status = file.status()
        for entry in self.sidecars.read(key):
            if entry.describes(status):
                return entry
        # Either two writers went by, or another program wrote the file.
        now = self._status(folder, names)
        if now is None or not (os.path.samestat(now, status) and now.st_mtime_ns == status.st_mtime_ns):
            return None
        for _ in range(_CHANGING_ATTEMPTS):
            etag = file.etag()
            before, status = status, file.status()
            if (before.st_size, before.st_mtime_ns) == (status.st_size, status.st_mtime_ns):
                attributes = Attributes(guess_content_type(key))
                return Entry(status.st_size, status.st_mtime_ns, etag, attributes)
        raise self._changing(key)

    def _changing(self, key: str) -> StorageIOError:
        return StorageIOError(
            f"object {shown(key)} in bucket {shown(self.name)} changes faster than it can be read; try "
            "again when the program that writes it has finished",
            bucket=self.name,
            key=key,
        )

    def _entries_of(self, key: str, status: os.stat_result) -> list[Entry]:
        """The entries of the file that is there; none when its sidecar is damaged and to be replaced."""
        try:
            return [entry for entry in self.sidecars.read(key) if entry.describes(status)]
        except CorruptStoreError:
            return []

    # Writing.

    def replace(
        self,
        key: str,
        staged: Staged,
        etag: str,
        attributes: Attributes,
        conditions: Conditions = UNCONDITIONAL,
    ) -> ObjectInfo:
        """Make the staged file the object ``key``; its info. Raises PreconditionFailedError."""
        names = key_path(key)
        with self.writing() as folder:
            if conditions is not UNCONDITIONAL:
                current = self.info(folder, key)
                conditions.check(self.name, key, current.etag if current else None)
            status = self._status(folder, names)
            kept = self._entries_of(key, status) if status else []
            if status is not None and staged.mtime_ns <= status.st_mtime_ns:
                staged.stamp(after=status.st_mtime_ns)
                if self._durable:
                    staged.sync()
            entry = Entry(staged.size, staged.mtime_ns, etag, attributes)
            try:
                self._commit(folder, names, key, staged, [entry, *kept[:1]])
            except BaseException:
                with suppress(OSError):
                    self._clear_up(folder, names, key)
                raise
        return entry.info(key)

    def _commit(
        self, folder: Folder, names: Sequence[bytes], key: str, staged: Staged, entries: Sequence[Entry]
    ) -> None:
        with self._make_folders(folder, names[:-1]) as parent:
            name = self._place(parent, names[-1], key)
            # The entry first: a reader who meets the new file finds what belongs to it, and
            # the old file, until the move, still finds its own.
            self.sidecars.write(key, entries, self._staging, durable=self._durable)
            if self._durable:
                self._move_durably(staged, parent, name)
            else:
                staged.place(parent, name)

    def _move_durably(self, staged: Staged, parent: Folder, name: bytes) -> None:
        """Move the file to its place for good; when the flush fails, the old file is put back."""
        replaces = parent.stat(name) is not None
        before = self._staging.second_name(parent, name) if replaces else None
        try:
            staged.place(parent, name)
            try:
                parent.sync()
            except OSError:
                with suppress(OSError):
                    if before is not None:
                        before.place(parent, name)
                    elif not replaces:
                        parent.remove_file(name)
                raise
        finally:
            if before is not None:
                before.close()

    def _make_folders(self, folder: Folder, names: Sequence[bytes]) -> Folder:
        """The folder at the end of ``names``, made with those on the way."""
        current = folder.again()
        for name in names:
            with current:
                try:
                    below = current.make(name, durable=self._durable)
                except OSError as error:
                    if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                        raise
                    self._displace(current, name)
                    below = current.make(name, durable=self._durable)
            current = below
        return current

    def _displace(self, folder: Folder, name: bytes) -> None:
        """Make way for a folder where the file of another key stands."""
        status = folder.stat(name)
        if status is None:
            return
        if not _is_file(status) or name.endswith(CONTINUED):
            raise self._in_the_way(name, status)
        folder.rename(name, folder, name + DISPLACED)

    def _place(self, parent: Folder, name: bytes, key: str) -> bytes:
        """The name for a key's file: where it stands already, else its own unless that is taken."""
        own, displaced = parent.stat(name), parent.stat(name + DISPLACED)
        if _is_file(own):
            return name
        if _is_file(displaced):
            return name + DISPLACED
        if own is None:
            return name
        if displaced is None:
            return name + DISPLACED
        raise self._in_the_way(name + DISPLACED, displaced, key)

    def _in_the_way(self, name: bytes, status: os.stat_result, key: str | None = None) -> StorageIOError:
        what = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "something that is no object's file"
        error = StorageIOError(
            f"{what} has the name {shown(name.decode(errors='replace'))} in bucket {shown(self.name)}, where "
            "an object's file or folder belongs; no link is followed: move it away",
            bucket=self.name,
            key=key,
        )
        error.errno = errno.ENOTDIR
        return error

    # Removing.

    def remove(self, folder: Folder, key: str) -> None:
        """Remove the object, if it is there. For the writer."""
        names = key_path(key)
        parent = folder.descend(names[:-1])
        if parent is not None:
            with parent:
                # The displaced file first: alone it would be the object again.
                gone = [
                    parent.remove_file(name)
                    for name in (names[-1] + DISPLACED, names[-1])
                    if _is_file(parent.stat(name))
                ]
                if any(gone) and self._durable:
                    # Before its sidecar goes: the file must not come back without its expiry.
                    parent.sync()
        self._clear_up(folder, names, key)

    def _clear_up(self, folder: Folder, names: Sequence[bytes], key: str) -> None:
        """Remove what a missing object left: its sidecar, and the folders that are empty now."""
        if self._status(folder, names) is not None:
            return
        self.sidecars.remove(key)
        for depth in range(len(names) - 1, 0, -1):
            parent = folder.descend(names[: depth - 1])
            if parent is not None:
                with parent:
                    if not parent.remove_folder(names[depth - 1]):
                        return

    def remove_empty_folders(self, folder: Folder) -> None:
        """Remove the folders in the bucket that hold nothing. For the writer."""
        paths: list[tuple[bytes, ...]] = [()]
        for path in paths:
            inside = folder.descend(path)
            if inside is not None:
                with inside:
                    paths.extend((*path, name) for name, is_folder, _ in inside.entries() if is_folder)
        for path in reversed(paths[1:]):
            parent = folder.descend(path[:-1])
            if parent is not None:
                with parent:
                    parent.remove_folder(path[-1])


def _is_file(status: os.stat_result | None) -> bool:
    return status is not None and stat.S_ISREG(status.st_mode)
