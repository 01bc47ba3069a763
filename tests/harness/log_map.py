"""What stands where in the packs of a store: its commits, and the bytes of every object.

Made from the log by the reader of ``log_records``; and where that has no beginning any more, or says of a
chunk where it once stood, from the rows of ``index_rows``: what damage must cost is known without the engine.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import xxhash

from .index_rows import (
    CHUNK,
    CHUNKS,
    INLINE,
    MARKER,
    REFERENCE,
    UPLOAD_ID,
    Rows,
    content_at,
    cut_of,
    references,
    rows_in,
    rows_of,
    varint,
    version_id,
)
from .log_records import (
    DELETE_OBJECT,
    DELETE_ROW,
    DELETE_ROWS,
    MAGIC,
    MOVE_CHUNKS,
    PACK_HEADER,
    PUT_OBJECT,
    PUT_ROW,
    PUT_VERSION,
    RECORD_HEADER,
    SET_BUCKET,
    Commit,
    Extent,
    records_of,
    table_length,
)

UPLOADS = 2  # the number of their table
SETTLED = 1  # a flag of a commit
Place = tuple[str, ...]
Range = tuple[str, int, int]  # the name of a pack, start, end


@dataclass
class LogMap:
    """Where the commits of a store are, and what the last of each object says."""

    begins: int = 0  # where the log was cut, the commit of the oldest snapshot: none up to it is needed
    snapshots: set[int] = field(default_factory=set)  # the commits that those which are there are at
    commits: dict[int, list[Range]] = field(default_factory=dict)  # later ones; some stand twice
    settled: int = 0  # the last one that says that all before it was on disk
    last: dict[Place, int] = field(default_factory=lambda: defaultdict(int))  # object -> what touched it last
    data: dict[Place, list[Range]] = field(default_factory=dict)  # object -> where its chunks are
    moves: dict[Place, set[int]] = field(default_factory=dict)  # -> the commits that say that they are there
    needs: dict[Place, set[int]] = field(default_factory=dict)  # -> other commits that it is nothing without

    heads: dict[Range, Range] = field(default_factory=dict)  # where an extent's data are -> where it says so

    def __post_init__(self) -> None:
        self._rows: dict[Place, bytes | None] = {}
        self._ids: dict[Place, str] = {}  # of the current versions
        self._uploads: dict[bytes, int] = {}  # the commits that began them
        self._flags: dict[str, int] = {}  # the commits that said of a bucket what it keeps


def written(raw: bytes) -> bytes:
    """A pack without the space ahead of its last record."""
    at = PACK_HEADER.size
    while raw[at : at + 4] == MAGIC.to_bytes(4, "little"):
        length = RECORD_HEADER.unpack_from(raw, at)[2]
        at += RECORD_HEADER.size + length + -length % 8
    assert not any(raw[at:]), "there is something behind the last record"
    return raw[:at]


def log_map(store: Path) -> LogMap:
    """Reads a store that is whole, and that nobody has open."""
    found = LogMap()
    scratch = store.with_suffix(".scratch")
    rows = rows_of(store, scratch)
    cut = cut_of(rows)
    found.snapshots = {int(path.stem) for path in store.glob("snapshots/*.mdb")}
    if cut:
        found.begins = min(number for number in found.snapshots if number >= cut)
        begin(found, rows_in(store / f"snapshots/{found.begins:020d}.mdb", scratch))
    commits: list[Commit] = []
    for path in sorted(store.glob("packs/*.pack")):
        raw = written(path.read_bytes())
        records = list(records_of(raw, xxhash.xxh3_64_intdigest(raw[16:32])))
        ends = [each.offset for each in records[1:]] + [len(raw)]
        for record, end in zip(records, ends, strict=True):
            if isinstance(record, Extent):
                data = (
                    record.offset
                    + RECORD_HEADER.size
                    + table_length(raw[record.offset + RECORD_HEADER.size :])
                )
                found.heads[path.name, data, end] = path.name, record.offset, data
            elif isinstance(record, Commit) and record.sequence > found.begins:
                if record.sequence not in found.commits:
                    commits.append(record)
                found.commits.setdefault(record.sequence, []).append((path.name, record.offset, end))
    moved: dict[tuple[bytes, int, int], int] = {}
    for commit in sorted(commits, key=lambda each: each.sequence):
        if commit.flags & SETTLED:
            found.settled = commit.sequence
        for operation, name, row in commit.operations:
            apply(found, commit.sequence, operation, name, row)
            if operation == MOVE_CHUNKS:
                moved |= {
                    (key, pack, offset): commit.sequence for key, _, pack, offset, _ in references(name)
                }
    assert sorted(found.commits) == list(range(found.begins + 1, found.begins + 1 + len(found.commits))), (
        "commits are missing from the map"
    )
    lay_out(found, rows, moved)
    return found


def begin(found: LogMap, rows: Rows) -> None:
    """What the oldest snapshot has, as if it came before all commits."""
    for name, row in rows["buckets"].items():
        if row[8:]:
            found._flags[name.decode()] = 0
    for name, row in rows["objects"].items():
        change_object(found, 0, PUT_OBJECT, name, row)
    for name, row in rows["versions"].items():
        bucket, key, stamp = name.split(b"\0", 2)
        if stamp and row[0] != MARKER:
            touch(found, 0, (bucket.decode(), key.decode(), version_id(row)), row)
    for name, row in rows["uploads"].items():
        change_row(found, 0, UPLOADS, name, row)


def lay_out(found: LogMap, rows: Rows, moved: dict[tuple[bytes, int, int], int]) -> None:
    """Where the chunks of each object are, wherever its row says that they were."""
    for place, row in found._rows.items():
        found.data[place], found.moves[place] = [], set()
        for key, length in [] if row is None else chunks_of(rows["lists"], row):
            pack, there, offset, _ = CHUNK.unpack(rows["chunks"][key])
            assert there == length
            found.data[place].append((f"{pack:010d}.pack", offset, offset + length))
            found.moves[place] |= {moved[key, pack, offset]} if (key, pack, offset) in moved else set()


def apply(found: LogMap, sequence: int, operation: int, name: bytes, row: bytes | None) -> None:
    if operation in (PUT_OBJECT, PUT_VERSION, DELETE_OBJECT):
        change_object(found, sequence, operation, name, row)
    elif operation == SET_BUCKET:
        bucket = name.decode()
        for what in ("kept", "rules"):
            found.last[bucket, what, ""] = sequence
        found._flags.setdefault(bucket, sequence)
    elif operation in (PUT_ROW, DELETE_ROW, DELETE_ROWS):
        change_row(found, sequence, name[0], name[1:], row)


def touch(found: LogMap, sequence: int, place: Place, row: bytes | None) -> None:
    found.last[place] = sequence
    found._rows[place] = row
    found.needs.setdefault(place, set())


def change_object(found: LogMap, sequence: int, operation: int, name: bytes, row: bytes | None) -> None:
    """The object and, where there are versions, the one that it is; one that is kept stays what it is."""
    bucket, _, key = name.decode().partition("\0")
    touch(found, sequence, (bucket, key), row)
    before = found._ids.pop((bucket, key), None)
    if before is not None and operation != PUT_VERSION:
        touch(found, sequence, (bucket, key, before), None)
    if row is None:
        return
    named = version_id(row)
    touch(found, sequence, (bucket, key, named), row)
    if bucket in found._flags:
        found.needs[bucket, key, named].add(found._flags[bucket])
    if row[0] != MARKER:
        found._ids[bucket, key] = named


def change_row(found: LogMap, sequence: int, table: int, name: bytes, row: bytes | None) -> None:
    bucket, key, rest = name.split(b"\0", 2)
    place = bucket.decode(), key.decode()
    if table == UPLOADS:
        begun = bucket + b"\0" + key + b"\0" + rest[:UPLOAD_ID]
        if len(rest) == UPLOAD_ID and row is not None:
            found._uploads[begun] = sequence
            return
        if len(rest) == UPLOAD_ID:  # it is over
            for part in [each for each in found._rows if each[:2] == place and each[2:3] > ("part",)]:
                touch(found, sequence, part, None)
            return
        part = (*place, f"part {int.from_bytes(rest[UPLOAD_ID:], 'big')}")
        touch(found, sequence, part, row)
        found.needs[part].add(found._uploads[begun])
    elif rest:
        named = rest.hex() if (*place, rest.hex()) in found.last else ""
        if found._ids.get(place) != named:  # else it is current from now on
            touch(found, sequence, (*place, named), row)


def chunks_of(lists: dict[bytes, bytes], row: bytes) -> list[tuple[bytes, int]]:
    """The keys of an object's chunks, and their lengths."""
    at = content_at(row)
    if row[0] in (INLINE, MARKER):
        return []
    if row[0] == CHUNKS:
        count, at = varint(row, at)
        raw = row[at : at + count * REFERENCE.size]
    else:
        raw = lists[row[at : at + 12]]
    return [(key, length) for key, length, *_ in references(raw)]
