"""Faults in what is told to who watches."""

from __future__ import annotations

import builtins
import dataclasses
from datetime import datetime
from typing import Any

from trove.driver import (
    EventType,
    ObjectEvent,
    ObjectInfo,
    Watcher,
)
from trove.drivers.memory import MemoryDriver

from .fault import caught_by


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
