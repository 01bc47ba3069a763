"""Records of 100 bytes: what keeping them costs beside the engine's own put and get, and beside peers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from ..records.contestant import Keeper
from ..records.ours import EngineRecords
from .bench import Bench
from .figure import Figure
from .turns import Ratio, compare, timed

SIZE = 100
TTL = timedelta(days=1)
LISTED = 1000
PAGES = 5
PEERS = ("sqlite3-normal", "diskcache")

Put = Callable[[str, bytes], object]


def write(bench: Bench) -> Iterator[Figure]:
    """The record, and for the engine the instant of its end, are made for each write: a program has to."""
    ours, engine = bench.records(), bench.ours()
    count = 2 * bench.amount.puts

    def put_until(key: str, data: bytes) -> None:
        engine.driver.put(engine.bucket, key, data, expires_at=datetime.now(UTC) + TTL)

    plain, with_ttl = "write a record, relaxed", "write a record with a ttl, relaxed"
    for what, own, other in ((plain, ours.put, engine.put), (with_ttl, lasting(ours), put_until)):
        yield _to_the_engine(f"{what}: time to the engine's own put", _writes(bench, own, other), count)
    for name in PEERS:
        peer = bench.keeper(name)
        yield _to_peer(plain, name, _writes(bench, ours.put, peer.put), count)
        yield _to_peer(with_ttl, name, _writes(bench, lasting(ours), lasting(peer)), count)


def read(bench: Bench) -> Iterator[Figure]:
    ours, engine = bench.records(), bench.ours()
    records = bench.objects(bench.amount.library, SIZE)
    keys = [key for key, _ in records]

    def get(key: str) -> bytes:
        return engine.driver.get(engine.bucket, key).read()

    for what, until in (("read a record", None), ("read a record that expires", datetime.now(UTC) + TTL)):
        fill(lasting(ours) if until else ours.put, records)
        for key, data in records:
            engine.driver.put(engine.bucket, key, data, expires_at=until)
        ratio = _reads(bench, keys, ours.get, get)
        what = f"{what}: time to the engine's own get, with reading its bytes"
        yield _to_the_engine(what, ratio, bench.amount.gets)
    fill(ours.put, records)
    for name in PEERS:
        peer = bench.keeper(name)
        fill(peer.put, records)
        ratio = _reads(bench, keys, ours.get, peer.get)
        yield _to_peer("read a record", name, ratio, bench.amount.gets)


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


def some_writes(bench: Bench, put: Put) -> float:
    """Seconds to put new keys, and then all of them again with other contents."""
    new, other = (bench.objects(bench.amount.puts, SIZE) for _ in range(2))
    return timed(put, [*new, *((key, data) for (key, _), (_, data) in zip(new, other, strict=True))])


def _writes(bench: Bench, own: Put, other: Put) -> Ratio:
    os.sync()  # what was written before is nobody's to flush in this comparison
    return compare(lambda: some_writes(bench, own), lambda: some_writes(bench, other), bench.amount.rounds)


def _reads(
    bench: Bench, keys: list[str], own: Callable[[str], object], other: Callable[[str], object]
) -> Ratio:
    return compare(
        lambda: timed(own, bench.chosen(keys, bench.amount.gets)),
        lambda: timed(other, bench.chosen(keys, bench.amount.gets)),
        bench.amount.rounds,
    )


def _to_the_engine(what: str, ratio: Ratio, count: int) -> Figure:
    return Figure(what, "at most 1.3x", 1.3, ratio.median, note=ratio.note(count))


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
