"""Backup: a copy of a live store in a folder; the next one there copies only what is new.

The log is what is copied, and the snapshots of the index that are there: a store is made from these. In the
order that makes it consistent, whoever writes meanwhile:

1. No pack is compacted away until the end: the lock of their folder is held, shared.
2. The snapshots are copied, then it is noted which commit the index is at.
3. Each pack is copied as it is then, up to its length. What that commit and those before it need was appended
   before; what was appended later is cut off by whoever restores it.
4. When all of it is on disk, the manifest takes the place of the earlier one; then what only that one named
   goes.
"""

from __future__ import annotations

import contextlib
import os
import time

from xxhash import xxh3_128_hexdigest

from trove.errors import InvalidArgumentError, StorageIOError, TroveError, UnsupportedOptionError

from . import snapshots
from .backup_folder import BLOCK, FOLDERS, BackupFolder, File, Manifest, block_name, block_names
from .core import Core
from .folder_lock import FolderLock
from .index import cut_of, head
from .pack import sync_folder
from .reports import BackupReport, Progress
from .store import make_folder
from .verify import Meter

# Nanoseconds. What was changed so shortly before it was looked at may change again and keep its time.
_YOUNG = 2_000_000_000


def backup(core: Core, target: str | os.PathLike[str], progress: Progress | None = None) -> BackupReport:
    """See the driver's ``backup``."""
    path = os.path.realpath(target)
    _check_apart(path, os.path.realpath(core.path))
    try:
        make_folder(path)
        with FolderLock(path, wait=False) as alone:
            if not alone:
                raise InvalidArgumentError(
                    f"somebody is at the backup in {path}; try again when that is done"
                )
            return _brought_up_to_date(core, BackupFolder(path), progress)
    except OSError as error:
        if isinstance(error, TroveError):
            raise
        raise StorageIOError.of(error, f"backing up the store in {core.path} to {path}") from error


def _check_apart(path: str, store: str) -> None:
    if os.path.commonpath([path, store]) in (path, store):
        raise InvalidArgumentError(
            f"the backup in {path} and the store in {store} would stand in one another; name another folder"
        )
    if os.path.exists(path) and not os.path.isdir(path):
        raise InvalidArgumentError(f"{path} is a file; a backup is a folder: name one, or a new one")


def _brought_up_to_date(core: Core, folder: BackupFolder, progress: Progress | None) -> BackupReport:
    before = folder.begun(core.parameters)
    folder.sweep(before)  # of what a dead one left nobody knows whether it is on disk
    try:
        with FolderLock(core.packs.folder, shared=True):
            copying = Copying(core, folder, before, progress)
            manifest = copying.run()
        folder.write(manifest)
    except BaseException:
        with contextlib.suppress(OSError, TroveError):
            # If it is the new one already, and perhaps not on disk, both need all that they name.
            if folder.manifest() == before:
                folder.sweep(before)
        raise
    folder.sweep(manifest)
    return BackupReport(manifest.sequence, manifest.size, copying.copied)


class Copying:
    """The copying of one store; ``copied`` counts the bytes that had to be written."""

    def __init__(self, core: Core, folder: BackupFolder, before: Manifest, progress: Progress | None) -> None:
        self._core = core
        self._folder = folder
        self._before = {file.name: file for file in before.files}
        self._progress = progress
        self.copied = 0

    def run(self) -> Manifest:
        """Copy all that is new; what there is now."""
        self._meter = Meter(self._progress, self._size())
        for name in FOLDERS:
            os.makedirs(os.path.join(self._folder.path, name), 0o700, exist_ok=True)
        files = self._snapshots()
        sequence = head(self._core.index)
        for number in self._core.packs.numbers():
            path = self._core.packs.path(number)
            files.append(self._file(f"packs/{os.path.basename(path)}", path))
        for name in (*FOLDERS, ""):
            sync_folder(os.path.join(self._folder.path, name))
        self._meter.finish()
        return Manifest(self._core.parameters, True, sequence, tuple(files))

    def _size(self) -> int:
        packs = self._core.packs
        return sum(os.path.getsize(packs.path(number)) for number in packs.numbers())

    def _snapshots(self) -> list[File]:
        """Copy the snapshots: an index is made from the newest; where the log was cut, it must be."""
        core = self._core
        cut = cut_of(core.index)
        for attempt in range(2):
            # None is dropped meanwhile.
            with FolderLock(os.path.join(core.path, "snapshots"), shared=True):
                there = snapshots.found(core.path)
                usable = [path for path in there if snapshots.usable(path, core.packs.store_id)]
                if not cut or any(int(path.stem) >= cut for path in usable):
                    return [self._file(f"snapshots/{path.name}", str(path)) for path in usable]
            if attempt == 0 and not core.readonly:
                core.snapshot()
        raise UnsupportedOptionError(
            f"the log begins after commit {cut} and no snapshot is whole, which mode=r can't change; take "
            "one with `trove snapshot`, or open the store with mode=rw"
        )

    def _file(self, name: str, path: str) -> File:
        """Copy the blocks of a file that are new."""
        before = self._before.get(name)
        there = self._folder.blocks(name)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = os.fstat(fd)
            seen = (found.st_ino, found.st_ctime_ns)
            if before is not None and (before.length, before.seen) == (found.st_size, seen):
                missing = set(block_names(before.blocks)) - there
                if not missing:
                    self._meter.move(before.length)
                    return before
            if time.time_ns() - found.st_ctime_ns < _YOUNG:
                seen = (0, 0)
            blocks, length = self._blocks(name, fd, found.st_size, there)
        finally:
            os.close(fd)
        return File(name, length, blocks, seen)

    def _blocks(self, name: str, fd: int, size: int, there: set[str]) -> tuple[tuple[str, ...], int]:
        """Copy those that are not ``there``; what they are, and the length of the file.

        It may be shorter than it was: who closes a pack cuts off the space behind its end.
        """
        os.makedirs(os.path.join(self._folder.path, name), 0o700, exist_ok=True)
        blocks: list[str] = []
        length = 0
        while length < size and (data := _read(fd, min(BLOCK, size - length), length)):
            digest = xxh3_128_hexdigest(data)
            block = block_name(len(blocks), digest)
            if block not in there:
                self._folder.add(f"{name}/{block}", data)
                self.copied += len(data)
            blocks.append(digest)
            length += len(data)
            self._meter.move(len(data))
            if len(data) < BLOCK:
                break
        sync_folder(os.path.join(self._folder.path, name))
        return tuple(blocks), length


def _read(fd: int, length: int, offset: int) -> bytes:
    """Those bytes of a file, fewer only where it ends."""
    data = os.pread(fd, length, offset)
    while len(data) < length and (more := os.pread(fd, length - len(data), offset + len(data))):
        data += more
    return data
