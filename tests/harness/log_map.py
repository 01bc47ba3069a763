"""What stands where in the packs of a store: its commits, and the bytes of every object.

Made from the log alone, by the reader of ``log_records``: what damage must cost is known without the engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import xxhash

from .index_rows import CHUNKS, INLINE, REFERENCE, content_at, references, varint
from .log_records import (
    ADD_LIST,
    DELETE_OBJECT,
    MAGIC,
    PACK_HEADER,
    PUT_OBJECT,
    RECORD_HEADER,
    Commit,
    records_of,
)

Range = tuple[str, int, int]  # the name of a pack, start, end


@dataclass
class LogMap:
    """Where the commits of a store are, and what the last of each object says."""

    commits: dict[int, Range] = field(default_factory=dict)  # by their numbers
    last: dict[tuple[str, str], int] = field(
        default_factory=dict
    )  # object -> the commit that touched it last
    data: dict[tuple[str, str], list[Range]] = field(default_factory=dict)  # object -> where its chunks are

    def __post_init__(self) -> None:
        self._lists: dict[bytes, bytes] = {}


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
    if operation not in (PUT_OBJECT, DELETE_OBJECT):
        return
    bucket, _, key = name.decode().partition("\0")
    found.last[bucket, key] = sequence
    found.data[bucket, key] = [] if row is None else chunks_of(found._lists, row)


def chunks_of(lists: dict[bytes, bytes], row: bytes) -> list[Range]:
    at = content_at(row)
    if row[0] == INLINE:
        return []
    if row[0] == CHUNKS:
        count, at = varint(row, at)
        raw = row[at : at + count * REFERENCE.size]
    else:
        raw = lists[row[at : at + 12]]
    return [(f"{pack:010d}.pack", offset, offset + length) for _, length, pack, offset in references(raw)]
