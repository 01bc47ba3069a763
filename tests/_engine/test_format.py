"""A store of format version 1 stays readable, and what is written stays format version 1, byte for byte."""

from __future__ import annotations

import itertools
import json
import shutil
import struct
import tarfile
from pathlib import Path

import pytest
from harness.index_rows import (
    CHUNKS,
    INLINE,
    LIST,
    Rows,
    check_counts,
    check_store,
    content_at,
    rebuilt_rows,
    rows_of,
)
from harness.log_records import COMMIT, Commit, Extent, PackHead, read_pack, timeless, write_pack
from xxhash import xxh3_128_digest, xxh3_128_hexdigest

from trove._engine.chunker import Chunker
from trove.drivers.engine import EngineDriver

from .golden import make_golden as golden

HASHES = golden.HASHES
SAID = json.loads((golden.HERE / "format-1.json").read_text(encoding="utf-8"))
CONTENT = {
    ("b", "batch/1"): golden.data("first", 10),
    ("b", "batch/2"): golden.data("chunks", 2600),
    ("b", "chunks"): golden.data("chunks", 2600),
    ("b", "copied-inline"): golden.data("inline", 100),
    ("b", "inline.txt"): golden.data("again", 90),
    ("b", "inline/longest"): golden.data("longest", 2048),
    ("b", "listed"): golden.data("listed", 16_000),
    ("b", "one-chunk"): bytes(2049),
    ("b", "shifted"): b"-" + golden.data("listed", 16_000),
    ("büro", "copied"): golden.data("listed", 16_000),
    ("büro", "schlüssel/ü.json"): golden.data("described", 300),
}
CHUNKING = (512, 800, 4096, 2)
# What the index of the golden stores has; tables that came later are made from the log.
TABLES = ("buckets", "objects", "lists", "list_uses", "chunks", "packs", "meta")


@pytest.fixture(params=HASHES)
def hash_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    stores = {name: tmp_path_factory.mktemp("golden") / name for name in HASHES}
    for name, path in stores.items():
        with tarfile.open(golden.HERE / f"format-1-{name}.tar.xz") as archive:
            archive.extractall(path, filter="data")
    return stores


@pytest.fixture
def kept(hash_name: str, unpacked: dict[str, Path], tmp_path: Path) -> Path:
    """The golden store."""
    return shutil.copytree(unpacked[hash_name], tmp_path / "kept")


@pytest.fixture
def written(hash_name: str, tmp_path: Path) -> Path:
    """The same store as it is written today."""
    path = tmp_path / "written"
    golden.make(path, hash_name)
    return path


def opened(path: Path, mode: str = "rw") -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{path}?mode={mode}")
    return driver


def read(path: Path, mode: str) -> dict[tuple[str, str], bytes]:
    with opened(path, mode) as driver:
        return {
            (bucket.name, info.key): driver.get(bucket.name, info.key).read()
            for bucket in driver.list_buckets()
            for info in driver.list(bucket.name)
        }


def of_format_1(rows: Rows) -> Rows:
    """The rows that the golden stores have. The head row of theirs names no store yet."""
    head = rows["meta"][b"head"]
    return {table: rows[table] for table in TABLES} | {"meta": {b"head": head[:12] + bytes(4) + head[16:]}}


def only_pack(path: Path) -> Path:
    (pack,) = path.glob("packs/*")
    return pack


@pytest.mark.parametrize("mode", ["r", "rw"])
@pytest.mark.parametrize("lost", [(), ("index",), ("index", "snapshots"), ("state",)], ids=str)
def test_a_store_of_format_1_reads_as_it_was_put(kept: Path, mode: str, lost: tuple[str, ...]) -> None:
    for name in lost:
        shutil.rmtree(kept / name) if (kept / name).is_dir() else (kept / name).unlink()
    assert read(kept, mode) == CONTENT


def test_a_store_of_format_1_says_of_its_objects_what_it_said(kept: Path, hash_name: str) -> None:
    assert golden.described(kept, CONTENT) == SAID[hash_name]
    with opened(kept) as driver:
        assert [bucket.name for bucket in driver.list_buckets()] == ["b", "büro"]
        assert driver.verify().problems == ()


def test_the_index_of_format_1_is_what_its_log_gives(kept: Path, tmp_path: Path) -> None:
    rows = of_format_1(rows_of(kept, tmp_path))
    check_counts({**rows_of(kept, tmp_path), **rows})
    assert of_format_1(rebuilt_rows(kept, tmp_path)) == rows
    kinds = {row[0] for row in rows["objects"].values()}
    assert kinds == {INLINE, CHUNKS, LIST}
    assert sorted(int.from_bytes(uses, "little") for uses in rows["list_uses"].values()) == [1, 2]
    with opened(kept):
        pass
    assert of_format_1(check_store(kept, tmp_path)) == rows


def test_the_log_of_format_1_is_read_and_written_by_these_layouts(kept: Path) -> None:
    pack = only_pack(kept)
    head, records = read_pack(pack)
    assert write_pack(head, records) == pack.read_bytes()


def test_what_is_written_is_format_1_byte_for_byte(kept: Path, written: Path, tmp_path: Path) -> None:
    assert (written / "STORE").read_bytes() == (kept / "STORE").read_bytes()
    there, here = only_pack(kept), only_pack(written)
    (kept_head, kept_records), (head, records) = read_pack(there), read_pack(here)
    assert head == kept_head
    assert [record.offset for record in records] == [record.offset for record in kept_records]
    # No two runs have their times in common; the rest of the bytes is the same.
    assert write_pack(head, timeless(records)) == write_pack(kept_head, timeless(kept_records))
    assert here.stat().st_size == there.stat().st_size
    old, new = of_format_1(rows_of(kept, tmp_path)), of_format_1(check_store(written, tmp_path))
    assert {table: list(rows) for table, rows in new.items()} == {
        table: list(rows) for table, rows in old.items()
    }
    for table in ("lists", "list_uses", "chunks", "packs", "meta"):
        assert new[table] == old[table], table
    for place, row in new["objects"].items():
        assert row[:10] + row[18:] == old["objects"][place][:10] + old["objects"][place][18:], place


def test_the_golden_store_has_every_operation_and_kind_of_record(kept: Path) -> None:
    head, records = read_pack(only_pack(kept))
    commits = [record for record in records if isinstance(record, Commit)]
    assert any(isinstance(record, Extent) and len(record.chunks) > 1 for record in records)
    assert {each[0] for commit in commits for each in commit.operations} == {1, 2, 3, 4, 5}
    assert max(len(commit.operations) for commit in commits) >= 3
    assert COMMIT == 2
    assert [(commit.predecessor, commit.sequence) for commit in commits] == [
        (number, number + 1) for number in range(len(commits))
    ]
    assert head == PackHead(1, bytes.fromhex(golden.STORE_ID), *CHUNKING, head.hash)


def namer(hash_name: str) -> object:
    if hash_name == "xxh3":
        return xxh3_128_digest
    blake3 = pytest.importorskip("blake3").blake3
    return lambda data: blake3(data).digest(16)


def test_etags_are_of_the_content_or_of_the_ids_of_its_chunks(hash_name: str) -> None:
    name = namer(hash_name)
    chunker = Chunker(*CHUNKING)
    for (bucket, key), data in CONTENT.items():
        ids = []
        for start, end in itertools.pairwise(itertools.accumulate(chunker.cuts(data), initial=0)):
            ids.append(name(data[start:end]))  # type: ignore[operator]
        inline = len(data) <= 2048
        etag = name(data) if inline else ids[0] if len(ids) == 1 else name(b"".join(ids))  # type: ignore[operator]
        assert SAID[hash_name][f"{bucket}/{key}"]["etag"] == etag.hex(), key


def test_chunks_of_a_row_name_the_bytes_of_the_pack(kept: Path, tmp_path: Path, hash_name: str) -> None:
    name = namer(hash_name)
    raw = only_pack(kept).read_bytes()
    rows = rows_of(kept, tmp_path)
    assert len(rows["chunks"]) > 20
    for key, body in rows["chunks"].items():
        pack, length, offset, _ = struct.unpack("<IIQQ", body)
        assert (pack, key[16]) == (1, 0)
        assert name(raw[offset : offset + length]) == key[:16]  # type: ignore[operator]


def test_the_content_stands_at_the_end_of_a_row(kept: Path, tmp_path: Path) -> None:
    rows = rows_of(kept, tmp_path)["objects"]
    row = rows["büro\0schlüssel/ü.json".encode()]
    assert row[content_at(row) :] == golden.data("described", 300)
    assert row[1] == 1
    assert int.from_bytes(row[34:42], "little", signed=True) == 32503679999999999


def test_the_snapshot_of_format_1_is_a_state_of_its_log(kept: Path, tmp_path: Path) -> None:
    (snapshot,) = kept.glob("snapshots/*.mdb")
    assert snapshot.with_suffix(".xxh3").read_text() == xxh3_128_hexdigest(snapshot.read_bytes()) + "\n"
    head, records = read_pack(only_pack(kept))
    until = next(at for at, each in enumerate(records) if isinstance(each, Commit) and each.sequence > 14)
    assert snapshot.stem == f"{14:020d}"
    prefix = tmp_path / "prefix"
    (prefix / "packs").mkdir(parents=True)
    (prefix / "packs" / "0000000001.pack").write_bytes(write_pack(head, records[:until]))
    shutil.copyfile(kept / "STORE", prefix / "STORE")
    as_index = tmp_path / "as-index"
    (as_index / "index").mkdir(parents=True)
    shutil.copyfile(snapshot, as_index / "index" / "data.mdb")
    assert of_format_1(rows_of(as_index, tmp_path)) == of_format_1(rebuilt_rows(prefix, tmp_path))
