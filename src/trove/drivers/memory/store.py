"""Store: the buckets, events and rules of writing that the memory driver's calls share."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from weakref import WeakSet

from ...driver import Attributes, Conditions, Handles, ObjectInfo, Quota
from ...errors import (
    BucketNotFoundError,
    DriverClosedError,
    ObjectNotFoundError,
    QuotaExceededError,
    VersionNotFoundError,
)
from .bucket import Bucket, Version
from .events import EventLog


class Store:
    """What an open driver holds. ``lock`` is held around every call of a method."""

    def __init__(self, driver: str, retained_events: int) -> None:
        # One that a signal handler may take again, for it may fork.
        self.lock = threading.RLock()
        self.buckets: dict[str, Bucket] = {}
        self.events = EventLog(self.lock, retained_events)
        self.handles = Handles()
        self.quota = Quota()
        self._driver = driver
        self._versions = 0
        _all.add(self)

    def renew_locks(self) -> None:
        """Make the locks anew, in a child that was forked; nobody holds or waits for one there."""
        self.lock = threading.RLock()
        self.events.renew_lock(self.lock)

    def bucket(self, name: str) -> Bucket:
        if self.events.closed:
            raise DriverClosedError.of(self._driver)
        try:
            return self.buckets[name]
        except KeyError:
            raise BucketNotFoundError.of(name) from None

    def version(self, bucket: str, key: str, version_id: str | None) -> Version:
        """The version to read: the current one, or the one named. Raises what ``get`` raises."""
        held = self.bucket(bucket)
        self.settle(held, key)
        version = held.newest(key) if version_id is None else held.find(key, version_id)
        if version is None and version_id is not None:
            raise VersionNotFoundError.of(bucket, key, version_id)
        if version is None or version.data is None:
            raise ObjectNotFoundError.of(bucket, key)
        return version

    def write(
        self,
        bucket: str,
        key: str,
        content: bytes,
        etag: str,
        attributes: Attributes,
        conditions: Conditions,
        freed: int = 0,
    ) -> ObjectInfo:
        """Make a new version the current one, if the conditions hold and the quotas have room for it.

        ``freed`` are bytes of the bucket that go with it.
        """
        held = self.bucket(bucket)
        now = utc_now()
        self.settle(held, key, now)
        before = held.current(key, now)
        conditions.check(bucket, key, None if before is None else before.info.etag)
        # What has no id goes when another without one comes.
        replaced = None if held.versioning else held.find(key, "")
        objects = 0 if replaced is not None and replaced.data is not None else 1
        freed += replaced.info.size if replaced is not None else 0
        self.require_room(held, key, len(content) - freed, objects)
        info = ObjectInfo(
            key,
            len(content),
            attributes.content_type,
            etag,
            now,
            attributes.metadata,
            attributes.tags,
            self._next_version_id(held),
            attributes.storage_class,
        )
        held.push(key, Version(info, content, attributes.expires_at))
        self.events.append(bucket, key, None if before is None else before.info, info)
        return info

    def require_room(self, held: Bucket, key: str, size: int, objects: int) -> None:
        """Raise QuotaExceededError if a quota does not allow that many bytes and objects more in a bucket."""
        for quota, sharing in ((held.quota, (held,)), (self.quota, self.buckets.values())):
            if quota == Quota():
                continue
            used_bytes = sum(each.used_bytes for each in sharing)
            used_objects = sum(each.used_objects for each in sharing)
            for unit, limit, more, used in (
                ("bytes", quota.max_bytes, size, used_bytes),
                ("objects", quota.max_objects, objects, used_objects),
            ):
                # What does not grow is allowed, however much there is.
                if limit is not None and more > 0 and used + more > limit:
                    raise QuotaExceededError.of(
                        held.info.name,
                        key,
                        unit,
                        wanted=used + more,
                        limit=limit,
                        whole_store=quota is self.quota,
                    )

    def settle(self, held: Bucket, key: str, now: datetime | None = None) -> bool:
        """Delete the object of ``key`` if its ``expires_at`` is over; whether it was."""
        now = now or utc_now()
        newest = held.newest(key)
        if newest is None or newest.data is None or not newest.expired(now):
            return False
        self.delete_current(held, key, now)
        return True

    def delete_current(self, held: Bucket, key: str, now: datetime) -> None:
        """Delete what ``get`` would read, by a delete marker if the bucket keeps versions."""
        newest = held.newest(key)
        if newest is None or newest.data is None:
            return
        marker = ObjectInfo(key, 0, "", "", now, version_id=self._next_version_id(held))
        held.push(key, Version(marker, None))
        if not marker.version_id and len(held.chain(key)) == 1:
            # Nothing is behind the marker that it would have to hide.
            held.remove(key, "")
        self.events.append(held.info.name, key, newest.info, None)

    def remove_version(self, held: Bucket, key: str, version_id: str) -> None:
        """Remove one version for good; it is an event if that changes what ``get`` reads."""
        now = utc_now()
        before = held.current(key, now)
        held.remove(key, version_id)
        after = held.current(key, now)
        if before is not after:
            self.events.append(
                held.info.name,
                key,
                None if before is None else before.info,
                None if after is None else after.info,
            )

    def _next_version_id(self, held: Bucket) -> str:
        if not held.versioning:
            return ""
        self._versions += 1
        return f"{self._versions:016x}"


def utc_now() -> datetime:
    return datetime.now(UTC)


# A child must find no store in the middle of a change by a thread that it does not have. So a fork waits
# for the changes to end; of two forks at once, one waits for the other.

_all: WeakSet[Store] = WeakSet()
_forking = threading.RLock()
_stopped: list[threading.RLock] = []


def _before_fork() -> None:
    _forking.acquire()
    for store in list(_all):
        lock = store.lock
        lock.acquire()
        _stopped.append(lock)


def _after_fork_in_parent() -> None:
    while _stopped:
        _stopped.pop().release()
    _forking.release()


def _after_fork_in_child() -> None:
    global _forking
    _stopped.clear()
    _forking = threading.RLock()
    for store in list(_all):
        store.renew_locks()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
