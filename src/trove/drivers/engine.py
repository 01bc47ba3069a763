"""EngineDriver: the embedded store, ``trove:///path``."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Unpack

from trove._engine import lifecycle, multipart, quota, versions
from trove._engine.backup import backup
from trove._engine.batch import Batch
from trove._engine.compact import compact
from trove._engine.engine import Engine
from trove._engine.events import watch
from trove._engine.many import pairs
from trove._engine.repair import repair
from trove._engine.reports import (
    BackupReport,
    CompactReport,
    Progress,
    RepairReport,
    RestoreReport,
    Snapshot,
    Stats,
    VerifyReport,
)
from trove._engine.restore import restore
from trove._engine.settings import folder_and_settings, parameters_maker
from trove._engine.stats import stats
from trove._engine.store import existing
from trove._engine.verify import verify

from ..driver import (
    Data,
    EventType,
    LifecycleDriver,
    LifecycleReport,
    LifecycleRule,
    MultipartDriver,
    NotificationDriver,
    ObjectInfo,
    ObjectReader,
    PartInfo,
    PutOptions,
    Quota,
    QuotaDriver,
    RangeDriver,
    ServerCopyDriver,
    UploadInfo,
    VersionInfo,
    VersioningDriver,
    Watcher,
    check_text,
)
from ..errors import DriverClosedError, UnsupportedOptionError


class EngineDriver(
    Engine,
    RangeDriver,
    ServerCopyDriver,
    MultipartDriver,
    VersioningDriver,
    NotificationDriver,
    LifecycleDriver,
    QuotaDriver,
):
    """A store in a folder: ``trove:///absolute/path`` or ``trove://./relative``, made when it is not there.

    Settings, in the DSN or as options of ``open``:

    - ``durability``: ``full`` (the default) flushes every write to the disk before it returns,
      ``relaxed`` about once a second; either way no write is lost when a process dies;
    - ``verify``: chunks are held against their ids the ``first`` time this process reads them (the
      default), ``always`` or ``never``;
    - ``mode``: ``rw`` (the default), or ``r``, which writes nothing, and where there is no store raises
      NotFoundError;
    - ``compaction``: ``auto`` (the default) gives the space of what was deleted back by itself, ``off``
      leaves that to ``compact``, and to other processes that have the store open without it;
    - ``lifecycle``: ``off`` (the default), or ``auto``, which frees what has expired about once a minute,
      applies the rules of buckets about once an hour, and aborts uploads that are older than ``upload_days``
      days, if that is not 0, the default;
    - for a new store: ``chunk_size``, the average in bytes, and ``hash``, ``xxh3`` or ``blake3``.

    Objects of the class ``COLD`` are stored compressed, which takes Python 3.14 or the extra ``cold``:
    without it they can be neither put nor read (UnsupportedOptionError). Other classes are labels.

    Any number of threads and processes may have a store open at once, and a fork may use it on. Its
    readers have ``view()`` too: the range as read-only memory, without a copy where it is contiguous.
    """

    READ_ONLY: ClassVar[Mapping[str, str]] = {"mode": "r"}
    """The options with which ``open`` changes nothing."""

    @staticmethod
    def check_there(dsn: str) -> None:
        """Raise NotFoundError where ``open`` would make a new store. Raises what ``open`` raises, too."""
        existing(folder_and_settings(dsn, {})[0])

    def open(self, dsn: str, **options: str) -> None:
        super().open(dsn, **options)
        self._opened_as: tuple[str, dict[str, Any]] = dsn, options

    def batch(self) -> Batch:
        """Several puts, copies and deletes in one atomic commit, at the end of a ``with`` block."""
        return Batch(self)

    def put_many(
        self,
        bucket: str,
        items: Mapping[str, Data] | Iterable[tuple[str, Data]],
        **options: Unpack[PutOptions],
    ) -> list[ObjectInfo]:
        """Put all of ``items``, pairs of key and data, in one atomic commit; their infos, in order.

        Raises what ``put`` raises, for the first item that can't be put; nothing is put then.
        """
        self.opened()
        with self.batch() as batch:
            for key, data in pairs(items):
                batch.put(bucket, key, data, **options)
        return [info for info in batch.results if info is not None]

    # Versions.

    def set_versioning(self, bucket: str, enabled: bool) -> None:
        versions.set_versioning(self.opened_to_write(), self.durable, bucket, enabled)

    def get_versioning(self, bucket: str) -> bool:
        return versions.get_versioning(self.opened(), bucket)

    def list_versions(self, bucket: str, key: str) -> builtins.list[VersionInfo]:
        return versions.list_versions(self.opened(), self.durable, bucket, key)

    def get_version(self, bucket: str, key: str, version_id: str) -> ObjectReader:
        self.opened()
        return self.get(bucket, key, version_id=check_text("version_id", version_id, empty=True))

    def delete_version(self, bucket: str, key: str, version_id: str) -> None:
        self.opened()
        self.delete(bucket, key, version_id=check_text("version_id", version_id, empty=True))

    def restore_version(self, bucket: str, key: str, version_id: str) -> ObjectInfo:
        return versions.restore_version(self.opened_to_write(), self.durable, bucket, key, version_id)

    # Multipart uploads.

    def initiate_multipart(self, bucket: str, key: str, **options: Unpack[PutOptions]) -> str:
        return multipart.initiate(self.opened_to_write(), self.durable, bucket, key, options)

    def upload_part(self, bucket: str, key: str, upload_id: str, part_number: int, data: Data) -> PartInfo:
        core = self.opened_to_write()
        return multipart.upload_part(core, self.durable, bucket, key, upload_id, part_number, data)

    def complete_multipart(
        self, bucket: str, key: str, upload_id: str, parts: Iterable[PartInfo]
    ) -> ObjectInfo:
        return multipart.complete(self.opened_to_write(), self.durable, bucket, key, upload_id, parts)

    def abort_multipart(self, bucket: str, key: str, upload_id: str) -> None:
        multipart.abort(self.opened_to_write(), self.durable, bucket, key, upload_id)

    def list_parts(self, bucket: str, key: str, upload_id: str) -> builtins.list[PartInfo]:
        return multipart.list_parts(self.opened(), bucket, key, upload_id)

    def list_multiparts(self, bucket: str) -> builtins.list[UploadInfo]:
        return multipart.list_multiparts(self.opened(), bucket)

    # Watching.

    def watch(
        self,
        bucket: str,
        *,
        prefix: str = "",
        event_types: Iterable[EventType | str] = (),
        since: int | None = None,
    ) -> Watcher:
        return watch(self.opened(), self.session, bucket, prefix, event_types, since)

    # Ageing.

    def set_lifecycle(self, bucket: str, rules: Iterable[LifecycleRule]) -> None:
        lifecycle.set_lifecycle(self.opened_to_write(), self.durable, bucket, rules)

    def get_lifecycle(self, bucket: str) -> builtins.list[LifecycleRule]:
        return lifecycle.get_lifecycle(self.opened(), bucket)

    def apply_lifecycle(self, now: datetime | None = None) -> LifecycleReport:
        """Do what is due at ``now`` in all buckets: see :meth:`trove.LifecycleDriver.apply_lifecycle`.

        It is done in several commits; what was due when it began is done when it returns. Should an object
        not be readable whose class changes, that is raised when all else is done.
        """
        return lifecycle.apply_lifecycle(self.opened_to_write(), self.durable, now)

    # Quotas.

    def set_quota(
        self, bucket: str | None, *, max_bytes: int | None = None, max_objects: int | None = None
    ) -> None:
        """Limit what ``bucket``, or the store, may hold: see :meth:`trove.QuotaDriver.set_quota`.

        What is there is counted when a quota is set where there was none, about a million objects a second,
        and writers wait meanwhile.
        """
        quota.set_quota(self.opened_to_write(), self.durable, bucket, max_bytes, max_objects)

    def get_quota(self, bucket: str | None) -> Quota:
        return quota.get_quota(self.opened(), bucket)

    # Housekeeping.

    def stats(self) -> Stats:
        """What the store holds and the space that it takes."""
        return stats(self.opened())

    def snapshot(self) -> Snapshot:
        """Copy the index as it is now: a rebuild begins with the newest copy, and reads only what came after.

        Snapshots are taken in the background too, when a rebuild would take more than a few seconds; writers
        go on meanwhile. Raises StorageFullError when there is no room for it.
        """
        core = self.opened()
        if core.readonly:
            raise UnsupportedOptionError(
                "the store was opened with mode=r, which writes nothing; open it with mode=rw for a snapshot"
            )
        return core.snapshot()

    def compact(self, *, progress: Progress | None = None) -> CompactReport:
        """Give back the space of what was deleted and overwritten, until nothing is left to gain.

        What lives in packs with much that does not is copied to others, and they are removed. Readers and
        writers go on, here and in other processes; it is done a few megabytes at a time, and can be stopped
        anywhere. It needs room for what it copies and for two copies of the index. A pack that another
        process appends to is left to a later run. ``progress(done, total)`` is called in bytes of work.
        """
        return compact(self.opened_to_write(), progress)

    def backup(self, target: str | os.PathLike[str], *, progress: Progress | None = None) -> BackupReport:
        """Copy the store as it is at one commit to the folder ``target``, made when it is not there.

        What was acknowledged before is in it. Readers and writers go on, here and in other processes; only
        compaction waits. Where ``target`` has an earlier backup of this store, what is new is copied, and the
        earlier one can be restored until all of that is there. ``progress(done, total)`` is called in bytes
        of work.

        Raises InvalidArgumentError when ``target`` holds something else, or is in the store, or another
        backup is being made there.
        """
        return backup(self.opened(), target, progress)

    def restore(
        self, source: str | os.PathLike[str], dsn: str, *, progress: Progress | None = None
    ) -> RestoreReport:
        """Make the store ``dsn`` from the backup in the folder ``source``, and verify it.

        It is for a driver that is not open, and leaves it so. There may be no store yet, only an empty
        folder, and there is none when this fails. ``progress(done, total)`` is called in bytes of work.

        Raises NotFoundError where there is no backup, CorruptStoreError where a file of it is damaged or
        missing, or the store was so damaged that it would not open; what else was wrong with it the report
        says.
        """
        path, settings = _to_write(dsn, {}, "restore")
        for name in ("chunk_size", "hash"):
            if name in settings:
                raise UnsupportedOptionError(
                    f"a restored store has the {name} of the one that was backed up; leave the setting out"
                )
        self._require_closed("restore")
        return restore(source, path, progress)

    def verify(self, *, progress: Progress | None = None) -> VerifyReport:
        """Whether the store is whole, down to the last byte that something refers to.

        Every row of the index, every reference and count, the index against the log, every chunk's bytes
        against its id, the snapshots and the STORE file. Writers go on meanwhile: what is looked at is the
        store as it was at one commit. It takes the space of two indexes in the folder for temporary files,
        and nothing of the store is changed. ``progress(done, total)`` is called in bytes of work.
        """
        return verify(self.opened(), progress)

    def repair(self, dsn: str | None = None, *, progress: Progress | None = None) -> RepairReport:
        """Make the store usable again, and say what could not be saved.

        With ``dsn``, on a driver that is not open: for a store that ``open`` refuses. Without one, the store
        is closed for it and opened again. Nobody else may have it open. The index is made anew from the
        log; objects whose data is damaged leave their bucket, and whatever was damaged is kept in the
        store's folder ``quarantine``. ``progress(done, total)`` is called in bytes of work.

        Raises CorruptStoreError when nothing can be repaired: a store that a newer Trove made, or one of
        which no file says any more which it was. Where there is no store it raises NotFoundError, for a
        folder of other things, or a file, InvalidDSNError; nothing is changed then.
        """
        if dsn is None:
            self.opened()
            dsn, options = self._opened_as
            path, settings = _to_write(dsn, options, "repair")
            self.close()
            try:
                return repair(path, parameters_maker(settings), progress)
            finally:
                self.open(dsn, **options)
        path, settings = _to_write(dsn, {}, "repair")
        self._require_closed("repair", ", or leave dsn out")
        return repair(path, parameters_maker(settings), progress)

    def _require_closed(self, call: str, otherwise: str = "") -> None:
        try:
            self.opened()
        except DriverClosedError:
            return
        raise UnsupportedOptionError(
            f"{call} with a DSN is for a driver that is not open; close() it first{otherwise}"
        )


def _to_write(dsn: str, options: dict[str, Any], call: str) -> tuple[str, dict[str, str]]:
    """The folder of the store and its settings, which must allow a call that writes."""
    path, settings = folder_and_settings(dsn, options)
    if settings.get("mode") == "r":
        raise UnsupportedOptionError(f"mode=r writes nothing; {call} the store without it")
    return path, settings
