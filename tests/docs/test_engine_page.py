"""docs/engine.md says what stands in which byte: its tables are held against the code and against stores."""

from __future__ import annotations

import importlib
import re
import struct
import tarfile
from pathlib import Path
from typing import Any

import pytest
import xxhash
from harness.damage import Damaged
from harness.index_rows import TABLES, rows_of, seed_of
from harness.log_records import Commit, Extent, PackHead, fnv1a, read_pack

from trove._engine import store as store_file

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
ENGINE = ROOT / "src" / "_engine"
GOLDEN = ROOT / "tests" / "_engine" / "golden"
MODULES = ("store", "content", "pack", "allocation", "background", "snapshots", "reserve")

Fields = dict[str, tuple[int, int]]


def table(heading: str, first: str) -> list[list[str]]:
    """The rows of the table under a heading whose first column has that title."""
    part = re.split(rf"^#+ {re.escape(heading)}$", PAGE, flags=re.MULTILINE)[1]
    part = re.split(r"^## ", part, maxsplit=1, flags=re.MULTILINE)[0]
    found = re.search(rf"^\| {first} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", part, re.MULTILINE)
    assert found, f"no table of {first} under {heading}"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in found[1].splitlines()]


def layout(heading: str) -> Fields:
    """What stands where: the name of a field, up to its first comma or colon, -> offset and size."""
    fields, end = {}, 0
    for offset, size, field in table(heading, "offset"):
        assert int(offset) == end, f"{heading}: {field} does not follow what is before it"
        end = int(offset) + int(size)
        fields[re.split("[:,;]", field)[0]] = (int(offset), int(size))
    fields["end"] = (end, 0)
    return fields


def number(raw: bytes, fields: Fields, name: str) -> int:
    offset, size = fields[name]
    return int.from_bytes(raw[offset : offset + size], "little")


def declared() -> dict[str, int]:
    """The constants that the native modules keep to themselves: NAME = number, in an enum or not."""
    found: dict[str, int] = {}
    for path in [*ENGINE.glob("*.pxd"), *ENGINE.glob("*.pyx")]:
        for name, value in re.findall(
            r"^ {4}([A-Z][A-Z_]+) = (0x[0-9A-F]+|\d+)\b(?! <<)", path.read_text(), re.MULTILINE
        ):
            assert found.setdefault(name, int(value, 0)) == int(value, 0), f"{name} in {path.name}"
    return found


DECLARED = declared()


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden")
    with tarfile.open(GOLDEN / "format-1-blake3.tar.xz") as archive:
        archive.extractall(path, filter="data")
    return path


@pytest.fixture(scope="module")
def pack(golden: Path) -> tuple[bytes, PackHead, list[Any]]:
    path = golden / "packs" / "0000000001.pack"
    head, records = read_pack(path)
    return path.read_bytes(), head, list(records)


def test_the_constants_are_the_codes() -> None:
    rows = table("Constants", "name")
    assert len(rows) > 20
    for cell, value, _ in rows:
        name = cell.strip("`")
        there = [
            getattr(module, name)
            for module in (importlib.import_module(f"trove._engine.{each}") for each in MODULES)
            if hasattr(module, name)
        ] or [DECLARED[name]]
        said = float(value) if "." in value else int(value, 0)
        assert there == [said], name


def test_the_files_are_those_that_a_store_has(tmp_path: Path) -> None:
    said = {row[0].strip("`") for row in table("Files", "file")}
    assert said | {"STORE.new", "index.new"} == store_file._NAMES
    path = Damaged(tmp_path / "store").path
    assert {each.name for each in path.iterdir()} == said - {"quarantine"}
    title, parameters, checksum = (path / "STORE").read_text().splitlines()
    assert title in PAGE
    assert checksum == xxhash.xxh3_128_hexdigest(f"{title}\n{parameters}\n".encode())
    assert re.findall(r'"(\w+)":', parameters) == re.findall(r"`(\w+)`", PAGE.split("sorted keys")[1])[:6]


def test_the_kinds_and_operations_are_the_codes() -> None:
    for value, name, _ in table("Record header", "kind"):
        assert DECLARED[name.strip("`")] == int(value)
    operations = table("Commit", "operation")
    assert [int(value) for _, value, _ in operations] == list(range(1, 14))
    for name, value, _ in operations:
        assert DECLARED[name.strip("`")] == int(value)
    content = table("Object row", "offset")[0][2]
    for name, value in re.findall(r"`(\w+)` (\d)", content):
        assert DECLARED[name] == int(value)
    assert list(dict.fromkeys(row[0].strip("`") for row in table("Index", "table"))) == list(TABLES)


def test_a_packs_header_has_these_fields(pack: tuple[bytes, PackHead, list[Any]]) -> None:
    raw, head, _ = pack
    fields = layout("Pack header")
    assert fields["end"][0] == DECLARED["PACK_HEADER"]
    assert raw[:8] == b"TROVEPAK"
    assert number(raw, fields, "format version") == store_file.FORMAT
    assert number(raw, fields, "number") == 1
    offset, size = fields["store id"]
    assert raw[offset : offset + size] == head.store_id
    sizes = [number(raw, fields, f"chunk {name}") for name in ("minimum", "normal", "maximum", "level")]
    assert sizes == [512, 800, 4096, 2]
    assert number(raw, fields, "hash") == 1
    assert number(raw, fields, "checksum") == xxhash.xxh3_64_intdigest(raw[: fields["checksum"][0]])


def test_a_record_has_these_fields(pack: tuple[bytes, PackHead, list[Any]]) -> None:
    raw, head, records = pack
    fields = layout("Record header")
    assert fields["end"][0] == DECLARED["RECORD_HEADER"]
    commit = next(each for each in records if isinstance(each, Commit) and each.sequence == 2)
    at = raw[commit.offset :]
    assert at[:4] == b"TRPK"
    assert number(at, fields, "magic") == DECLARED["RECORD_MAGIC"]
    assert number(at, fields, "kind") == DECLARED["COMMIT"]
    assert number(at, fields, "sequence of a commit") == 2
    length = number(at, fields, "length of the payload")
    payload = at[32 : 32 + length]
    seed = fnv1a(at[: fields["checksum"][0]], xxhash.xxh3_64_intdigest(head.store_id))
    assert number(at, fields, "checksum") == xxhash.xxh3_64_intdigest(payload, seed)
    inner = layout("Commit")
    assert inner["end"][0] == DECLARED["COMMIT_HEAD"]
    assert number(payload, inner, "predecessor") == 1
    assert number(payload, inner, "time") == commit.time
    assert number(payload, inner, "count of operations") == len(commit.operations)
    assert number(payload, inner, "flags") == commit.flags == DECLARED["SETTLED"]


def test_an_extent_has_these_fields(pack: tuple[bytes, PackHead, list[Any]]) -> None:
    raw, _, records = pack
    extent = next(each for each in records if isinstance(each, Extent) and len(each.chunks) > 1)
    fields = layout("Extent")
    payload = raw[extent.offset + 32 :]
    assert number(payload, fields, "count") == len(extent.chunks)
    offset, size = fields["id of the first chunk"]
    assert size == DECLARED["CHUNK_ID"]
    assert payload[offset : offset + size] == extent.chunks[0][0]
    assert number(payload, fields, "length of the first chunk") == extent.chunks[0][1]
    stride = fields["end"][0] - offset
    assert payload[offset + stride : offset + stride + size] == extent.chunks[1][0]


def test_the_rows_have_these_fields(golden: Path, tmp_path: Path) -> None:
    rows = rows_of(golden, tmp_path)
    fields = layout("Object row")
    assert fields["end"][0] == DECLARED["ROW_HEAD"]
    for name, constant in (
        ("size of the object", "ROW_SIZE"),
        ("last modification", "ROW_TIME"),
        ("etag", "ROW_ETAG"),
    ):
        assert fields[name][0] == DECLARED[constant]
    row = rows["objects"][b"b\0chunks"]
    assert (row[0], number(row, fields, "size of the object")) == (DECLARED["CHUNKS"], 2600)
    reference = layout("Chunk reference")
    assert reference["end"][0] == DECLARED["REFERENCE"]
    listed = next(iter(rows["lists"].values()))
    key = listed[:16] + bytes([number(listed, reference, "length and salt") >> DECLARED["SALT_SHIFT"]])
    chunk, body = layout("Chunk row"), rows["chunks"][key]
    assert chunk["end"][0] == len(body)
    assert number(listed, reference, "length and salt") & DECLARED["LENGTH_MASK"] == number(
        body, chunk, "length"
    )
    assert number(listed, reference, "pack") == number(body, chunk, "pack") == 1
    place = number(listed, reference, "offset of the bytes in the pack")
    assert place == number(body, chunk, "offset")
    offset = reference["offset of the bytes in the pack"][0]
    assert 8 * (reference["raw"][0] - offset) == DECLARED["RAW_SHIFT"]
    assert number(listed, reference, "raw") == 0
    assert number(body, chunk, "references") >= 1
    head, body = layout("Head row"), rows["meta"][b"head"]
    assert head["end"][0] == len(body)
    at = number(body, head, "offset of its record")
    raw = (golden / "packs" / "0000000001.pack").read_bytes()
    assert struct.unpack_from("<Q", raw, at + 16)[0] == number(
        body, head, "sequence of the commit that the index is at"
    )
    assert number(body, head, "store") == 0  # it is that old
    assert all(len(key) == DECLARED["LIST_ID"] for key in rows["lists"])


def test_a_row_begins_with_its_seal() -> None:
    assert DECLARED["SEAL"] == 8
    assert seed_of(b"") == 0xCBF29CE484222325


def test_the_state_has_these_fields(golden: Path) -> None:
    raw = (golden / "state").read_bytes()
    fields = layout("State")
    assert fields["end"][0] == DECLARED["STATE_SIZE"] == len(raw)
    names = {
        "magic": "MAGIC",
        "version": "VERSION",
        "store": "STORE",
        "boot": "BOOT",
        "clean": "CLEAN",
        "sequence of the last commit that was acknowledged or could have been": "SEQUENCE",
        "in flight": "INFLIGHT",
        "pack of the commit in flight": "PACK",
        "offset of the commit in flight": "OFFSET",
        "burned": "BURNED",
        "tail pack": "TAIL_PACK",
        "tail": "TAIL",
        "openings by somebody who was alone with the store": "OPENINGS",
        "raised from": "RAISED",
        "slots": "SLOTS",
        "waiting": "WAITING",
        "awaited": "AWAITED",
        "left": "LEFT",
        "dropped": "DROPPED",
        "durable": "DURABLE",
        "index time": "INDEX_TIME",
        "checksum of the page": "CHECK",
    }
    for name, constant in names.items():
        assert fields[name][0] == DECLARED[f"STATE_{constant}"], name
    assert fields["slots"][1] == DECLARED["STATE_SLOT"] * DECLARED["STATE_SLOT_COUNT"]
    assert set(fields) - set(names) == {"raised to", "checksum", "checksum of durable", "zero", "end"}
    assert raw[:8] == b"TROVESTA"
    assert number(raw, fields, "clean") == 1
    pack = golden / "packs" / "0000000001.pack"
    assert number(raw, fields, "tail") == pack.stat().st_size
    sequence = number(raw, fields, "sequence of the last commit that was acknowledged or could have been")
    assert sequence == max(each.sequence for each in read_pack(pack)[1] if isinstance(each, Commit))


def test_every_section_that_is_linked_is_there() -> None:
    sections = {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
    }
    links = re.findall(r"\]\(#([^)]+)\)", PAGE)
    assert links
    assert [link for link in links if link not in sections] == []
