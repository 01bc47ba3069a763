"""NotificationSuite: NotificationDriver."""

# Capabilities are abstract classes, which having() asks for but never calls.
# mypy: disable-error-code="type-abstract"

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest

from ...driver import (
    Driver,
    EventType,
    MultipartDriver,
    NotificationDriver,
    ObjectEvent,
    VersioningDriver,
    Watcher,
)
from ...errors import BucketNotFoundError, EventsLostError, InvalidArgumentError
from . import threads
from .base import KEY, Suite, having, unique_name
from .threads import Call, together

LAST = "zzz-last"
"""The key of the put that tells a test that no event of what was before it can still come."""


def events_of(driver: Driver, bucket: str, watcher: Watcher) -> list[ObjectEvent]:
    """All the events that ``watcher`` has until now."""
    driver.put(bucket, LAST, b"")
    events: list[ObjectEvent] = []
    while True:
        event = watcher.get(threads.PATIENCE)
        assert event is not None, f"no event within {threads.PATIENCE:.0f} seconds, after {events}"
        if event.key == LAST:
            return events
        events.append(event)


def told(events: list[ObjectEvent]) -> list[tuple[str, str]]:
    return [(event.type.value, event.key) for event in events]


class NotificationSuite(Suite):
    @pytest.fixture
    def notifying(self, driver: Driver) -> NotificationDriver:
        return having(driver, NotificationDriver)

    def test_watch_created(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket) as watcher:
            notifying.put(bucket, KEY, b"data")
            assert told(events_of(notifying, bucket, watcher)) == [("object.created", KEY)]

    def test_watch_updated(self, notifying: NotificationDriver, bucket: str) -> None:
        notifying.put(bucket, KEY, b"old")
        with notifying.watch(bucket) as watcher:
            notifying.put(bucket, KEY, b"new")
            assert told(events_of(notifying, bucket, watcher)) == [("object.updated", KEY)]

    def test_watch_deleted(self, notifying: NotificationDriver, bucket: str) -> None:
        notifying.put(bucket, KEY, b"data")
        with notifying.watch(bucket) as watcher:
            notifying.delete(bucket, KEY)
            assert told(events_of(notifying, bucket, watcher)) == [("object.deleted", KEY)]

    def test_watch_deleting_nothing_is_no_event(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket) as watcher:
            notifying.delete(bucket, KEY)
            assert events_of(notifying, bucket, watcher) == []

    def test_watch_refused_put_is_no_event(self, notifying: NotificationDriver, bucket: str) -> None:
        def failing() -> Any:
            yield b"half"
            raise ZeroDivisionError

        with notifying.watch(bucket) as watcher:
            with pytest.raises(ZeroDivisionError):
                notifying.put(bucket, KEY, failing())
            assert events_of(notifying, bucket, watcher) == []

    def test_watch_created_again_after_deletion(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket) as watcher:
            notifying.put(bucket, KEY, b"data")
            notifying.delete(bucket, KEY)
            notifying.put(bucket, KEY, b"data")
            assert told(events_of(notifying, bucket, watcher)) == [
                ("object.created", KEY),
                ("object.deleted", KEY),
                ("object.created", KEY),
            ]

    def test_watch_event_info(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket) as watcher:
            info = notifying.put(bucket, KEY, b"data", metadata={"n": "1"})
            (event,) = events_of(notifying, bucket, watcher)
        assert (event.bucket, event.key, event.info) == (bucket, KEY, info)

    def test_watch_deletion_has_no_info(self, notifying: NotificationDriver, bucket: str) -> None:
        notifying.put(bucket, KEY, b"data")
        with notifying.watch(bucket) as watcher:
            notifying.delete(bucket, KEY)
            assert [event.info for event in events_of(notifying, bucket, watcher)] == [None]

    def test_watch_event_type_is_an_event_type(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket) as watcher:
            notifying.put(bucket, KEY, b"data")
            (event,) = events_of(notifying, bucket, watcher)
        assert event.type is EventType.CREATED

    def test_watch_order(self, notifying: NotificationDriver, bucket: str) -> None:
        keys = ["b", "c", "a", "e", "d"]
        with notifying.watch(bucket) as watcher:
            for key in keys:
                notifying.put(bucket, key, b"data")
            assert [event.key for event in events_of(notifying, bucket, watcher)] == keys

    def test_watch_sequences_ascend(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket) as watcher:
            for key in "abc":
                notifying.put(bucket, key, b"data")
            sequences = [event.sequence for event in events_of(notifying, bucket, watcher)]
        assert all(isinstance(each, int) for each in sequences)
        assert all(before < after for before, after in itertools.pairwise(sequences))

    def test_watch_sequences_are_per_store(
        self, notifying: NotificationDriver, bucket: str, make_bucket: Callable[[], str]
    ) -> None:
        other = make_bucket()
        with notifying.watch(bucket) as one, notifying.watch(other) as two:
            for each in (bucket, other, bucket):
                notifying.put(each, KEY, b"data")
            first, last = events_of(notifying, bucket, one)
            (between,) = events_of(notifying, other, two)
        assert first.sequence < between.sequence < last.sequence

    def test_watch_begins_with_the_call(self, notifying: NotificationDriver, bucket: str) -> None:
        notifying.put(bucket, "before", b"data")
        with notifying.watch(bucket) as watcher:
            assert events_of(notifying, bucket, watcher) == []

    def test_watch_is_of_one_bucket(
        self, notifying: NotificationDriver, bucket: str, make_bucket: Callable[[], str]
    ) -> None:
        other = make_bucket()
        with notifying.watch(bucket) as watcher:
            notifying.put(other, KEY, b"data")
            assert events_of(notifying, bucket, watcher) == []

    def test_watch_with_prefix(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket, prefix="a/") as watcher:
            for key in ("a", "a/1", "b/a/2", "a/3", LAST):
                notifying.put(bucket, key, b"data")
            notifying.put(bucket, "a/zzz", b"data")
            found = [watcher.get(threads.PATIENCE) for _ in range(3)]
        assert [event and event.key for event in found] == ["a/1", "a/3", "a/zzz"]

    @pytest.mark.parametrize("wanted", [EventType.UPDATED, "object.updated"], ids=["member", "text"])
    def test_watch_with_event_types(self, notifying: NotificationDriver, bucket: str, wanted: str) -> None:
        with notifying.watch(bucket, event_types=[wanted]) as watcher:
            notifying.put(bucket, KEY, b"1")
            notifying.put(bucket, KEY, b"2")
            notifying.delete(bucket, KEY)
            notifying.put(bucket, LAST, b"1")
            events = events_of(notifying, bucket, watcher)
        assert told(events) == [("object.updated", KEY)]

    def test_watch_with_several_event_types(self, notifying: NotificationDriver, bucket: str) -> None:
        types = (EventType.CREATED, EventType.DELETED)
        with notifying.watch(bucket, event_types=types) as watcher:
            notifying.put(bucket, KEY, b"1")
            notifying.put(bucket, KEY, b"2")
            notifying.delete(bucket, KEY)
            events = events_of(notifying, bucket, watcher)
        assert told(events) == [("object.created", KEY), ("object.deleted", KEY)]

    def test_watch_by_two_watchers(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket) as one, notifying.watch(bucket) as other:
            notifying.put(bucket, KEY, b"data")
            first = events_of(notifying, bucket, one)
            # The second watcher sees the first one's last put, as an event like others.
            notifying.delete(bucket, LAST)
            assert other.get(threads.PATIENCE) == first[0]

    # Resuming.

    def _since(
        self, notifying: NotificationDriver, bucket: str, at: int
    ) -> tuple[list[ObjectEvent], list[ObjectEvent]]:
        """All events of three puts, and those that a watch after the event number ``at`` gives."""
        with notifying.watch(bucket) as watcher:
            for key in "abc":
                notifying.put(bucket, key, b"data")
            events = events_of(notifying, bucket, watcher)
        try:
            again = notifying.watch(bucket, since=events[at].sequence)
        except EventsLostError as error:
            pytest.skip(f"the driver retains no events: {error}")
        with again:
            resumed = []
            while (event := again.get(threads.PATIENCE)) is not None and event.key != LAST:
                resumed.append(event)
            return events, resumed

    def test_watch_since_is_exclusive(self, notifying: NotificationDriver, bucket: str) -> None:
        events, resumed = self._since(notifying, bucket, 0)
        assert resumed == events[1:]

    def test_watch_since_the_last(self, notifying: NotificationDriver, bucket: str) -> None:
        events, resumed = self._since(notifying, bucket, 2)
        assert len(events) == 3
        assert resumed == []

    @pytest.mark.parametrize("since", [-1, "1", 1.5, b"1"], ids=repr)
    def test_watch_since_wrong(self, notifying: NotificationDriver, bucket: str, since: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            notifying.watch(bucket, since=since)

    @pytest.mark.parametrize("types", [["no.such.type"], [5], 5], ids=repr)
    def test_watch_event_types_wrong(self, notifying: NotificationDriver, bucket: str, types: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            notifying.watch(bucket, event_types=types)

    def test_watch_prefix_wrong(self, notifying: NotificationDriver, bucket: str) -> None:
        with pytest.raises(InvalidArgumentError):
            notifying.watch(bucket, prefix=5)  # type: ignore[arg-type]

    def test_watch_bucket_not_found(self, notifying: NotificationDriver) -> None:
        with pytest.raises(BucketNotFoundError):
            notifying.watch(unique_name())

    # Waiting.

    @pytest.mark.parametrize("timeout", [0, 0.0, 0.05])
    def test_watch_get_gives_none_when_the_time_is_over(
        self, notifying: NotificationDriver, bucket: str, timeout: float
    ) -> None:
        with notifying.watch(bucket) as watcher:
            begun = time.monotonic()
            assert watcher.get(timeout) is None
            assert timeout * 0.9 <= time.monotonic() - begun < threads.PATIENCE

    def test_watch_get_after_the_time_was_over(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket) as watcher:
            assert watcher.get(0) is None
            notifying.put(bucket, KEY, b"data")
            event = watcher.get(threads.PATIENCE)
        assert event is not None
        assert event.key == KEY

    def test_watch_get_waits(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket) as watcher:
            waiting = Call(lambda: watcher.get(threads.PATIENCE))
            notifying.put(bucket, KEY, b"data")
            assert waiting.end().key == KEY

    def test_watch_iteration(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket) as watcher:
            for key in "abc":
                notifying.put(bucket, key, b"data")
            assert [event.key for event in itertools.islice(watcher, 3)] == ["a", "b", "c"]

    def test_watch_close_ends_the_loop(self, notifying: NotificationDriver, bucket: str) -> None:
        watcher = notifying.watch(bucket)
        looping = Call(lambda: list(watcher))
        watcher.close()
        watcher.close()
        assert looping.end() == []

    def test_watch_with_statement_closes(self, notifying: NotificationDriver, bucket: str) -> None:
        with notifying.watch(bucket) as watcher:
            pass
        notifying.put(bucket, KEY, b"data")
        assert watcher.get(0) is None

    def test_watch_ends_with_the_driver(self, notifying: NotificationDriver, bucket: str) -> None:
        watcher = notifying.watch(bucket)
        looping = Call(lambda: list(watcher))
        notifying.close()
        assert looping.end() == []

    # What else is an event.

    def test_watch_copy(self, notifying: NotificationDriver, bucket: str) -> None:
        notifying.put(bucket, KEY, b"data")
        with notifying.watch(bucket) as watcher:
            info = notifying.copy(bucket, KEY, bucket, "copy")
            (event,) = events_of(notifying, bucket, watcher)
        assert (event.type, event.key, event.info) == (EventType.CREATED, "copy", info)

    def test_watch_completion(self, notifying: NotificationDriver, bucket: str) -> None:
        multipart = having(notifying, MultipartDriver)
        with notifying.watch(bucket) as watcher:
            upload_id = multipart.initiate_multipart(bucket, KEY)
            part = multipart.upload_part(bucket, KEY, upload_id, 1, b"data")
            info = multipart.complete_multipart(bucket, KEY, upload_id, [part])
            (event,) = events_of(notifying, bucket, watcher)
        assert (event.type, event.key, event.info) == (EventType.CREATED, KEY, info)

    def test_watch_restore(self, notifying: NotificationDriver, bucket: str) -> None:
        versioning = having(notifying, VersioningDriver)
        versioning.set_versioning(bucket, True)
        old = notifying.put(bucket, KEY, b"old").version_id
        notifying.put(bucket, KEY, b"new")
        with notifying.watch(bucket) as watcher:
            info = versioning.restore_version(bucket, KEY, old)
            (event,) = events_of(notifying, bucket, watcher)
        assert (event.type, event.key, event.info) == (EventType.UPDATED, KEY, info)
        versioning.set_versioning(bucket, False)

    def test_watch_delete_marker(self, notifying: NotificationDriver, bucket: str) -> None:
        versioning = having(notifying, VersioningDriver)
        versioning.set_versioning(bucket, True)
        notifying.put(bucket, KEY, b"data")
        with notifying.watch(bucket) as watcher:
            notifying.delete(bucket, KEY)
            assert told(events_of(notifying, bucket, watcher)) == [("object.deleted", KEY)]

    def test_watch_many_writers(self, notifying: NotificationDriver, bucket: str) -> None:
        def write(i: int) -> None:
            for turn in range(5):
                notifying.put(bucket, f"key-{i % 3}", b"%d %d" % (i, turn))

        with notifying.watch(bucket) as watcher:
            together([lambda i=i: write(i) for i in range(8)])  # type: ignore[misc]
            events = events_of(notifying, bucket, watcher)
        assert len(events) == 40
        assert all(one.sequence < other.sequence for one, other in itertools.pairwise(events))
        # In the order of the changes: the last event of a key is of what it holds now.
        assert {event.key: event.info for event in events} == {
            f"key-{i}": notifying.head(bucket, f"key-{i}") for i in range(3)
        }
