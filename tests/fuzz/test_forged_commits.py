"""Commits that say nonsense under a checksum that fits: refused with a type, and repaired as if not there."""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xxhash
from crash.powercut import forked
from harness.alone import alone
from harness.hostile_examples import each_example
from harness.log_map import written
from harness.log_records import (
    ADD_LIST,
    COMMIT_HEAD,
    CREATE_BUCKET,
    CUT_LOG,
    DELETE_BUCKET,
    DELETE_ROW,
    DELETE_ROWS,
    ENTRY,
    MAGIC,
    MOVE_CHUNKS,
    PUT_ROW,
    RECORD_HEADER,
    SET_BUCKET,
    SET_QUOTA,
    WITH_VALUE,
    Extent,
    fnv1a,
    padded,
    read_pack,
    written_text,
    written_varint,
)
from hypothesis import strategies as st

from trove.drivers.engine import EngineDriver
from trove.errors import CorruptStoreError, TroveError

BEFORE = {"inline": b"small" * 20, "chunks": bytes(range(256)) * 20, "list": bytes(range(251)) * 300}
PLACES = [b"b\0k", *(b"b\0" + key.encode() for key in BEFORE)]
STAMP = struct.Struct(">QI")
KNOWN = b"a chunk that there is"[:20]  # in references: becomes the id and the length of one
COMMIT, EXTENT, VOID = 2, 1, 3
HUGE = (1 << 63) - 1

numbers = st.one_of(
    st.integers(0, 300),
    st.sampled_from([1 << 31, 1 << 32, HUGE, HUGE + 1, (1 << 64) - 1]),
    st.integers(0, 1 << 64),
).map(lambda number: min(number, (1 << 64) - 1))
texts = st.one_of(
    st.sampled_from(
        [b"", b"b", b"b\0k", b"b\0inline", b"\0", b"b\0", b"\0k", b"n", b"n\0k", b"\xff\0\xff", b"x" * 12]
    ),
    st.binary(max_size=40),
    st.sampled_from([b"b\0" + b"k" * 1024, b"b\0" + b"k" * 3000, b"b" * 600]),
)


@st.composite
def references(draw: st.DrawFn) -> bytes:
    """Chunk references that lead anywhere."""
    found = b""
    for _ in range(draw(st.integers(0, 3))):
        chunk = draw(st.sampled_from([bytes(16), b"\xaa" * 16]))
        length = draw(st.sampled_from([0, 1, 5000, 0xFFFFFF, 0xFFFFFFFF]))
        which = draw(st.sampled_from([KNOWN, chunk + length.to_bytes(4, "little")]))
        found += which + struct.pack("<IQ", draw(st.sampled_from([0, 1, 2, (1 << 32) - 1])), draw(numbers))
    return found


@st.composite
def rows(draw: st.DrawFn) -> bytes:
    """Rows of objects: as they are, but for what a number of them says."""
    flags = draw(st.sampled_from([0, 0, 1, 255]))
    row = bytes([draw(st.sampled_from([0, 1, 2, 3, 255])), flags])
    row += struct.pack("<QQ", draw(numbers), draw(numbers)) + bytes(16)
    if flags & 1:
        row += struct.pack("<Q", draw(numbers))
    for _ in range(3):
        row += draw(
            st.one_of(st.just(written_text(b"text/x")), texts.map(written_text), numbers.map(written_varint))
        )
    for _ in range(2):
        row += written_varint(draw(st.one_of(st.just(0), numbers)))
    content = draw(references())
    row += (
        draw(st.sampled_from([written_varint(len(content) // 32), b"\xff" * 9 + b"\1", b"x" * 12, b""]))
        + content
    )
    return row[: draw(st.sampled_from([len(row), len(row), len(row), 0, 1, 33, 34, 41, 42]))]


limits = st.builds(struct.Struct("<QQ").pack, numbers, numbers)
places = st.sampled_from(PLACES)
stamps = st.builds(STAMP.pack, st.sampled_from([0, 1, 3, 5, HUGE]), st.sampled_from([0, 1, 2, (1 << 32) - 1]))
list_ids = st.sampled_from([b"x" * 12, bytes(12)])


@st.composite
def sound_rows(draw: st.DrawFn) -> bytes:
    """Rows of objects, versions and delete markers as they are, but for where content is."""
    kind, expires = draw(st.sampled_from([0, 1, 2, 3, 3])), draw(st.integers(0, 1))
    size = draw(st.sampled_from([0, 4, 5000, HUGE]))
    row = (
        bytes([kind, expires])
        + struct.pack("<QQ", size, draw(st.sampled_from([0, 1 << 50, HUGE])))
        + bytes(16)
    )
    if expires:
        row += struct.pack("<Q", draw(st.sampled_from([0, 1 << 50, 1 << 58, HUGE])))
    storage_class = draw(st.sampled_from([b"", b"COLD"]))
    version_id = draw(st.one_of(st.just(b""), stamps.map(lambda stamp: stamp.hex().encode())))
    for each in (b"text/x", storage_class, version_id):
        row += written_text(each)
    row += written_varint(0) * 2
    if kind == 0:
        return row + bytes(min(size, 5000))
    if kind == 1:
        content = draw(references())
        return row + written_varint(len(content) // 32) + content
    return row + draw(list_ids if kind == 2 else stamps)


RULE = {"id": "r", "prefix": "", "enabled": True, "expiration_days": 1}
said_rules = st.one_of(
    st.sampled_from(
        [
            [],
            [RULE],
            [RULE, {**RULE, "id": "s", "prefix": "in"}],
            [{"id": "t", "transition_days": 1, "transition_storage": "COLD"}],
            [{**RULE, "expiration_days": (1 << 63) // 86_400_000_000 + 1}],
            [{**RULE, "expiration_days": 10**30}],
            [{**RULE, "expiration_days": "soon"}],
            [{**RULE, "expiration_days": 1.5}],
            [{**RULE, "prefix": 7}],
            [{**RULE, "id": None}],
            [{**RULE, "from a newer Trove": 1}],
            [RULE, RULE],
            [[]],
            [None],
            {},
            {"id": 1},
            7,
            None,
        ]
    ).map(lambda rules: json.dumps(rules).encode()),
    st.sampled_from([b"", b"[", b"[" * 100_000, b"\xff", b"NaN", b"[1e999]", b"1" * 5000, b"[{}]"]),
    st.binary(max_size=40),
)
bucket_rows = st.builds(
    lambda time, flags, rules: struct.pack("<Q", time) + flags + rules,
    st.sampled_from([0, 1 << 50, 1 << 50, 253402300799999999, 253402300800000000, HUGE, (1 << 64) - 1]),
    st.sampled_from([b"", b"\0", *(bytes([flags]) for flags in range(1, 16)), b"\xff"]),
    st.one_of(st.just(b""), said_rules),
)


@st.composite
def side_keys(draw: st.DrawFn) -> bytes:
    """The table and the key of rows that are no object's."""
    table = draw(st.sampled_from([1, 1, 2, 2, 0, 3, 255]))
    behind = draw(
        st.one_of(stamps, st.sampled_from([b"", b"u" * 16, b"u" * 16 + b"\0\0\0\1", b"\0", b"u" * 65]))
    )
    return bytes([table]) + draw(places) + draw(st.sampled_from([b"\0", b"\0", b"\0", b""])) + behind


def first_of(kind: int) -> st.SearchStrategy[bytes]:
    """What a change of that kind names, as it should be."""
    if kind in (CREATE_BUCKET, DELETE_BUCKET, SET_BUCKET, SET_QUOTA):
        return st.sampled_from([b"b", b"b", b"n"] + [b""] * (kind == SET_QUOTA))
    if kind == ADD_LIST:
        return list_ids
    if kind in (PUT_ROW, DELETE_ROW, DELETE_ROWS):
        return side_keys()
    if kind == MOVE_CHUNKS:
        return references()
    if kind == CUT_LOG:
        return numbers.map(lambda number: number.to_bytes(8, "little"))
    return places


def second_of(kind: int) -> st.SearchStrategy[bytes]:
    """What it says of that."""
    if kind in (CREATE_BUCKET, SET_BUCKET):
        return bucket_rows
    if kind == ADD_LIST:
        return references()
    if kind == SET_QUOTA:
        return limits
    return st.one_of(sound_rows(), rows())


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """What commits list."""
    changes = b""
    count = draw(st.integers(0, 5))
    for _ in range(count):
        kind = draw(st.sampled_from([*range(14), 3, 3, 5, 255]))
        sound = draw(st.integers(0, 3)) > 0
        changes += bytes([kind]) + written_text(draw(first_of(kind) if sound else texts))
        if kind in WITH_VALUE:
            anything = st.one_of(rows(), references(), st.binary(max_size=60))
            changes += written_text(draw(second_of(kind) if sound else anything))
    said = draw(st.sampled_from([count, count, count, count + 1, (1 << 32) - 1]))
    cut = draw(st.sampled_from([len(changes)] * 6 + [len(changes) // 2]))
    return (
        COMMIT_HEAD.pack(draw(numbers), draw(numbers) >> 1, said, draw(st.sampled_from([0, 1, 255])))
        + changes[:cut]
    )


@st.composite
def records(draw: st.DrawFn) -> tuple[int, int, int, bytes, bool]:
    """Kind, sequence ahead, length beyond the true one, payload, whether it follows the commit before."""
    kind = draw(st.sampled_from([COMMIT] * 6 + [EXTENT, VOID]))
    payload = draw(payloads() if kind == COMMIT else st.binary(min_size=8, max_size=90))
    beyond = draw(st.sampled_from([0] * 9 + [8, 1 << 40, HUGE]))
    return (
        kind,
        draw(st.sampled_from([0, 0, 0, 0, 1, 1 << 40, HUGE])),
        beyond,
        payload,
        draw(st.sampled_from([True] * 9 + [False])),
    )


def forged(seed: int, last: int, wanted: list[tuple[int, int, int, bytes, bool]]) -> bytes:
    """The bytes of such records, with checksums that fit; commits come after the one numbered ``last``."""
    raw = b""
    for kind, ahead, beyond, payload, follows in wanted:
        sequence = 0
        if kind == COMMIT:
            if follows:
                payload = last.to_bytes(8, "little") + payload[8:]
            sequence = min(last + 1 + ahead, (1 << 64) - 1)
            last = sequence
        checked = payload if kind == COMMIT else b""
        if kind == EXTENT:
            table = 8 + 20 * int.from_bytes(payload[:4], "little")
            checked = payload[: table + -table % 8]
        header = RECORD_HEADER.pack(MAGIC, kind, len(payload) + beyond, sequence, 0)[:24]
        header += xxhash.xxh3_64_digest(checked, fnv1a(header, seed))[::-1]
        raw += padded(header + payload)
    return raw


def base(store: Path) -> tuple[bytes, int]:
    """A store with some objects, and no index; its pack, and the last commit's number."""
    with EngineDriver() as driver:
        driver.open(f"trove://{store}?chunk_size=1024")
        driver.create_bucket("b")
        for key, data in BEFORE.items():
            driver.put("b", key, data)
        last = driver.stats().sequence
    for name in ("index", "state", "LOCK", "reserve", "snapshots"):
        path = store / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return written((store / "packs" / "0000000001.pack").read_bytes()), last


@contextlib.contextmanager
def typed() -> Iterator[None]:
    with contextlib.suppress(TroveError):
        yield


def use(driver: EngineDriver) -> None:
    """Ask for everything; whatever can't be told is a typed error."""
    with typed():
        for bucket in driver.list_buckets():
            with typed():
                for info in driver.list(bucket.name):
                    with typed():
                        repr(info)
                    with typed(), driver.get(bucket.name, info.key) as reader:
                        reader.read(1 << 20)
                    with typed(), driver.get(bucket.name, info.key) as reader:
                        reader.view()
            for ask in (driver.get_lifecycle, driver.get_quota, driver.list_multiparts):
                with typed():
                    repr(ask(bucket.name))
            for key in ("k", *BEFORE):
                with typed():
                    for version in driver.list_versions(bucket.name, key):
                        with typed(), driver.get_version(bucket.name, key, version.version_id) as reader:
                            reader.read(1 << 20)
    with typed():
        driver.verify()


def write(driver: EngineDriver) -> None:
    for key in ("k", "new"):
        with typed():
            driver.put("b", key, b"new" * 1000)
        with typed():
            driver.delete("b", key)
    with typed():
        driver.apply_lifecycle()


SOUND_ROW = bytes(34) + written_text(b"text/x") + bytes(4)


@pytest.mark.parametrize("behind", [b"", b"\xff", b"\xff\0" + b"u" * 16, b"\0" + b"u" * 65])
def test_a_row_beside_objects_that_stands_at_no_key_is_refused(tmp_path: Path, behind: bytes) -> None:
    raw, last = base(tmp_path / "store")
    change = bytes([PUT_ROW]) + written_text(b"\2b\0k" + behind) + written_text(SOUND_ROW)
    commit = COMMIT_HEAD.pack(last, 0, 1, 0) + change
    seed = xxhash.xxh3_64_intdigest(raw[16:32])
    pack = tmp_path / "store" / "packs" / "0000000001.pack"
    pack.write_bytes(raw + forged(seed, last, [(COMMIT, 0, 0, commit, True)]))
    with pytest.raises(CorruptStoreError, match="can't be"):
        EngineDriver().open(f"trove://{tmp_path}/store")


@pytest.mark.parametrize("count", [40, pytest.param(3000, marks=pytest.mark.slow)])
def test_forged_commits_are_refused_or_read(tmp_path: Path, count: int) -> None:
    run(tmp_path=tmp_path, count=count)


@alone(timeout=1200)
def run(tmp_path: Path, count: int) -> None:
    forked.use()
    raw, last = base(tmp_path / "base")
    (pack,) = (tmp_path / "base" / "packs").iterdir()
    first = next(record for record in read_pack(pack)[1] if isinstance(record, Extent))
    known = ENTRY.pack(*first.chunks[0])
    seed = xxhash.xxh3_64_intdigest(raw[16:32])
    store = tmp_path / "store"

    def check(drawn: Any) -> None:
        wanted = [(*head, payload.replace(KNOWN, known), follows) for *head, payload, follows in drawn]
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(tmp_path / "base", store)
        (store / "packs" / "0000000001.pack").write_bytes(raw + forged(seed, last, wanted))
        touched = b"".join(payload for _, _, _, payload, _ in wanted)
        # The newest of two commits that follow the same one is the one that counts, by the format.
        forks = any(kind == COMMIT and not follows for kind, _, _, _, follows in wanted)
        for mode in ("r", "rw"):
            with typed(), EngineDriver() as driver:
                driver.open(f"trove://{store}?mode={mode}")
                use(driver)
                if mode == "rw":
                    write(driver)
        assert EngineDriver().repair(f"trove://{store}").ok
        with EngineDriver() as driver:
            driver.open(f"trove://{store}")
            use(driver)
            for key, data in BEFORE.items():
                if not forks and b"b\0" + key.encode() not in touched:
                    assert driver.get("b", key).read() == data
            write(driver)

    each_example(tmp_path, count, st.lists(records(), min_size=1, max_size=3), check)
