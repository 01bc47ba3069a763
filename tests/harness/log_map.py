"""What stands where in the packs of a store: its commits, and the bytes of every object.

Made from the log alone, by the reader of ``log_records``: what damage must cost is known without the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import xxhash

from .index_rows import (
    CHUNKS,
    INLINE,
    MARKER,
    REFERENCE,
    UPLOAD_ID,
    content_at,
    references,
    varint,
    version_id,
)
from .log_records import (
    ADD_LIST,
    DELETE_OBJECT,
    DELETE_ROW,
    DELETE_ROWS,
    MAGIC,
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
Place = tuple[str, ...]
Range = tuple[str, int, int]  # the name of a pack, start, end


@dataclass
class LogMap:
    """Where the commits of a store are, and what the last of each object says."""

    commits: dict[int, Range] = field(default_factory=dict)  # by their numbers
    last: dict[Place, int] = field(default_factory=dict)  # object -> the commit that touched it last
    data: dict[Place, list[Range]] = field(default_factory=dict)  # object -> where its chunks are
    needs: dict[Place, set[int]] = field(default_factory=dict)  # -> other commits that it is nothing without

    heads: dict[Range, Range] = field(default_factory=dict)  # where an extent's data are -> where it says so

    def __post_init__(self) -> None:
        self._lists: dict[bytes, bytes] = {}
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
    """Reads the packs of a store that is whole."""
    found = LogMap()
    commits: list[tuple[Commit, Range]] = []
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
        commits += [
            (record, (path.name, record.offset, end))
            for record, end in zip(records, ends, strict=True)
            if isinstance(record, Commit)
        ]
    for commit, where in sorted(commits, key=lambda each: each[0].sequence):
        found.commits[commit.sequence] = where
        for operation, name, row in commit.operations:
            apply(found, commit.sequence, operation, name, row)
    assert list(found.commits) == list(range(1, len(found.commits) + 1)), "commits are missing from the map"
    return found


def apply(found: LogMap, sequence: int, operation: int, name: bytes, row: bytes | None) -> None:
    if operation == ADD_LIST:
        assert row is not None
        found._lists[name] = row
    elif operation in (PUT_OBJECT, PUT_VERSION, DELETE_OBJECT):
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
    found.data[place] = [] if row is None else chunks_of(found._lists, row)
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
        if len(rest) == UPLOAD_ID:
            found._uploads[begun] = sequence
            return
        part = (*place, f"part {int.from_bytes(rest[UPLOAD_ID:], 'big')}")
        touch(found, sequence, part, row)
        found.needs[part].add(found._uploads[begun])
    elif rest:
        named = rest.hex() if (*place, rest.hex()) in found.last else ""
        if found._ids.get(place) != named:  # else it is current from now on
            touch(found, sequence, (*place, named), row)


def chunks_of(lists: dict[bytes, bytes], row: bytes) -> list[Range]:
    at = content_at(row)
    if row[0] in (INLINE, MARKER):
        return []
    if row[0] == CHUNKS:
        count, at = varint(row, at)
        raw = row[at : at + count * REFERENCE.size]
    else:
        raw = lists[row[at : at + 12]]
    return [(f"{pack:010d}.pack", offset, offset + length) for _, length, pack, offset, _ in references(raw)]
