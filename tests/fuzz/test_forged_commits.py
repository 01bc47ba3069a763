"""Commits that say nonsense under a checksum that fits: refused with a type, and repaired as if not there."""

from __future__ import annotations

import contextlib
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
from harness.log_records import COMMIT_HEAD, MAGIC, RECORD_HEADER, fnv1a, padded, written_text, written_varint
from hypothesis import strategies as st

from trove.drivers.engine import EngineDriver
from trove.errors import TroveError

BEFORE = {"inline": b"small" * 20, "chunks": bytes(range(256)) * 20, "list": bytes(range(251)) * 300}
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
        found += chunk + struct.pack(
            "<IIQ", length, draw(st.sampled_from([0, 1, 2, (1 << 32) - 1])), draw(numbers)
        )
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


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """What commits list."""
    changes = b""
    count = draw(st.integers(0, 5))
    for _ in range(count):
        kind = draw(st.sampled_from([1, 2, 3, 3, 3, 4, 5, 5, 0, 6, 13, 255]))
        changes += bytes([kind]) + written_text(draw(texts))
        if kind in (1, 3, 5):
            changes += written_text(draw(st.one_of(rows(), references(), st.binary(max_size=60))))
        elif kind == 13:
            changes += written_text(draw(st.one_of(limits, st.binary(max_size=20))))
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
    with typed():
        driver.verify()


def write(driver: EngineDriver) -> None:
    for key in ("k", "new"):
        with typed():
            driver.put("b", key, b"new" * 1000)
        with typed():
            driver.delete("b", key)


@pytest.mark.parametrize("count", [40, pytest.param(3000, marks=pytest.mark.slow)])
def test_forged_commits_are_refused_or_read(tmp_path: Path, count: int) -> None:
    run(tmp_path=tmp_path, count=count)


@alone(timeout=1200)
def run(tmp_path: Path, count: int) -> None:
    forked.use()
    raw, last = base(tmp_path / "base")
    seed = xxhash.xxh3_64_intdigest(raw[16:32])
    store = tmp_path / "store"

    def check(wanted: Any) -> None:
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
