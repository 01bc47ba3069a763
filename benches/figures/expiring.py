"""Records that expire: nothing until they are due, then the cost of what expires."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from trove.driver import LifecycleDriver

from ..records.contestant import Keeper
from ..records.ours import EngineRecords
from .bench import Bench, UnavailableError
from .figure import Figure
from .records import PEERS, SIZE, fill, lasting, reads, writes
from .turns import Ratio, compare, shown_time, timed

SOON, LATE = timedelta(hours=1), timedelta(days=365)
BATCH = 1000
LOOKS = 20  # for what is due


@dataclass(frozen=True)
class Filled:
    """A store, and the records that it was filled with."""

    keeper: EngineRecords
    keys: list[str]


def expiry(bench: Bench) -> Iterator[Figure]:
    """All figures of three large stores: records that never expire, as many that do, a tenth of these."""
    bench.need(2048 * bench.amount.many)
    expiring, never = _filled(bench, bench.amount.many, LATE, None)
    if not isinstance(expiring.keeper.driver, LifecycleDriver):
        raise UnavailableError(f"driver {expiring.keeper.driver.name!r} frees nothing that expires")
    yield from _before_it_is_due(bench, expiring.keeper, never.keeper)
    (fewer,) = _filled(bench, bench.amount.many // 10, LATE)
    yield from _when_it_is_due(bench, expiring, fewer, never)
    yield _all_due(bench, expiring, fewer)


def _before_it_is_due(bench: Bench, expiring: EngineRecords, never: EngineRecords) -> Iterator[Figure]:
    """What the others cost, those that never expire."""
    of = f"among {bench.amount.many:,} that expire some day: time to that among as many that never do"
    ratio, used = writes(bench, expiring.put, never.put)
    yield _nothing(f"write a record, relaxed, {of}", ratio, f"{ratio.note(2 * bench.amount.puts)}; {used}")
    records = bench.objects(bench.amount.library, SIZE)
    for keeper in (expiring, never):
        fill(keeper.put, records)
    keys = [key for key, _ in records]
    ratio, used = reads(bench, (keys, expiring.get), (keys, never.get))
    yield _nothing(f"read a record {of}", ratio, f"{ratio.note(bench.amount.gets)}; {used}")
    looks = [timed(expiring.expire, [(datetime.now(UTC),)]) for _ in range(LOOKS)]
    yield Figure(
        f"look for what is due, among {bench.amount.many:,} that are not",
        "under 1 ms",
        1.0,
        statistics.median(looks) * 1e3,
        "ms",
        note=f"the slowest of {LOOKS}: {shown_time(max(looks))}",
    )


def _nothing(what: str, ratio: Ratio, note: str) -> Figure:
    return Figure(what, "nothing (at most 1.1x)", 1.1, ratio.median, note=note)


def _when_it_is_due(bench: Bench, many: Filled, fewer: Filled, never: Filled) -> Iterator[Figure]:
    due = max(1, bench.amount.many // 100)
    chosen = random.Random(due)

    def freeing(filled: Filled, together: bool = False) -> float:
        """Some are due, in a row or anywhere among the others; after, they are there again."""
        first = chosen.randrange(len(filled.keys) - due + 1)
        keys = filled.keys[first : first + due] if together else chosen.sample(filled.keys, due)
        records = [(key, data) for key, (_, data) in zip(keys, bench.objects(due, SIZE), strict=True)]
        fill(lasting(filled.keeper, SOON), records)
        seconds = _freed(filled.keeper, SOON, due)
        fill(lasting(filled.keeper, LATE), records)
        return seconds

    def deleting() -> float:
        keys = chosen.sample(never.keys, due)
        seconds = timed(never.keeper.delete, [(key,) for key in keys])
        for key, (_, data) in zip(keys, bench.objects(due, SIZE), strict=True):
            never.keeper.put(key, data)
        return seconds

    what = f"free {due:,} records that are due, relaxed, among {len(many.keys):,}"
    for where, together in ((" in a row", True), ("", False)):
        ratio = compare(
            partial(freeing, many, together), partial(freeing, fewer, together), bench.amount.rounds
        )
        yield Figure(
            f"{what}{where}: time to that among {len(fewer.keys):,}",
            "the cost of what expires (at most 1.3x)",
            1.3,
            ratio.median,
            note=ratio.note(due),
        )
    ratio = compare(lambda: freeing(many), deleting, bench.amount.rounds)
    yield Figure(f"{what}: time to deleting as many", "at most 1x", 1.0, ratio.median, note=ratio.note(due))


def _all_due(bench: Bench, many: Filled, fewer: Filled) -> Figure:
    """When all of the large store is due, and beside it peers of which a tenth of it is asked."""
    notes = []
    for name in PEERS:
        try:
            peer = bench.keeper(name)
        except UnavailableError as error:
            notes.append(str(error))
            continue
        fill(lasting(peer, LATE), bench.objects(len(fewer.keys), SIZE))
        seconds = _freed(peer, LATE, len(fewer.keys))
        notes.append(f"{name} {shown_time(seconds / len(fewer.keys))}")
    few = _freed(fewer.keeper, LATE, len(fewer.keys)) / len(fewer.keys)
    all_of_them = _freed(many.keeper, LATE, len(many.keys)) / len(many.keys)
    return Figure(
        f"free {len(many.keys):,} records, all due: time for each to that of {len(fewer.keys):,}, all due",
        "the same (at most 1.3x)",
        1.3,
        all_of_them / few,
        note=f"{shown_time(all_of_them)} to {shown_time(few)}; of as many as the latter: {', '.join(notes)}",
    )


def _freed(keeper: Keeper, ttl: timedelta, count: int) -> float:
    """Seconds to free all that was put for ``ttl``, of which there are ``count``."""
    freed: list[object] = []
    seconds = timed(lambda now: freed.append(keeper.expire(now)), [(datetime.now(UTC) + ttl,)])
    if freed != [count]:
        raise AssertionError(f"{freed} of {count} records were freed")
    return seconds


def _filled(bench: Bench, count: int, *ttls: timedelta | None) -> list[Filled]:
    """A store for each of these, filled in turns: which one is filled first makes a difference."""
    filled = [Filled(bench.records(), []) for _ in ttls]
    while len(filled[0].keys) < count:
        records = bench.objects(min(BATCH, count - len(filled[0].keys)), SIZE)
        for one, ttl in zip(filled, ttls, strict=True):
            fill(lasting(one.keeper, ttl) if ttl else one.keeper.put, records)
            one.keys.extend(key for key, _ in records)
    return filled
