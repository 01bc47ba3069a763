"""The rows of a store's index, read without the engine, and what must be true of them.

The layouts are written down here a second time on purpose: a decoder of the engine's own would follow any
change of the format without a word.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import lmdb
import xxhash

import trove

HOLDING = ("objects", "versions", "uploads")  # rows that hold content
TABLES = ("buckets", *HOLDING, "expiry", "due", "lists", "list_uses", "chunks", "packs", "quotas", "meta")
INLINE, CHUNKS, LIST, MARKER = range(4)
HAS_EXPIRY = 1  # a flag of an object's row
HAS_RULES = 4  # one of a bucket's
DAY = 86_400_000_000  # microseconds
NEVER = (1 << 63) - 1  # a later instant than there is
AT_THE_END = bytes([255]) * 8  # of time: where a bucket with rules stands among what is due
UPLOAD_ID = 16  # bytes
REFERENCE = struct.Struct("<16sIIQ")  # id, length and salt, pack, offset and above it the length decompressed
OFFSET_BITS = 40
CHUNK = struct.Struct("<IIQQ")  # pack, length, offset, references
WORD = (1 << 64) - 1

Rows = dict[str, dict[bytes, bytes]]


def seed_of(key: bytes) -> int:
    seed = 0xCBF29CE484222325
    for byte in key:
        seed = ((seed ^ byte) * 0x100000001B3) & WORD
    return seed


def rows_of(store: Path | str, scratch: Path) -> Rows:
    """All rows of all tables, their seals checked and taken off. The store is closed, or nobody writes."""
    return rows_in(Path(store, "index", "data.mdb"), scratch)


def rows_in(file: Path, scratch: Path) -> Rows:
    """Those of an index, or of a snapshot."""
    copy = scratch / "index-copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    shutil.copyfile(file, copy / "data.mdb")
    size = (copy / "data.mdb").stat().st_size
    rows: Rows = {}
    env = lmdb.open(
        str(copy),
        map_size=size,
        readonly=True,
        lock=False,
        max_dbs=len(TABLES) + 8,
        lib_version=1,
        create=False,
    )
    try:
        with env.begin() as txn:
            names = {bytes(name).decode().rstrip("\0") for name, _ in txn.cursor()}
            names.discard("spare")  # whose rows say nothing
            # An index that an older Trove closed lacks what it did not know.
            assert names <= set(TABLES), f"other tables than are known: {sorted(names - set(TABLES))}"
            rows.update((table, {}) for table in TABLES if table not in names)
        for table in TABLES:
            if table in rows:
                continue
            with env.begin(db=env.open_db(table.encode(), create=False)) as txn:
                rows[table] = {}
                for key, value in txn.cursor():
                    seal, body = value[:8], value[8:]
                    assert int.from_bytes(seal, "little") == xxhash.xxh3_64_intdigest(body, seed_of(key)), (
                        f"the seal of a row of {table} does not fit: {key!r}"
                    )
                    rows[table][key] = body
    finally:
        env.close()
        shutil.rmtree(copy)
    return rows


def cut_of(rows: Rows) -> int:
    """The commit up to which the log may lack some; 0 where it has all."""
    return int.from_bytes(rows["meta"].get(b"cut", b"")[:8], "little")


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7


def content_at(row: bytes) -> int:
    at = 34 + (8 if row[1] & HAS_EXPIRY else 0)
    for _ in range(3):
        length, at = varint(row, at)
        at += length
    for _ in range(2):
        count, at = varint(row, at)
        for _ in range(2 * count):
            length, at = varint(row, at)
            at += length
    return at


def references(raw: bytes) -> list[tuple[bytes, int, int, int, int]]:
    """Of references, end to end: (key in the table of chunks, length, pack, offset, bytes of content)."""
    found = []
    for digest, packed, pack, place in REFERENCE.iter_unpack(raw):
        length, offset = packed & 0xFFFFFF, place & ((1 << OFFSET_BITS) - 1)
        found.append((digest + bytes([packed >> 24]), length, pack, offset, place >> OFFSET_BITS or length))
    return found


def check_counts(rows: Rows) -> None:
    """Recount every reference from objects and lists, and the live bytes of packs from the chunks."""
    uses: Counter[bytes] = Counter()
    chunks: Counter[bytes] = Counter()
    lengths = {}
    for place, row in (item for table in HOLDING for item in rows[table].items()):
        if row[0] == MARKER:
            continue
        at = content_at(row)
        size = int.from_bytes(row[2:10], "little")
        held: list[tuple[bytes, int, int, int, int]] = []
        if row[0] == INLINE:
            assert len(row) - at == size, place
            continue
        if row[0] == LIST:
            list_id = row[at : at + 12]
            uses[list_id] += 1
            held = references(rows["lists"][list_id])
        else:
            assert row[0] == CHUNKS, place
            count, at = varint(row, at)
            held = references(row[at : at + count * REFERENCE.size])
            assert len(held) == count, place
            for key, length, *_ in held:
                chunks[key] += 1
                lengths[key] = length
        assert sum(content for *_, content in held) == size, place
    for list_id, raw in rows["lists"].items():
        for key, length, *_ in references(raw):
            chunks[key] += 1
            lengths[key] = length
        assert list_id in uses, "a list that no object uses"
    assert {key: int.from_bytes(count, "little") for key, count in rows["list_uses"].items()} == dict(uses)
    counted = {key: CHUNK.unpack(body)[3] for key, body in rows["chunks"].items()}
    assert counted == dict(chunks)
    live: Counter[bytes] = Counter()
    for key, body in rows["chunks"].items():
        pack, length, _, _ = CHUNK.unpack(body)  # it may have been moved from where it is said to stand
        assert lengths[key] == length
        live[pack.to_bytes(4, "big")] += length
    for number, body in rows["packs"].items():
        assert int.from_bytes(body[:8], "little") == live[number], f"live bytes of pack {number.hex()}"
    assert set(live) <= set(rows["packs"])


def check_quotas(rows: Rows) -> None:
    """Count what is used of each quota anew."""
    for key, quota in rows["quotas"].items():
        assert key == b"\0" or key in rows["buckets"], f"a quota of no bucket: {key!r}"
        size = number = 0
        for table in HOLDING:
            for place, row in rows[table].items():
                if row[0] != MARKER and (key == b"\0" or place.startswith(key + b"\0")):
                    size += int.from_bytes(row[2:10], "little")
                    number += table != "uploads"
        assert struct.unpack("<QQQQ", quota)[2:] == (size, number), f"what is used of the quota of {key!r}"


def check_expiry(rows: Rows) -> None:
    """Every object that expires is where one looks for it, and nothing else is."""
    due = set()
    for place, row in rows["objects"].items():
        if row[1] & HAS_EXPIRY:
            instant = int.from_bytes(row[34:42], "little", signed=True)
            due.add((instant + (1 << 63)).to_bytes(8, "big") + place)
    assert rows["expiry"].keys() == due, "what expires is not what the objects say"


def check_due(rows: Rows) -> None:
    """Every place that rules will ask for something at is where one looks for it, and nothing else is."""
    due = set()
    for bucket, said in rows["buckets"].items():
        if len(said) <= 9 or not said[8] & HAS_RULES:
            continue
        rules = [rule for rule in json.loads(said[9:]) if rule["enabled"]]
        due.add(AT_THE_END + bucket + b"\0")
        for place, chain in chains_of(rows, bucket).items():
            key = place.split(b"\0")[1].decode()
            instant = next_step(chain, [rule for rule in rules if key.startswith(rule["prefix"])])
            if instant is not None:
                due.add((instant + (1 << 63)).to_bytes(8, "big") + place)
    assert rows["due"].keys() == due, "what rules will do is not what rules and objects say"


def chains_of(rows: Rows, bucket: bytes) -> dict[bytes, list[bytes | None]]:
    """The rows at each place of a bucket, oldest first; the last is the current one, or None."""
    chains: dict[bytes, list[bytes | None]] = {}
    for key in sorted(rows["versions"]):
        name, key_of, when = key.split(b"\0", 2)
        if name == bucket and when:
            chains.setdefault(name + b"\0" + key_of, []).append(rows["versions"][key])
    current = {place for place in rows["objects"] if place.startswith(bucket + b"\0")}
    return {place: [*chains.get(place, []), rows["objects"].get(place)] for place in current | chains.keys()}


def next_step(chain: list[bytes | None], rules: list[dict[str, Any]]) -> int | None:
    """When the first of ``rules`` asks for something of these rows, in microseconds since 1970."""
    *older, current = chain
    times = [int.from_bytes(row[10:18], "little", signed=True) for row in chain if row is not None]
    ends = min(
        (rule["expiration_days"] * DAY for rule in rules if rule["expiration_days"] is not None), default=None
    )
    steps = []
    if ends is not None:
        if older:
            steps.append(times[min(1, len(times) - 1)] + ends)
        if current is not None:
            steps.append(times[-1] + ends)
    if current is not None:
        moves: dict[int, str] = {}
        for rule in sorted(rules, key=lambda rule: rule["transition_storage"] or ""):
            if rule["transition_days"] is not None:
                moves[rule["transition_days"] * DAY] = rule["transition_storage"]
        held = attribute(current, 1) or "STANDARD"
        steps.extend(times[-1] + age for age, wanted in moves.items() if wanted != held)
    soonest = min(steps, default=NEVER)
    return soonest if soonest < NEVER else None


def check_chains(rows: Rows) -> None:
    """Old versions are where their ids say; of the one without, a row says where it is."""
    nameless, pointers = {}, {}
    for key, row in rows["versions"].items():
        bucket, name, when = key.split(b"\0", 2)
        place = bucket + b"\0" + name
        if not when:
            pointers[place] = row[content_at(row) :]
            continue
        named = version_id(row)
        if not named:
            assert place not in nameless, "two versions without an id"
            nameless[place] = when
        assert named in ("", when.hex()), "a version that stands where another one should"
        if row[0] == MARKER:
            assert row[content_at(row) :] == when
        current = rows["objects"].get(place)
        assert current is None or version_id(current) not in (named, when.hex()), (
            "a version that is there twice"
        )
    assert pointers == nameless, "the versions without an id are not where they are said to be"


def version_id(row: bytes) -> str:
    return attribute(row, 2)


def attribute(row: bytes, number: int) -> str:
    """A text of a row's attributes: content type, storage class, version id."""
    at = 34 + (8 if row[1] & HAS_EXPIRY else 0)
    for _ in range(number):
        length, at = varint(row, at)
        at += length
    length, at = varint(row, at)
    return row[at : at + length].decode()


def check_uploads(rows: Rows) -> None:
    """No part is there without its upload."""
    for key in rows["uploads"]:
        bucket, name, rest = key.split(b"\0", 2)
        assert len(rest) in (UPLOAD_ID, UPLOAD_ID + 2)
        assert bucket + b"\0" + name + b"\0" + rest[:UPLOAD_ID] in rows["uploads"], "a part of no upload"
        assert bucket in rows["buckets"], "an upload in no bucket"


def rebuilt_rows(store: Path | str, scratch: Path, cut: int = 0) -> Rows:
    """The rows that the log alone gives: of a copy of the store that has its STORE file and its packs.

    Where it was ``cut``, by a number that is not 0, they begin with the oldest snapshot from that one on.
    """
    copy = scratch / "log-copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    shutil.copyfile(Path(store, "STORE"), copy / "STORE")
    shutil.copytree(Path(store, "packs"), copy / "packs")
    if cut:
        (copy / "snapshots").mkdir()
        kept = min(path for path in Path(store, "snapshots").glob("*.mdb") if int(path.stem) >= cut)
        for path in (kept, kept.with_suffix(".xxh3")):
            shutil.copyfile(path, copy / "snapshots" / path.name)
    with contextlib.closing(trove.open(f"trove://{copy}")):
        pass
    rows = rows_of(copy, scratch)
    shutil.rmtree(copy)
    return rows


def check_store(store: Path | str, scratch: Path) -> Rows:
    """The index of a closed store is right in itself, and is what its log gives."""
    rows = rows_of(store, scratch)
    check_counts(rows)
    check_quotas(rows)
    check_expiry(rows)
    check_due(rows)
    check_chains(rows)
    check_uploads(rows)
    again = rebuilt_rows(store, scratch, cut_of(rows))
    for table in TABLES:
        assert again[table].keys() == rows[table].keys(), f"rebuilt, {table} has other keys"
        assert again[table] == rows[table], f"rebuilt, {table} has other rows"
    return rows
