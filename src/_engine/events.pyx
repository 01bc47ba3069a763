# cython: language_level=3, boundscheck=False
"""Events: what changed in a bucket, read from the log.

The log has every change in the order of the commits, so whoever watches reads it on: writers note in it whether a
change met an object, and do nothing else for watchers. An event's sequence is the commit's number and the change's
number in it, so it says where to go on after a restart.
"""

import threading
import time
from collections import deque

from trove.driver.capability import Watcher
from trove.driver.options import check_bucket, check_event_types, check_sequence, check_text, check_timeout
from trove.driver.types import EventType, ObjectEvent
from trove.errors import BucketNotFoundError, DriverClosedError, EventsLostError, InvalidArgumentError, shown

from .codec cimport (
    DELETE_OBJECT,
    MARKER,
    OPERATION,
    OUTLIVES,
    PUT_OBJECT,
    PUT_VERSION,
    REPLACES,
)
from .core cimport Core
from .forks cimport forks_so_far
from .index cimport Reading
from .info cimport info_of
from .operations cimport operations_of
from .reader cimport Session
from .rows cimport row
from .scan cimport Log
from .state cimport STATE_SEQUENCE
from .index import head, head_of
from .pack import MissingPackError

IN_COMMIT = 32  # bits of a sequence that number the changes of a commit
SLICE = 0.25  # seconds after which one that waits looks whether it is still wanted
POLL = 0.005  # seconds between two looks where there is no ``state`` to wait at


def events_in(number, payload, bucket):
    """The events that a commit is for those who watch ``bucket`` (its name and a NUL), in order."""
    for i, (flagged, place, body) in enumerate(operations_of(payload, True)):
        operation = flagged & OPERATION
        if operation not in (PUT_OBJECT, PUT_VERSION, DELETE_OBJECT) or not place.startswith(bucket):
            continue
        sequence = (number << IN_COMMIT) + 2 * i + 1
        name, key = bucket[:-1].decode(), place[len(bucket) :].decode()
        if flagged & OUTLIVES:
            yield ObjectEvent(EventType.DELETED, name, key, None, sequence - 1)
        if body is None or body[0] == MARKER:
            if operation == DELETE_OBJECT or flagged & REPLACES:
                yield ObjectEvent(EventType.DELETED, name, key, None, sequence)
        else:
            kind = EventType.UPDATED if flagged & REPLACES else EventType.CREATED
            yield ObjectEvent(kind, name, key, info_of(key, body, 0), sequence)


class EngineWatcher(Watcher):
    """Reads the log from the event ``since`` on, or from now on."""

    def __init__(self, core, session, bucket, prefix, types, since):
        self._core = core
        self._session = session
        self._bucket = bucket.encode() + b"\0"
        self._prefix = prefix
        self._types = types
        self._pending = deque()
        self._lock = threading.Lock()  # held to read on
        self._closed = False
        self._log = self._ends = None
        self._read = 0  # how many commits of it
        head = self._head()
        self._after = -1 if since is None else since
        self._at = head  # the commit that was read last
        if since is not None:
            if since >> IN_COMMIT > head:
                raise InvalidArgumentError(
                    f"since is {shown(since)}, which is beyond the newest event of this store; give the sequence of one "
                    "of its events"
                )
            self._go_back(since >> IN_COMMIT)
        self._read_on()

    def _head(self):
        cdef Core core = self._core
        with Reading(core.index) as txn:
            if row(txn, core.index.buckets, self._bucket[:-1], "buckets") is None:
                raise BucketNotFoundError.of(self._bucket[:-1].decode())
            return head_of(core.index, txn)

    def _go_back(self, number):
        """Begin with the events of the commit of that number, or behind it where it is not there."""
        cdef Core core = self._core
        if number == 0:
            self._at = 0
            return
        before = Log(core.packs, number - 1, raised=self._raised()).predecessor(number)
        self._at = number if before is None else before

    def _raised(self):
        cdef Core core = self._core
        return (0, 0) if core.state is None else core.state.raised

    def _next(self):
        """The next event that is wanted and there already; else ``None``."""
        cdef Log log
        while not self._pending:
            log = self._log
            if (log is None or self._read == log.length) and not self._read_on():
                return None
            log = self._log
            if self._read == log.length:
                continue
            try:
                number, payload = log.chained_payload(self._read)
            except MissingPackError:
                # Compacted away; the newest commits are copied, and the others are gone.
                self._at, self._log, self._ends = log.before_chained(self._read), None, None
                continue
            self._read += 1
            for event in events_in(number, payload, self._bucket):
                if event.sequence > self._after and event.type in self._types and event.key.startswith(self._prefix):
                    self._pending.append(event)
        return self._pending.popleft()

    def _read_on(self):
        """Find the commits that came since; whether there are any."""
        cdef Core core = self._core
        cdef Log log
        newest = head(core.index)
        if newest <= self._at and self._log is not None:
            return False
        log = Log(core.packs, self._at, raised=self._raised(), begin=self._ends, until=newest)
        reached = log.follow(self._at, newest)
        if reached < newest:
            raise _lost(reached)
        self._log, self._read, self._at, self._ends = log, 0, newest, log.ends
        return True

    def get(self, timeout=None):
        seconds = check_timeout(timeout)
        deadline = None if seconds is None else time.monotonic() + seconds
        cdef Core core = self._core
        if core.forks != forks_so_far():
            raise InvalidArgumentError("the watcher is of the process that this one was forked from; watch anew in this one")
        try:
            while not self._ended():
                seen = 0 if core.state is None else core.state.get(STATE_SEQUENCE)
                with self._lock:
                    event = self._next()
                if event is not None:
                    return event
                left = SLICE if deadline is None else min(SLICE, deadline - time.monotonic())
                if left <= 0:
                    return None
                if core.state is None:
                    time.sleep(min(left, POLL))
                else:
                    core.state.await_commit(seen, int(left * 1e6))
        except DriverClosedError:
            pass
        return None

    def _ended(self):
        return self._closed or (<Session>self._session).closed

    def close(self):
        cdef Core core = self._core
        self._closed = True
        if core.state is not None:
            core.state.wake()


def _lost(number):
    return EventsLostError(
        f"events after commit {number} are no longer kept; list the bucket to see what it holds now, then watch it anew"
    )


def watch(core, session, bucket, prefix, event_types, since):
    """See the driver's ``watch``."""
    return EngineWatcher(
        core, session, check_bucket(bucket), check_text("prefix", prefix, empty=True), check_event_types(event_types),
        check_sequence(since),
    )
