# cython: language_level=3, boundscheck=False
"""Lifecycle: what becomes of objects as time passes, by their own word and by the rules of their bucket.

Objects with an ``expires_at`` stand in the table ``expiry`` in order of time, places where rules have something to do
in the table ``due`` (see `schedule`): to do what is due costs as much as that is. Each step is decided again inside the write transaction, and some hundred of them make a commit. An object that becomes
COLD, or was, gets other chunks: they are made ahead of the commit that is to refer to them, which it does only if the
object is still the one that they were made of.
"""

import json
import threading
from dataclasses import asdict
from operator import attrgetter

from libc.stdint cimport int64_t

from trove.driver.options import check_bucket, check_rules, check_time
from trove.driver.types import LifecycleReport
from trove.errors import BucketNotFoundError, ChecksumMismatchError, CorruptStoreError, UnsupportedOptionError

from .chain cimport HAS_CHAINS, HAS_RULES, expiry_key, flags_of
from .change cimport Change
from .changes cimport delete_current, drop_older, make_row, require_bucket
from .codec cimport INLINE, load64
from .commit cimport Commit
from .content cimport Content
from .core cimport Core
from .index cimport Reading
from .info cimport (
    ROW_ETAG,
    ROW_HEAD,
    ROW_SIZE,
    EngineInfo,
    attributes_block,
    info_of,
    microseconds,
    now_us,
    with_time,
    with_version_id,
)
from .rows cimport row
from .schedule cimport time_of
from .chain import oldest_first
from .cold import COLD
from .content import WINDOW
from .schedule import class_at, expires, timetable_in
from .transition import rewritten

STEPS = 500  # objects that one commit looks at
BY_EXPIRY, BY_RULES = attrgetter("expiry"), attrgetter("due")  # the tables by time


cdef class RulesChange(Change):
    cdef str bucket
    cdef list rules

    cdef bint frees(self) except -1:
        return not self.rules

    cdef int stage(self, Commit commit) except -1:
        cdef bytes name = self.bucket.encode()
        cdef int flags = require_bucket(commit, name, self.bucket)
        body = row(commit.txn, commit.index.buckets, name, "buckets")
        said = json.dumps([asdict(rule) for rule in self.rules]).encode() if self.rules else b""
        flags = flags | HAS_RULES if said else flags & ~HAS_RULES
        made = body[:8] + bytes([flags]) + said if flags else body[:8]
        if made != body:
            commit.set_bucket(name, made)
        return 0


def set_lifecycle(Core core, durable, bucket, rules):
    cdef RulesChange change = RulesChange.__new__(RulesChange)
    change.bucket, change.rules = check_bucket(bucket), check_rules(rules)
    change.durable = durable
    core.submit(change)


def get_lifecycle(Core core, bucket):
    name = check_bucket(bucket)
    with Reading(core.index) as txn:
        body = row(txn, core.index.buckets, name.encode(), "buckets")
        if body is None:
            raise BucketNotFoundError.of(bucket)
        return [*timetable_in(body).rules]


# Applying.


cdef class AgeChange(Change):
    """Does what is due at ``now`` for the keys at ``places``."""

    cdef Core core
    cdef list places
    cdef int64_t now
    cdef dict contents                # made ahead: {place: (row that it was made of, class, Content)}
    cdef list wanting                 # what is still to be made: [(place, row, class)]

    cdef bint frees(self) except -1:
        return not self.contents

    cdef int stage(self, Commit commit) except -1:
        done = [0, 0, 0]
        self.wanting = []
        for place in self.places:
            self._age(commit, place, done)
        self.result = done
        return 0

    cdef int _age(self, Commit commit, bytes place, list done) except -1:
        name, _, key = place.partition(b"\0")
        held = row(commit.txn, commit.index.buckets, name, "buckets")
        if held is None:
            return 0
        flags = flags_of(held)
        rules = timetable_in(held).at(place)
        body = commit.current(place)
        if body is not None and is_over(body, rules, self.now):
            delete_current(commit, flags, place, body, self.now)
            done[0] += 1
        if flags & HAS_CHAINS:
            done[1] += remove_outdated(commit, place, rules, self.now)
        body = commit.current(place)
        if body is not None:
            done[2] += self._move(commit, place, body, class_at(rules, time_of(body), self.now))
        return 0

    cdef int _move(self, Commit commit, bytes place, bytes body, object target) except -1:
        """Give an object the storage class that its age asks for, if any; whether that was done."""
        cdef EngineInfo info = info_of("", body, 0)
        cdef Content content
        cdef int kind = body[0]
        if target is None or target == info.storage_class:
            return 0
        if kind == INLINE or (target == COLD) == (info.storage_class == COLD):
            tail = info.content()
        elif self.contents.get(place, (None, None))[:2] == (body, target):
            content = self.contents[place][2]
            content.settle(self.core, commit)
            kind, tail = content.kind(), content.tail(commit)
        else:
            self.wanting.append((place, body, target))
            return 0
        block = attributes_block(info.content_type, target, info.metadata, info.tags)
        if info.version_id:
            block = with_version_id(block, info.version_id.encode())
        size = load64(info.head() + ROW_SIZE)
        made = make_row(kind, size, info.head()[ROW_ETAG:ROW_HEAD], info.expiry(), block, tail)
        commit.put_object(place, with_time(made, time_of(body)))
        return 1


cdef bint is_over(bytes body, rules, int64_t now) except -1:
    """Whether an object is gone at ``now``, by its own word or by the rules."""
    return info_of("", body, 0).expired(now) or expires(rules, time_of(body), now)


cdef int remove_outdated(Commit commit, bytes place, rules, int64_t now) except -1:
    """Remove the old versions that are due, the oldest first, and the delete marker when that is all that is left; how many.

    An old version's age counts from when it was replaced: it is kept as long again as the rules keep a current object,
    and as long as one that is older than it.
    """
    gone = outdated(commit, place, rules, now)
    for key, body in gone:
        drop_older(commit, place, key, body)
    return len(gone)


def outdated(Commit commit, bytes place, rules, now):
    """These versions: [(key, row)]."""
    gone, held = [], None
    if all(rule.expiration_days is None for rule in rules):
        return gone
    for key, body in oldest_first(commit.index, commit.txn, place):
        if held is not None:
            if not expires(rules, time_of(body), now):
                return gone
            gone.append(held)
        held = key, body
    if held is not None:
        current = row(commit.txn, commit.index.objects, place, "objects")
        if expires(rules, time_of(held[1] if current is None else bytes(current)), now):
            gone.append(held)
    return gone


def apply_lifecycle(Core core, durable, now, stopped=None):
    """Do what is due at ``now`` in all buckets, some hundred objects at a time; a LifecycleReport.

    It ends early when the event ``stopped`` is set.
    """
    moment = now_us() if now is None else microseconds(check_time("now", now))
    work = Work(durable, moment, stopped or threading.Event())
    one, other = _all_aged(core, work, BY_EXPIRY), _all_aged(core, work, BY_RULES)
    if work.failed is not None:
        raise work.failed  # when all is done that could be
    return LifecycleReport(*(each + more for each, more in zip(one, other)))


def free_expired(Core core, stopped):
    """Do what is due now where objects say themselves when they expire; it ends early when ``stopped`` is set."""
    _all_aged(core, Work(False, now_us(), stopped), BY_EXPIRY)


class Work:
    """What is asked for: whether durable, of which moment, and what is set to end it; and the first error of an object."""

    def __init__(self, durable, moment, stopped):
        self.durable = durable
        self.moment = moment
        self.stopped = stopped
        self.failed = None


def _all_aged(Core core, work, table):
    """Do what is due at the places that a table by time says; how many steps of each kind."""
    total, after = [0, 0, 0], b""
    while after is not None and not work.stopped.is_set():
        places, after = places_at(core, table, work.moment, after)
        if places:
            _add(total, _aged(core, work, places))
    return total


def _add(total, done):
    total[:] = [one + other for one, other in zip(total, done)]


cdef list _aged(Core core, work, list places):
    """Do what is due at these places; what was done. An object that can't be read does not keep others from it."""
    cdef AgeChange change = age_change(core, work, places, {})
    cdef Content content
    done = core.submit(change)
    contents, size = {}, 0
    for place, body, target in change.wanting:
        try:
            content = rewritten(core, place, body, target == COLD, work.stopped)
        except (ChecksumMismatchError, CorruptStoreError, UnsupportedOptionError) as error:
            work.failed = work.failed or error
            continue
        if content is None:
            continue  # it has changed meanwhile, or there is no time left
        contents[place] = (body, target, content)
        size += content.size
        if size >= WINDOW:
            _add(done, core.submit(age_change(core, work, list(contents), contents)))
            contents, size = {}, 0
    if contents:
        _add(done, core.submit(age_change(core, work, list(contents), contents)))
    return done


cdef AgeChange age_change(Core core, work, list places, dict contents):
    cdef AgeChange change = AgeChange.__new__(AgeChange)
    change.core, change.places, change.contents = core, places, contents
    change.now, change.durable = work.moment, work.durable
    return change


def places_at(Core core, table, moment, after):
    """Places with rows up to ``moment`` in a table by time, behind the row ``after``: (some, where to go on)."""
    found = []
    end = expiry_key(moment + 1, b"")
    with Reading(core.index) as txn:
        with txn.cursor(table(core.index)) as walk:
            there = walk.set_range(after + b"\0" if after else b"")
            while there:
                key = bytes(walk.key())
                if key >= end:
                    break
                found.append(key[8:])
                if len(found) == STEPS:
                    return found, key
                there = walk.next()
        return found, None
