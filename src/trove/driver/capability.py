"""Capabilities: what some drivers can do beyond :class:`Driver`, each a class that extends it.

Ask with ``isinstance(drv, VersioningDriver)``, or :func:`capabilities` for their names.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Self, Unpack

from ..errors import InvalidArgumentError, shown
from .base import Driver
from .data import Data
from .options import PutOptions
from .reader import ObjectReader
from .types import (
    EventType,
    LifecycleReport,
    LifecycleRule,
    ObjectEvent,
    ObjectInfo,
    ObjectRef,
    PartInfo,
    Quota,
    UploadInfo,
    VersionInfo,
)


class MultipartDriver(Driver):
    """Uploads in parts, which become one object when they are completed.

    Parts may come in any order and from any thread; a part that is sent again replaces the one before.
    An unknown, completed or aborted upload is UploadNotFoundError in every call.
    """

    @abstractmethod
    def initiate_multipart(self, bucket: str, key: str, **options: Unpack[PutOptions]) -> str:
        """Begin an upload with the options of ``put``; its upload id.

        ``if_match`` and ``if_none_match`` are checked at completion.
        """

    @abstractmethod
    def upload_part(self, bucket: str, key: str, upload_id: str, part_number: int, data: Data) -> PartInfo:
        """Send one part. Raises InvalidPartError for a number outside 1 to 10,000."""

    @abstractmethod
    def complete_multipart(
        self, bucket: str, key: str, upload_id: str, parts: Iterable[PartInfo]
    ) -> ObjectInfo:
        """Make the object out of ``parts``, numbers ascending, gaps allowed, in one atomic step.

        Raises InvalidPartError when there are none, or one is out of order, missing or of another etag,
        and PreconditionFailedError; the upload stays open then. The etag may differ from that of a
        ``put`` of the same bytes.
        """

    @abstractmethod
    def abort_multipart(self, bucket: str, key: str, upload_id: str) -> None:
        """Give up an upload and its parts."""

    @abstractmethod
    def list_parts(self, bucket: str, key: str, upload_id: str) -> builtins.list[PartInfo]:
        """The parts sent so far, by number."""

    @abstractmethod
    def list_multiparts(self, bucket: str) -> builtins.list[UploadInfo]:
        """The open uploads of a bucket, by key and then by time."""


class RangeDriver(Driver):
    """Reads of a range that cost the range and not the object."""

    @abstractmethod
    def get_range(self, bucket: str, key: str, offset: int, length: int) -> ObjectReader:
        """A reader of ``length`` bytes from ``offset`` on; ``length=-1`` is to the end.

        Raises what ``get`` raises.
        """


class ServerCopyDriver(Driver):
    """Copies that don't pass through the caller."""

    @abstractmethod
    def server_copy(self, src: ObjectRef, dst: ObjectRef) -> ObjectInfo:
        """Copy ``src`` to ``dst`` as ``copy`` does; the new object's info."""


class VersioningDriver(Driver):
    """Old versions, kept per bucket.

    While versioning is on, every write makes a new version and a deletion puts a delete marker. Version
    ids sort in the order of their making. What was written while versioning was off has the id ``""``:
    there is at most one such version, and the next write with versioning off replaces it. An unknown id
    is VersionNotFoundError; reading a delete marker is ObjectNotFoundError.
    """

    @abstractmethod
    def set_versioning(self, bucket: str, enabled: bool) -> None:
        """Switch versioning on, or off again: old versions stay."""

    @abstractmethod
    def get_versioning(self, bucket: str) -> bool:
        """Whether versioning is on."""

    @abstractmethod
    def list_versions(self, bucket: str, key: str) -> builtins.list[VersionInfo]:
        """All versions and delete markers of one key, newest first; none for an unknown key."""

    @abstractmethod
    def get_version(self, bucket: str, key: str, version_id: str) -> ObjectReader:
        """A reader of one version."""

    @abstractmethod
    def delete_version(self, bucket: str, key: str, version_id: str) -> None:
        """Delete one version or delete marker for good; without the newest, the one before is current."""

    @abstractmethod
    def restore_version(self, bucket: str, key: str, version_id: str) -> ObjectInfo:
        """Make a new version with the content, etag and attributes of an old one; its info."""


class Watcher(ABC):
    """The events of a bucket as they come: an iterator and a context manager.

    Iterating waits for the next event, and ends when the watcher or its driver is closed.
    """

    @abstractmethod
    def get(self, timeout: float | None = None) -> ObjectEvent | None:
        """The next event, waiting at most ``timeout`` seconds, without end if it is ``None``.

        ``None`` when the time is over or the watcher is closed. Raises EventsLostError when events were
        dropped before this watcher came to them.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop watching; closing twice is no error."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ObjectEvent:
        event = self.get()
        if event is None:
            raise StopIteration
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class NotificationDriver(Driver):
    """Events for what changes in a bucket."""

    @abstractmethod
    def watch(
        self,
        bucket: str,
        *,
        prefix: str = "",
        event_types: Iterable[EventType | str] = (),
        since: int | None = None,
    ) -> Watcher:
        """Watch the changes after this call, or after the event with the sequence ``since``.

        Each change of a key under ``prefix`` gives one event, in the order of the changes, if its type
        is among ``event_types`` (none given: all). Puts, copies, completions, restores, deletions and
        lifecycle steps count; deleting what is not there doesn't. Raises BucketNotFoundError and, when
        events after ``since`` are no longer kept, EventsLostError.
        """


class LifecycleDriver(Driver):
    """Rules by which objects expire or change their storage class as they age."""

    @abstractmethod
    def set_lifecycle(self, bucket: str, rules: Iterable[LifecycleRule]) -> None:
        """Replace the bucket's rules; none at all removes them. They take effect in ``apply_lifecycle``.

        Raises InvalidArgumentError for rules that contradict themselves or each other.
        """

    @abstractmethod
    def get_lifecycle(self, bucket: str) -> builtins.list[LifecycleRule]:
        """The bucket's rules, as they were set."""

    @abstractmethod
    def apply_lifecycle(self, now: datetime | None = None) -> LifecycleReport:
        """Do what is due at ``now`` (timezone-aware; the present if it is ``None``) in all buckets.

        A step is due when an object's age reaches the rule's days, of 24 hours each. Objects whose
        ``expires_at`` is over are removed too.
        """


class QuotaDriver(Driver):
    """Limits on what a bucket, or the whole store, holds.

    What counts is what is kept, whatever storage it shares: the sizes of all objects, of all old versions,
    and of the parts of open uploads; as objects count current objects and old versions, not delete markers
    and not parts. An object whose ``expires_at`` is over counts until it is removed.
    """

    @abstractmethod
    def set_quota(
        self, bucket: str | None, *, max_bytes: int | None = None, max_objects: int | None = None
    ) -> None:
        """Limit what ``bucket`` may hold, or with ``None`` what all buckets together may.

        Both limits are replaced; ``None`` is no limit. From then on whatever would exceed a limit
        raises QuotaExceededError and changes nothing, exactly at the limit, whoever else writes. Limits
        below what is there are allowed: nothing may grow then until enough is deleted. A bucket's quota
        goes with it. Raises InvalidArgumentError for limits that are no whole numbers from 0 on.
        """

    @abstractmethod
    def get_quota(self, bucket: str | None) -> Quota:
        """The limits of ``bucket``, or with ``None`` of the store, as they were set."""


class PresignDriver(Driver):
    """URLs that let others read or write one object for a while."""

    @abstractmethod
    def presign_get(self, bucket: str, key: str, expires: timedelta) -> str:
        """A URL from which the object can be read until ``expires`` is over."""

    @abstractmethod
    def presign_put(self, bucket: str, key: str, expires: timedelta) -> str:
        """A URL to which the object can be written until ``expires`` is over."""


_CAPABILITIES = (
    LifecycleDriver,
    MultipartDriver,
    NotificationDriver,
    PresignDriver,
    QuotaDriver,
    RangeDriver,
    ServerCopyDriver,
    VersioningDriver,
)


def capabilities(drv: Driver) -> frozenset[str]:
    """The names of the capability classes that ``drv`` has. Raises InvalidArgumentError for no driver."""
    if not isinstance(drv, Driver):
        raise InvalidArgumentError(f"{shown(drv)} is not a Driver; open one with trove.open(dsn)")
    return frozenset(each.__name__ for each in _CAPABILITIES if isinstance(drv, each))
