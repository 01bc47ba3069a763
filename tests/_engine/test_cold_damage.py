"""Damaged objects of the class COLD: found, told, and never returned."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from harness.cold_objects import flip, read, skip_without_cold, text
from harness.index_rows import OFFSET_BITS, REFERENCE, content_at, references, rows_of
from harness.noise import noise
from harness.opened import opened

from trove._engine import cold
from trove._engine.cold import COLD, FrameError
from trove.drivers.engine import EngineDriver
from trove.errors import ChecksumMismatchError

skip_without_cold()


def frames_of(tmp_path: Path, key: str) -> list[bytes]:
    """What is stored of the chunks of an object in the closed store."""
    row = rows_of(tmp_path / "store", tmp_path / "scratch")["objects"][f"b\0{key}".encode()]
    assert row[0] == 1
    found = []
    for _, length, pack, offset, _ in references(row[content_at(row) + 1 :]):
        raw = (tmp_path / "store/packs" / f"{pack:010d}.pack").read_bytes()
        found.append(raw[offset : offset + length])
    return found


def test_a_flipped_byte_is_found_and_never_returned(tmp_path: Path) -> None:
    data = text(11, 200_000)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", data, storage_class=COLD)
        driver.put("b", "well", text(12, 200_000), storage_class=COLD)
    frames = frames_of(tmp_path, "k")
    assert b"".join(map(cold.require_cold().decompress, frames)) == data
    flip(tmp_path / "store", frames[1])
    with opened(tmp_path) as driver:
        assert read(driver, "k", range=(0, 10)) == data[:10]
        with driver.get("b", "k") as reader, pytest.raises(ChecksumMismatchError):
            reader.read()
        with driver.get("b", "k") as reader, pytest.raises(ChecksumMismatchError):
            reader.view()
        [problem] = driver.verify().problems
        assert problem.key == "k"
    with opened(tmp_path, verify="never") as driver, suppress(ChecksumMismatchError):
        assert len(read(driver, "k")) == len(data)  # whatever it is: nothing was asked of it but to end
    report = EngineDriver().repair(f"trove://{tmp_path}/store")
    assert [(lost.bucket, lost.key) for lost in report.lost] == [("b", "k")]
    folder = (tmp_path / "store" / report.quarantined[0].kept).parent
    kept = (folder / "chunks").read_bytes()
    [line] = (folder / "objects.jsonl").read_text().splitlines()
    pieces = json.loads(line)["chunks"]
    assert [damaged for _, _, damaged, _ in pieces].count(True) == 1
    whole = b""
    for start, length, damaged, raw in pieces:
        frame = kept[start : start + length]
        whole += bytes(raw) if damaged else cold.decompressed(frame, raw)
    assert len(whole) == len(data)
    assert whole[:30_000] == data[:30_000]
    with opened(tmp_path) as driver:
        assert [info.key for info in driver.list("b")] == ["well"]
        assert read(driver, "well") == text(12, 200_000)
        assert driver.verify().problems == ()


def test_each_of_the_shortest_chunks_is_verified(tmp_path: Path) -> None:
    """They stand so close to each other that several begin in 64 bytes."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", b"a" * 262_144 + b"b" * 262_144, storage_class=COLD)
    frames = frames_of(tmp_path, "k")
    assert max(map(len, frames)) < 64
    assert len(set(frames)) == 2
    flip(tmp_path / "store", frames[-1])
    with opened(tmp_path) as driver:
        assert read(driver, "k", range=(0, 1000)) == b"a" * 1000
        with pytest.raises(ChecksumMismatchError):
            read(driver, "k", range=(300_000, 10))


def change_row(store: Path, change: bytes, to: bytes) -> None:
    """Put other bytes into the rows of objects, under checksums that fit, in a process of its own."""
    code = (
        "import lmdb, sys, xxhash\n"
        "from harness.index_rows import seed_of\n"
        "folder, one, other = sys.argv[1], bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3])\n"
        "env = lmdb.open(folder, map_size=1 << 24, max_dbs=16, lib_version=1)\n"
        "db = env.open_db(b'objects')\n"
        "with env.begin(write=True) as txn:\n"
        "    for key, value in list(txn.cursor(db)):\n"
        "        body = value[8:].replace(one, other)\n"
        "        seal = xxhash.xxh3_64_intdigest(body, seed_of(key)).to_bytes(8, 'little')\n"
        "        txn.put(key, seal + body, db=db)\n"
    )
    run = [sys.executable, "-c", code, str(store / "index"), change.hex(), to.hex()]
    subprocess.run(run, check=True, timeout=60, cwd=Path(__file__).parents[1])


@pytest.mark.parametrize("raw", [0, 1, 49_999, 50_001, (1 << 24) - 1])
@pytest.mark.parametrize("mode", ["first", "never"])
def test_a_reference_that_lies_about_the_length_is_told(tmp_path: Path, raw: int, mode: str) -> None:
    data = text(13, 50_000)
    with opened(tmp_path, verify=mode) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", data, storage_class=COLD)
        row = rows_of(tmp_path / "store", tmp_path / "scratch")["objects"][b"b\0k"]
        packed = row[content_at(row) + 1 :]
        digest, length, pack, place = REFERENCE.unpack(packed)
        assert place >> OFFSET_BITS == len(data)
        forged = REFERENCE.pack(digest, length, pack, place & ((1 << OFFSET_BITS) - 1) | raw << OFFSET_BITS)
        said = raw or length & 0xFFFFFF
        head = row[:2] + said.to_bytes(8, "little") + row[10 : content_at(row) + 1]
        change_row(tmp_path / "store", row, head + forged)
        assert driver.head("b", "k").size == said
        if raw == 0:  # then it is what is stored, and that it is
            assert read(driver, "k") == cold.compressed(data)
            return
        for wanted in (None, (0, 1), (said - 1, 1)):
            with pytest.raises(ChecksumMismatchError):
                read(driver, "k", range=wanted)


@pytest.mark.parametrize("size", [0, 1, 999, 1001, (1 << 24) - 1])
def test_a_frame_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(FrameError, match="frame of"):
        cold.decompressed(cold.compressed(bytes(1000)), size)


def test_what_is_no_single_frame_is_refused() -> None:
    zstd = cold.require_cold()
    frame = cold.compressed(b"x" * 1000)
    without_size = zstd.ZstdCompressor(options={zstd.CompressionParameter.content_size_flag: 0})
    bombs = [
        frame + frame,
        frame + cold.compressed(bytes(1 << 28)),
        frame[:-1],
        frame + b"\0",
        b"",
        b"\x28\xb5\x2f\xfd",
        noise(1, 100),
        without_size.compress(b"x" * 1000) + without_size.flush(),
    ]
    for bomb in bombs:
        with pytest.raises(FrameError, match="frame of"):
            cold.decompressed(bomb, 1000)


def test_damaged_frames_are_wrong_or_refused_but_never_longer() -> None:
    frame, choose = bytearray(cold.compressed(text(14, 5000))), random.Random(15)
    for _ in range(3000):
        broken = bytearray(frame)
        for _ in range(choose.randint(1, 3)):
            broken[choose.randrange(len(broken))] = choose.randrange(256)
        with suppress(FrameError):
            assert len(cold.decompressed(bytes(broken), 5000)) == 5000


# Where the package is missing.
