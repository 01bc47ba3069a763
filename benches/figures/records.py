"""Records of 100 bytes: what keeping them costs beside the engine's own put and get, and beside peers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from trove.store import DriverStore
from trove.store.naming import name_of

from ..records.contestant import Keeper
from ..records.ours import EngineRecords
from .bench import Bench
from .figure import Figure
from .turns import Ratio, compare, timed, used_ratio

SIZE = 100
TTL = timedelta(days=1)
BUCKET = DriverStore.OPTIONS["bucket"]
LISTED = 1000
PAGES = 5
ROUNDS = 5  # as many as of others: what is compared here differs by little
PEERS = ("sqlite3-normal", "diskcache")

Put = Callable[[str, bytes], object]
Reads = tuple[list[str], Callable[[str], object]]
"""Keys, and what reads each of them."""


def write(bench: Bench) -> Iterator[Figure]:
    """The record, and for the engine the instant of its end, are made for each write: a program has to."""
    ours, engine = bench.records(), bench.ours()
    count = 2 * bench.amount.puts

    def put_until(key: str, data: bytes) -> None:
        engine.driver.put(engine.bucket, key, data, expires_at=datetime.now(UTC) + TTL)

    plain, with_ttl = "write a record, relaxed", "write a record with a ttl, relaxed"
    for what, own, other in ((plain, ours.put, engine.put), (with_ttl, lasting(ours), put_until)):
        ratio, used = writes(bench, own, other)
        yield _to_the_engine(f"{what}: time to the engine's own put", ratio, f"{ratio.note(count)}; {used}")
    for name in PEERS:
        peer = bench.keeper(name)
        yield _to_peer(plain, name, writes(bench, ours.put, peer.put)[0], count)
        yield _to_peer(with_ttl, name, writes(bench, lasting(ours), lasting(peer))[0], count)


def read(bench: Bench) -> Iterator[Figure]:
    """By the store, and by the driver as the objects that the records are."""
    ours = bench.records()
    records = bench.objects(bench.amount.library, SIZE)
    keys = [key for key, _ in records]
    names = [name_of((), key) for key in keys]
    count = bench.amount.gets

    def get(name: str) -> bytes:
        return ours.driver.get(BUCKET, name).read()

    for what, put in (("read a record", ours.put), ("read a record that expires", lasting(ours))):
        fill(put, records)
        ratio, used = reads(bench, (keys, ours.get), (names, get))
        what = f"{what}: time to the engine's own get of it, with reading its bytes"
        yield _to_the_engine(what, ratio, f"{ratio.note(count)}; {used}")
    fill(ours.put, records)
    for name in PEERS:
        peer = bench.keeper(name)
        fill(peer.put, records)
        yield _to_peer("read a record", name, reads(bench, (keys, ours.get), (keys, peer.get))[0], count)


def listing(bench: Bench) -> Iterator[Figure]:
    bench.need(1024 * bench.amount.many)
    few = max(1, bench.amount.many // 100)
    page = min(LISTED, few)
    large, small = (_in_folders(bench, count, page) for count in (bench.amount.many, few))
    among = f"among {bench.amount.many:,}: time to that among {few:,}"

    def listed(filled: _InFolders) -> float:
        return _timed_pages(bench, filled, page, filled.keeper.keys)

    def got(filled: _InFolders) -> float:
        store = filled.keeper.store
        return _timed_pages(bench, filled, page, lambda prefix: len(store.read(prefix, prefix=True)))

    for what, side in (("list", listed), ("read", got)):
        ratio = compare(partial(side, large), partial(side, small), bench.amount.rounds)
        yield Figure(
            f"{what} the {page:,} records of a prefix {among}",
            "the same (at most 1.2x)",
            1.2,
            ratio.median,
            note=ratio.note(PAGES),
        )


def lasting(keeper: Keeper, ttl: timedelta = TTL) -> Put:
    """Has the keeper store what is put for so long."""
    return lambda key, data: keeper.put_for(key, data, ttl)


def fill(put: Put, records: Sequence[tuple[str, bytes]]) -> None:
    for key, data in records:
        put(key, data)


def writes(bench: Bench, first: Put, second: Put) -> tuple[Ratio, str]:
    """New keys, and then all of them again with other contents; the ratio, and what is used of processors."""

    def side(put: Put, used: list[float]) -> float:
        new, other = (bench.objects(bench.amount.puts, SIZE) for _ in range(2))
        again = [(key, data) for (key, _), (_, data) in zip(new, other, strict=True)]
        return timed(put, [*new, *again], used)

    os.sync()  # what was written before is nobody's to flush in this comparison
    return _compared(bench, partial(side, first), partial(side, second))


def reads(bench: Bench, first: Reads, second: Reads) -> tuple[Ratio, str]:
    """Some of these keys, in an order that nobody can foresee."""

    def side(keys: list[str], get: Callable[[str], object], used: list[float]) -> float:
        return timed(get, bench.chosen(keys, bench.amount.gets), used)

    return _compared(bench, partial(side, *first), partial(side, *second))


def _compared(
    bench: Bench, first: Callable[[list[float]], float], second: Callable[[list[float]], float]
) -> tuple[Ratio, str]:
    used: tuple[list[float], list[float]] = [], []
    ratio = compare(lambda: first(used[0]), lambda: second(used[1]), ROUNDS * bench.amount.rounds)
    return ratio, used_ratio(*used)


def _to_the_engine(what: str, ratio: Ratio, note: str) -> Figure:
    return Figure(what, "at most 1.3x", 1.3, ratio.median, note=note)


def _to_peer(what: str, name: str, ratio: Ratio, count: int) -> Figure:
    if name == "diskcache":
        turned = ratio.inverted()
        what = f"{what}: diskcache's time to ours"
        return Figure(what, "at least 4x", 4.0, turned.median, at_least=True, note=turned.note(count))
    return Figure(f"{what}: time to SQLite's", "below 1x", 1.0, ratio.median, note=ratio.note(count))


@dataclass(frozen=True)
class _InFolders:
    """A store, and the prefixes under each of which there are as many records."""

    keeper: EngineRecords
    prefixes: list[str]


def _in_folders(bench: Bench, count: int, each: int) -> _InFolders:
    filled = _InFolders(bench.records(), [f"{number:06d}/" for number in range(count // each)])
    for prefix in filled.prefixes:
        fill(filled.keeper.put, [(prefix + key, data) for key, data in bench.objects(each, SIZE)])
    return filled


def _timed_pages(bench: Bench, filled: _InFolders, page: int, count: Callable[[str], int]) -> float:
    """Seconds for some prefixes, wherever in the store."""
    counts: list[int] = []
    seconds = timed(lambda prefix: counts.append(count(prefix)), bench.chosen(filled.prefixes, PAGES))
    if counts != [page] * PAGES:
        raise AssertionError(f"{counts} records of prefixes that have {page}")
    return seconds
