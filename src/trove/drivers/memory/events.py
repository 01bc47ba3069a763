"""The events of a memory store: a bounded log, and the watchers that read along."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from ...driver import EventType, ObjectEvent, ObjectInfo, Watcher, check_timeout
from ...errors import EventsLostError, InvalidArgumentError, shown


class EventLog:
    """The last ``retained`` events of a store; ``lock`` is the store's own."""

    def __init__(self, lock: threading.RLock, retained: int) -> None:
        self.changed = threading.Condition(lock)
        self.closed = False
        self.sequence = 0
        self._events: deque[ObjectEvent] = deque(maxlen=retained)

    def renew_lock(self, lock: threading.RLock) -> None:
        """Wait and wake by ``lock`` from now on; nobody may be waiting."""
        self.changed = threading.Condition(lock)

    def append(self, bucket: str, key: str, before: ObjectInfo | None, after: ObjectInfo | None) -> None:
        """Log that ``key`` went from ``before`` to ``after``. Called under the lock."""
        if after is None:
            kind = EventType.DELETED
        else:
            kind = EventType.CREATED if before is None else EventType.UPDATED
        self.sequence += 1
        self._events.append(ObjectEvent(kind, bucket, key, after, self.sequence))
        self.changed.notify_all()

    def after(self, sequence: int) -> ObjectEvent | None:
        """The event that follows ``sequence``, ``None`` when that is the newest one.

        Raises EventsLostError when it was dropped.
        """
        if sequence >= self.sequence:
            return None
        oldest = self._events[0].sequence
        if sequence + 1 < oldest:
            raise EventsLostError(
                f"events {sequence + 1} to {oldest - 1} are no longer kept; list the bucket to see what "
                "it holds now, then watch it anew"
            )
        return self._events[sequence + 1 - oldest]

    def close(self) -> None:
        self.closed = True
        self.changed.notify_all()


class MemoryWatcher(Watcher):
    """Reads the log from the event after ``since`` on, those that ``wanted`` says yes to."""

    def __init__(self, log: EventLog, since: int | None, wanted: Callable[[ObjectEvent], bool]) -> None:
        if since is not None and since > log.sequence:
            raise InvalidArgumentError(
                f"since is {shown(since)}, and the newest event of this store is {log.sequence}; give the "
                "sequence of one of its events"
            )
        self._log = log
        self._wanted = wanted
        self._closed = False
        self._position = log.sequence if since is None else since
        log.after(self._position)

    def get(self, timeout: float | None = None) -> ObjectEvent | None:
        seconds = check_timeout(timeout)
        deadline = None if seconds is None else time.monotonic() + seconds
        with self._log.changed:
            while not (self._closed or self._log.closed):
                event = self._log.after(self._position)
                if event is not None:
                    self._position = event.sequence
                    if self._wanted(event):
                        return event
                    continue
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._log.changed.wait(left)
        return None

    def close(self) -> None:
        with self._log.changed:
            self._closed = True
            self._log.changed.notify_all()
