# cython: language_level=3, boundscheck=False
"""Schedule: when the rules of a bucket next ask for something at a place.

The table ``due`` has that instant of each place in a bucket with rules, where there is one: so what is due is found at
the price of what is due. It follows from the rules, from the object and from the oldest of its older versions, and moves
with them in the same transaction. A bucket with rules has a row of its own at the end of time, by which a commit
sees whether there are any.
"""

import json
from itertools import islice

from libc.stdint cimport int64_t, uint8_t

from trove.driver.options import check_rules
from trove.driver.types import LifecycleRule
from trove.errors import CorruptStoreError, InvalidArgumentError

from .chain cimport HAS_CHAINS, HAS_RULES, expiry_key, flags_of
from .codec cimport load64
from .index cimport Index
from .info cimport ROW_TIME, info_of
from .rows cimport row
from .chain import oldest_first

DAY = 86_400_000_000  # microseconds
NEVER = (1 << 63) - 1
MOST_KNOWN = 1000

_known = {}  # rules as a bucket's row has them -> their timetable


class Timetable:
    """The rules of a bucket, so that those of a key are found at their own price, however many there are."""

    def __init__(self, rules):
        self.rules = rules
        self._enabled = {}  # prefix -> rules
        for rule in rules:
            if rule.enabled:
                self._enabled.setdefault(rule.prefix.encode(), []).append(rule)
        self._lengths = sorted({len(prefix) for prefix in self._enabled})

    def at(self, bytes place):
        """The enabled rules whose prefix the key of ``place`` has."""
        start = place.index(b"\0") + 1
        found = []
        for length in self._lengths:
            if start + length > len(place):
                break
            found.extend(self._enabled.get(place[start : start + length], ()))
        return found


NO_RULES = Timetable(())


def timetable_in(body):
    """The rules in a bucket's row."""
    if not flags_of(body) & HAS_RULES:
        return NO_RULES
    said = bytes(body[9:])
    found = _known.get(said)
    if found is None:
        try:
            # One by one: that they don't contradict each other was seen when they were set.
            found = Timetable(tuple(check_rules([LifecycleRule(**each)])[0] for each in json.loads(said)))
        except (ValueError, TypeError, InvalidArgumentError) as error:
            raise CorruptStoreError(
                "a bucket's rules can't be read; if a newer Trove set them update this one, or else set them anew"
            ) from error
        if len(_known) >= MOST_KNOWN:
            del _known[next(iter(_known))]
        _known[said] = found
    return found


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


cdef int64_t time_of(bytes body) noexcept:
    """When an object or version was made, in microseconds since 1970."""
    return <int64_t>load64(<const uint8_t *><char *>body + ROW_TIME)


def next_due(Index index, object txn, bytes place, timetable, bint chained):
    """When rules next ask for something at ``place``, `NEVER` if they don't; ``chained``: it may have older versions."""
    rules = timetable.at(place)
    if not rules:
        return NEVER
    ages = [rule.expiration_days * DAY for rule in rules if rule.expiration_days is not None]
    found = [NEVER]
    current = row(txn, index.objects, place, "objects")
    if current is not None:
        current = bytes(current)
        made = time_of(current)
        found.extend(made + age for age in (*ages, *moves(rules, current)))
    if ages and chained:
        replaced = oldest_replaced(index, txn, place, current)
        if replaced is not None:
            found.append(replaced + min(ages))
    return min(found)


def moves(rules, bytes current):
    """The ages at which rules move the object to a class that it is not in.

    Where there and back again are asked for, one of these may be over and done with: then it is looked at in vain.
    """
    steps = {}
    for rule in rules:
        if rule.transition_days is not None:
            age = rule.transition_days * DAY
            steps[age] = max(steps.get(age, ""), rule.transition_storage)
    if not steps:
        return []
    held = info_of("", current, 0).storage_class
    return [age for age, wanted in steps.items() if wanted != held]


def oldest_replaced(Index index, object txn, bytes place, current):
    """When the oldest version that is not current was replaced, ``None`` if there is none.

    When it was made, if it is a delete marker that is all there is.
    """
    times = [time_of(body) for _, body in islice(oldest_first(index, txn, place), 2)]
    if not times:
        return None
    if current is not None:
        times.append(time_of(current))
    return times[min(1, len(times) - 1)]


def due_key(instant, bytes place):
    """Where the table ``due`` says so; ``None`` for `NEVER`."""
    return None if instant == NEVER else expiry_key(instant, place)


cdef bytes last_key(bytes name):
    """Where it says that the bucket has rules."""
    return expiry_key(NEVER, name + b"\0")


cdef bint has_rules(Index index, object txn) except -1:
    return txn.stat(index.due)["entries"] != 0


cdef class Schedule:
    """Of the places that a commit changes."""

    def __init__(self, Index index, txn):
        self.index = index
        self.txn = txn
        self._before = {}
        self._ruled = {}

    cdef int touch(self, bytes place) except -1:
        """Something at ``place`` is about to change."""
        if place not in self._before:
            self._before[place] = self._due(place)
        return 0

    cdef object _due(self, bytes place):
        name = place[: place.index(b"\0")]
        if name not in self._ruled:
            body = row(self.txn, self.index.buckets, name, "buckets")
            self._ruled[name] = (NO_RULES, 0) if body is None else ruled_by(body)
        timetable, chained = self._ruled[name]
        return due_key(next_due(self.index, self.txn, place, timetable, chained), place)

    cdef list moved(self):
        """The rows that go and come by what was changed since the last call: [(key or ``None``, key or ``None``)]."""
        found = [(before, self._due(place)) for place, before in self._before.items()]
        self._before = {}
        return [(before, after) for before, after in found if before != after]

    def ruled_anew(self, bytes name, before, after):
        """The same as a bucket's row changes; what was changed before is through."""
        self._ruled.pop(name, None)
        had, has = flags_of(before) & HAS_RULES, flags_of(after) & HAS_RULES
        if before[9:] == after[9:] and had == has:
            return
        last = last_key(name)
        yield last if had else None, last if has else None
        old, new = ruled_by(before), ruled_by(after)
        for place in places_from(self.index, self.txn, name + b"\0", name + b"\0"):
            one, other = (due_key(next_due(self.index, self.txn, place, *each), place) for each in (old, new))
            if one != other:
                yield one, other


def ruled_by(body):
    """What `next_due` asks of a bucket's row: (its timetable, whether it has older versions)."""
    return timetable_in(body), flags_of(body) & HAS_CHAINS


def places_from(Index index, txn, prefix, start):
    """Every place under ``prefix`` from ``start`` on that has an object or an older version, in order."""
    with txn.cursor(index.objects) as objects, txn.cursor(index.versions) as older:
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


def scheduled(Index index, txn):
    """All rows that the table ``due`` should have: (bucket or place, key) each."""
    with txn.cursor(index.buckets) as walk:
        names = [bytes(name) for name, _ in walk]
    for name in names:
        body = bytes(row(txn, index.buckets, name, "buckets"))
        if not flags_of(body) & HAS_RULES:
            continue
        yield name, last_key(name)
        timetable, chained = ruled_by(body)
        for place in places_from(index, txn, name + b"\0", name + b"\0"):
            key = due_key(next_due(index, txn, place, timetable, chained), place)
            if key is not None:
                yield place, key
