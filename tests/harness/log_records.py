"""The records of a store's packs, read and written without the engine.

The layouts are written down here a second time on purpose, like those of the rows in ``index_rows``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import xxhash

from harness.index_rows import WORD, varint

PACK_HEADER = struct.Struct("<8sII16sIIIBBxx8xQ")  # magic, version, number, store id, parameters, checksum
RECORD_HEADER = struct.Struct("<IBxxxQQQ")  # magic, kind, payload length, sequence, checksum
COMMIT_HEAD = struct.Struct("<QqII")  # predecessor, time, operations, flags
ENTRY = struct.Struct("<16sI")  # id, length and salt
MAGIC = int.from_bytes(b"TRPK", "little")
EXTENT, COMMIT, VOID = 1, 2, 3
CREATE_BUCKET, DELETE_BUCKET, PUT_OBJECT, DELETE_OBJECT, ADD_LIST = range(1, 6)
SET_BUCKET, PUT_VERSION, PUT_ROW, DELETE_ROW, DELETE_ROWS, MOVE_CHUNKS, CUT_LOG, SET_QUOTA = range(6, 14)
WITH_VALUE = (CREATE_BUCKET, PUT_OBJECT, ADD_LIST, SET_BUCKET, PUT_VERSION, PUT_ROW, SET_QUOTA)


@dataclass(frozen=True)
class PackHead:
    number: int
    store_id: bytes
    minimum: int
    normal: int
    maximum: int
    level: int
    hash: int
    version: int = 1


@dataclass(frozen=True)
class Extent:
    offset: int = field(compare=False)
    chunks: tuple[tuple[bytes, int], ...]  # id; length and salt
    data: bytes


@dataclass(frozen=True)
class Commit:
    offset: int = field(compare=False)
    sequence: int
    predecessor: int
    time: int
    flags: int
    operations: tuple[tuple[int, bytes, bytes | None], ...]
    met: tuple[int, ...] = field(default=(), compare=False)  # flags of each: what it met; none in old logs


@dataclass(frozen=True)
class Void:
    offset: int = field(compare=False)
    payload: bytes


Record = Extent | Commit | Void


def fnv1a(data: bytes, seed: int) -> int:
    for byte in data:
        seed = ((seed ^ byte) * 0x100000001B3) & WORD
    return seed


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def read_pack(path: Path) -> tuple[PackHead, list[Record]]:
    """The header and the records of a pack that is whole to its last byte."""
    raw = path.read_bytes()
    magic, version, number, store_id, *parameters, checksum = PACK_HEADER.unpack_from(raw)
    assert magic == b"TROVEPAK"
    assert checksum == xxhash.xxh3_64_intdigest(raw[:56])
    minimum, normal, maximum, level, hash_number = parameters
    head = PackHead(number, store_id, minimum, normal, maximum, level, hash_number, version)
    return head, list(records_of(raw, xxhash.xxh3_64_intdigest(store_id)))


def records_of(raw: bytes, seed: int) -> Iterator[Record]:
    at = PACK_HEADER.size
    while at < len(raw):
        magic, kind, length, sequence, checksum = RECORD_HEADER.unpack_from(raw, at)
        assert magic == MAGIC, f"no record at {at}"
        payload = raw[at + RECORD_HEADER.size : at + RECORD_HEADER.size + length]
        assert len(payload) == length
        checked = {EXTENT: payload[: table_length(payload)], COMMIT: payload, VOID: b""}[kind]
        assert checksum == xxhash.xxh3_64_intdigest(checked, fnv1a(raw[at : at + 24], seed)), at
        if kind == EXTENT:
            assert sequence == 0
            yield read_extent(at, payload)
        elif kind == COMMIT:
            yield read_commit(at, sequence, payload)
        else:
            yield Void(at, payload)
        at += RECORD_HEADER.size + length + -length % 8


def table_length(payload: bytes) -> int:
    length = 8 + ENTRY.size * int.from_bytes(payload[:4], "little")
    return length + -length % 8


def read_extent(at: int, payload: bytes) -> Extent:
    count, zero = struct.unpack_from("<II", payload)
    assert zero == 0
    chunks = tuple(ENTRY.unpack_from(payload, 8 + ENTRY.size * number) for number in range(count))
    data = payload[table_length(payload) :]
    assert sum(packed & 0xFFFFFF for _, packed in chunks) == len(data)
    return Extent(at, chunks, data)


def read_commit(at: int, sequence: int, payload: bytes) -> Commit:
    predecessor, time, count, flags = COMMIT_HEAD.unpack_from(payload)
    position = COMMIT_HEAD.size
    operations, met = [], []
    for _ in range(count):
        operation = payload[position] & 0x3F
        met.append(payload[position] & ~0x3F)
        first, position = text(payload, position + 1)
        second = None
        if operation in WITH_VALUE:
            second, position = text(payload, position)
        operations.append((operation, first, second))
    assert position == len(payload)
    return Commit(at, sequence, predecessor, time, flags, tuple(operations), tuple(met))


def text(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = varint(data, at)
    return data[at : at + length], at + length


def written_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def written_text(data: bytes) -> bytes:
    return written_varint(len(data)) + data


def write_pack(head: PackHead, records: list[Record]) -> bytes:
    """The bytes of a pack with that header and those records."""
    raw = PACK_HEADER.pack(
        b"TROVEPAK",
        head.version,
        head.number,
        head.store_id,
        head.minimum,
        head.normal,
        head.maximum,
        head.level,
        head.hash,
        0,
    )[:56]
    raw += xxhash.xxh3_64_digest(raw)[::-1]
    seed = xxhash.xxh3_64_intdigest(head.store_id)
    return raw + b"".join(write_record(record, seed) for record in records)


def write_record(record: Record, seed: int) -> bytes:
    if isinstance(record, Extent):
        table = struct.pack("<II", len(record.chunks), 0)
        checked = padded(table + b"".join(ENTRY.pack(*entry) for entry in record.chunks))
        kind, sequence, payload = EXTENT, 0, checked + record.data
    elif isinstance(record, Commit):
        payload = COMMIT_HEAD.pack(record.predecessor, record.time, len(record.operations), record.flags)
        for number, (operation, first, second) in enumerate(record.operations):
            met = record.met[number] if record.met else 0
            payload += bytes([operation | met]) + written_text(first)
            payload += b"" if second is None else written_text(second)
        kind, sequence, checked = COMMIT, record.sequence, payload
    else:
        kind, sequence, checked, payload = VOID, 0, b"", record.payload
    header = RECORD_HEADER.pack(MAGIC, kind, len(payload), sequence, 0)[:24]
    header += xxhash.xxh3_64_digest(checked, fnv1a(header, seed))[::-1]
    return padded(header + payload)


def timeless(records: list[Record]) -> list[Record]:
    """The same records without their times, which no two runs share, and without what operations met."""
    found: list[Record] = []
    for record in records:
        if isinstance(record, Commit):
            operations = tuple(each_timeless(*each) for each in record.operations)
            record = replace(record, time=0, operations=operations, met=())
        found.append(record)
    return found


def each_timeless(operation: int, first: bytes, second: bytes | None) -> tuple[int, bytes, bytes | None]:
    drop: dict[int, Callable[[bytes], bytes]] = {
        CREATE_BUCKET: lambda row: bytes(8) + row[8:],
        PUT_OBJECT: lambda row: row[:10] + bytes(8) + row[18:],
    }
    if second is None or operation not in drop:
        return operation, first, second
    return operation, first, drop[operation](second)
