"""Records of 100 bytes with an expiry: Trove's stores of them beside what people keep such records in.

Groups are named as those of objects are, and say how durable a write is in the same way.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from trove.testing.benchmarks import Entry
from trove.testing.benchmarks.contestant import readers
from trove.testing.benchmarks.suite import Measurement, each
from trove.testing.benchmarks.workload import KIB, SEED, Repeats, new_objects

from .records import keepers
from .records.contestant import Keeper, has

SIZE = 100
HOUR = timedelta(hours=1)
KEEPERS = keepers()


def of(entries: list[Entry], *, read: bool = False) -> pytest.MarkDecorator:
    """Runs a benchmark once for each of them; with ``read``, for one of each family."""
    chosen = readers(entries) if read else entries
    names = [entry.family if read else entry.name for entry in chosen]
    return pytest.mark.parametrize("contestant", chosen, ids=names, indirect=True)


@of(KEEPERS)
def test_write(measure: Measurement, contestant: Keeper) -> None:
    """New keys."""
    repeats = measure.plan.writes(KIB, measure.entry.durability)
    measure.write("record-write", each(contestant.put, new_objects(SIZE, repeats.calls)), repeats)


@of(KEEPERS)
def test_write_with_a_ttl(measure: Measurement, contestant: Keeper) -> None:
    repeats = measure.plan.writes(KIB, measure.entry.durability)
    records = ((key, data, HOUR) for key, data in new_objects(SIZE, repeats.calls))
    measure.write("record-write-ttl", each(contestant.put_for, records), repeats)


@of(KEEPERS, read=True)
def test_read(measure: Measurement, contestant: Keeper) -> None:
    """In an order that nobody can foresee; half of the records expire some day."""
    records = dict(new_objects(SIZE, measure.plan.objects))
    for number, (key, data) in enumerate(records.items()):
        if number % 2:
            contestant.put_for(key, data, HOUR)
        else:
            contestant.put(key, data)
    assert all(contestant.get(key) == data for key, data in records.items())
    repeats = measure.plan.reads(KIB)
    generator = random.Random(f"{SEED}/records")
    keys = ((key,) for key in generator.choices(list(records), k=repeats.calls))
    measure.read("record-read", each(contestant.get, keys), repeats)


@of([entry for entry in KEEPERS if has(entry, "keys")], read=True)
def test_list(measure: Measurement, contestant: Keeper) -> None:
    """The records of one prefix among a hundred prefixes."""
    prefixes, records = (5, 4) if measure.plan.quick else (100, 100)
    for number, (key, data) in enumerate(new_objects(SIZE, prefixes * records)):
        contestant.put(f"{number // records:03d}/{key}", data)
    assert contestant.keys("003/") == records
    repeats = Repeats(1, 1) if measure.plan.quick else Repeats(20, 5)
    measure.read("record-list", lambda: contestant.keys("003/"), repeats)


@of([entry for entry in KEEPERS if has(entry, "expire")])
def test_expire(measure: Measurement, contestant: Keeper) -> None:
    """Free what is due, among what is not yet."""
    repeats = measure.plan.few(measure.entry.durability)
    due = 10 if measure.plan.quick else 1000
    now = datetime.now(UTC)
    for number, (key, data) in enumerate(new_objects(SIZE, repeats.calls * due)):
        contestant.put_for(key, data, HOUR * (1 + number // due))
    moments = ((now + HOUR * (number + 1.5),) for number in range(repeats.calls))
    measure.write("record-expire", each(contestant.expire, moments), repeats, operations=due)
