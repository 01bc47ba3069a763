# cython: language_level=3, boundscheck=False
"""Lifecycle: what becomes of objects as time passes, by their own word and by the rules of their bucket.

Objects with an ``expires_at`` stand in the table ``expiry`` in order of time: to free those that are due costs as
much as they are. What rules ask for is looked for among the objects and versions of the buckets that have rules.
Each step is decided again inside the write transaction, and some hundred of them make a commit. An object that becomes
COLD, or was, gets other chunks: they are made ahead of the commit that is to refer to them, which it does only if the
object is still the one that they were made of.
"""

import json
import threading
from dataclasses import asdict

import lmdb
from libc.stdint cimport int64_t, uint8_t

from trove.driver.options import check_bucket, check_rules, check_time
from trove.driver.types import LifecycleReport, LifecycleRule
from trove.errors import BucketNotFoundError, ChecksumMismatchError, CorruptStoreError, UnsupportedOptionError

from .chain cimport HAS_CHAINS, HAS_RULES, expiry_key, flags_of, older_versions
from .changes cimport delete_current, drop_older, make_row, require_bucket
from .codec cimport INLINE, load64
from .commit cimport Commit
from .content cimport Content
from .core cimport Change, Core
from .index cimport row
from .info cimport (
    ROW_ETAG,
    ROW_HEAD,
    ROW_SIZE,
    ROW_TIME,
    EngineInfo,
    attributes_block,
    info_of,
    microseconds,
    now_us,
    with_time,
    with_version_id,
)
from .cold import COLD
from .content import WINDOW
from .index import index_error
from .transition import rewritten

DAY = 86_400_000_000  # microseconds
STEPS = 500  # objects that one commit looks at


def rules_in(body):
    """The rules in a bucket's row."""
    if not flags_of(body) & HAS_RULES:
        return []
    return [LifecycleRule(**each) for each in json.loads(bytes(body[9:]))]


cdef class RulesChange(Change):
    cdef str bucket
    cdef list rules

    cdef int stage(self, Commit commit) except -1:
        cdef bytes name = self.bucket.encode()
        cdef int flags = require_bucket(commit, name, self.bucket)
        body = bytes(row(commit.txn, commit.index.buckets, name, "buckets"))
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
    txn = core.index.begin()
    try:
        body = row(txn, core.index.buckets, name.encode(), "buckets")
        if body is None:
            raise BucketNotFoundError.of(bucket)
        return rules_in(body)
    except lmdb.Error as error:
        raise index_error(error, f"reading the index in {core.index.folder}") from error
    finally:
        core.index.end(txn)


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
        rules = applying(rules_in(held), key.decode())
        body = row(commit.txn, commit.index.objects, place, "objects")
        if body is not None and is_over(bytes(body), rules, self.now):
            delete_current(commit, flags, place, self.now)
            done[0] += 1
        if flags & HAS_CHAINS:
            done[1] += remove_outdated(commit, place, rules, self.now)
        body = row(commit.txn, commit.index.objects, place, "objects")
        if body is not None:
            done[2] += self._move(commit, place, bytes(body), class_at(rules, time_of(bytes(body)), self.now))
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


cdef int64_t time_of(bytes body) noexcept:
    """When an object or version was made, in microseconds since 1970."""
    return <int64_t>load64(<const uint8_t *><char *>body + ROW_TIME)


def applying(rules, key):
    """The enabled rules whose prefix ``key`` has."""
    return [rule for rule in rules if rule.enabled and key.startswith(rule.prefix)]


def expires(rules, since, now):
    """Whether any rule ends at ``now`` what is as it is ``since`` then."""
    return any(rule.expiration_days is not None and now - since >= rule.expiration_days * DAY for rule in rules)


def class_at(rules, since, now):
    """The storage class that an object belongs in at ``now``; ``None`` when no move is due.

    Of several moves that are due, the one of the greatest age is the last to have happened.
    """
    due = [
        (rule.transition_days, rule.transition_storage)
        for rule in rules
        if rule.transition_days is not None and now - since >= rule.transition_days * DAY
    ]
    return max(due)[1] if due else None


cdef int remove_outdated(Commit commit, bytes place, rules, int64_t now) except -1:
    """Remove the old versions that are due, and the delete marker when that is all that is left; how many.

    An old version's age counts from when it was replaced: it is kept as long again as the rules keep a current object.
    """
    older = older_versions(commit.index, commit.txn, place)
    current = row(commit.txn, commit.index.objects, place, "objects")
    successor = None if current is None else time_of(bytes(current))
    gone = []
    for key, body in older:
        if successor is not None and expires(rules, successor, now):
            gone.append((key, body))
        successor = time_of(body)
    newest = older[0] if older and current is None else None
    if newest is not None and len(gone) == len(older) - 1 and expires(rules, time_of(newest[1]), now):
        gone.append(newest)
    for key, body in gone:
        drop_older(commit, place, key, body)
    return len(gone)


def apply_lifecycle(Core core, durable, now, stopped=None):
    """Do what is due at ``now`` in all buckets, some hundred objects at a time; a LifecycleReport.

    It ends early when the event ``stopped`` is set.
    """
    moment = now_us() if now is None else microseconds(check_time("now", now))
    work = Work(durable, moment, stopped or threading.Event())
    one, other = _all_aged(core, work, due_places), _all_aged(core, work, ruled_places)
    if work.failed is not None:
        raise work.failed  # when all is done that could be
    return LifecycleReport(*(each + more for each, more in zip(one, other)))


def free_expired(Core core):
    """Do what is due now by the word of the objects alone."""
    _all_aged(core, Work(False, now_us(), threading.Event()), due_places)


class Work:
    """What is asked for: whether durable, of which moment, and what is set to end it; and the first error of an object."""

    def __init__(self, durable, moment, stopped):
        self.durable = durable
        self.moment = moment
        self.stopped = stopped
        self.failed = None


def _all_aged(Core core, work, look):
    """Do what is due at the places that ``look`` finds; how many steps of each kind."""
    total, after = [0, 0, 0], b""
    while after is not None and not work.stopped.is_set():
        places, after = look(core, work.moment, after)
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


def due_places(Core core, moment, after):
    """Places of objects whose own time is over at ``moment``, behind the row ``after``: (some, where to go on)."""
    found = []
    end = expiry_key(moment + 1, b"")
    txn = core.index.begin()
    try:
        with txn.cursor(core.index.expiry) as walk:
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
    except lmdb.Error as error:
        raise index_error(error, f"reading the index in {core.index.folder}") from error
    finally:
        core.index.end(txn)


def ruled_places(Core core, moment, after):
    """The same of keys in buckets with rules that may have a step due."""
    found = []
    txn = core.index.begin()
    try:
        ruled = {}
        with txn.cursor(core.index.buckets) as walk:
            for name, _ in walk:
                name = bytes(name)
                rules = rules_in(row(txn, core.index.buckets, name, "buckets"))
                if rules:
                    ruled[name] = rules
        for name in sorted(ruled):
            place = max(after + b"\0", name + b"\0") if after else name + b"\0"
            if after and after.partition(b"\0")[0] > name:
                continue
            for place in places_from(core, txn, name + b"\0", place):
                if may_age(core, txn, place, applying(ruled[name], place[len(name) + 1 :].decode()), moment):
                    found.append(place)
                    if len(found) == STEPS:
                        return found, place
        return found, None
    except lmdb.Error as error:
        raise index_error(error, f"reading the index in {core.index.folder}") from error
    finally:
        core.index.end(txn)


def places_from(Core core, txn, prefix, start):
    """Every place under ``prefix`` from ``start`` on that has an object or an older version, in order."""
    with txn.cursor(core.index.objects) as objects, txn.cursor(core.index.versions) as older:
        place, version = first_at(objects, prefix, start), first_at(older, prefix, start)
        while place is not None or version is not None:
            one = min(each for each in (place, version) if each is not None)
            yield one
            if place == one:
                place = first_at(objects, prefix, one + b"\0")
            if version == one:
                version = first_at(older, prefix, one + b"\1")


def first_at(walk, prefix, start):
    """The place of the first row from ``start`` on; ``None`` when it is not under ``prefix``."""
    if not walk.set_range(start):
        return None
    key = bytes(walk.key())
    if not key.startswith(prefix):
        return None
    return b"\0".join(key.split(b"\0", 2)[:2])


cdef bint may_age(Core core, object txn, bytes place, rules, int64_t moment) except -1:
    """Whether a rule may ask for something at ``place``."""
    if not rules:
        return False
    body = row(txn, core.index.objects, place, "objects")
    if body is not None:
        since = time_of(bytes(body))
        if expires(rules, since, moment) or class_at(rules, since, moment) is not None:
            return True
    return bool(older_versions(core.index, txn, place))
