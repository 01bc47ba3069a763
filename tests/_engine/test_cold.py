"""The class COLD: its chunks are stored compressed, and nothing else is different for anybody."""

from __future__ import annotations

import builtins
import io
import json
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.alone import alone
from harness.index_rows import OFFSET_BITS, REFERENCE, check_store, content_at, references, rows_of
from harness.opened import opened
from harness.peak import Peak

from trove._engine import cold, lifecycle
from trove._engine.cold import COLD, FrameError
from trove.driver import LifecycleRule
from trove.drivers.engine import EngineDriver
from trove.errors import ChecksumMismatchError, UnsupportedOptionError

try:
    cold.require_cold()
except UnsupportedOptionError:
    pytest.skip("the cold extra is not installed", allow_module_level=True)

MIB = 1 << 20
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
WORDS = [random.Random(number).randbytes(1 + number % 9).hex().encode() for number in range(3000)]


def text(name: object, size: int) -> bytes:
    """Words, of which less than half is left when they are compressed."""
    chosen = random.Random(f"{name}").choices(WORDS, k=size // 5 + 1)
    return b" ".join(chosen)[:size]


def noise(name: object, size: int) -> bytes:
    return random.Random(f"{name}").randbytes(size)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[EngineDriver]:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        yield driver


def live(driver: EngineDriver) -> int:
    return driver.stats().live_bytes


def read(driver: EngineDriver, key: str, **options: Any) -> bytes:
    with driver.get("b", key, **options) as reader:
        return reader.read()


# Putting and getting.


def test_objects_of_all_sizes_come_back(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed", chunk_size="1024") as driver:
        driver.create_bucket("b")
        sizes = [0, 1, 511, 512, 513, 2047, 2048, 2049, 4095, 4096, 4097, 10_000, 50_000, 300_000]
        for size in sizes:
            for kind in (text, noise, lambda name, size: bytes(size)):
                data = kind(size, size)
                info = driver.put("b", "k", data, storage_class=COLD)
                assert (info.size, info.storage_class) == (size, COLD)
                assert driver.head("b", "k") == info
                assert read(driver, "k") == data
                assert driver.put("b", "plain", data).etag == info.etag
                pieces = (data[at : at + 777] for at in range(0, size, 777))
                assert driver.put("b", "stream", pieces, storage_class=COLD).etag == info.etag
                assert read(driver, "stream") == data
        assert driver.verify().problems == ()
    check_store(tmp_path / "store", tmp_path / "scratch")


@pytest.mark.parametrize("mode", ["first", "always", "never"])
def test_every_range_is_the_same_as_of_the_whole(tmp_path: Path, mode: str) -> None:
    data = text(1, 40_000) + noise(1, 20_000) + bytes(20_000)
    with opened(tmp_path, durability="relaxed", chunk_size="1024", verify=mode) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", data, storage_class=COLD)
        choose = random.Random(2)
        for _ in range(300):
            start = choose.randrange(len(data) + 1)
            length = choose.choice([0, 1, 700, 5_000, len(data)])
            expected = data[start : start + length]
            assert read(driver, "k", range=(start, length)) == expected
            with driver.get_range("b", "k", start, length) as reader:
                assert bytes(reader.view()) == expected
                buffer = bytearray(length)
                assert reader.readinto(buffer) == len(expected)
                assert buffer[: len(expected)] == expected


def test_it_is_a_file_like_any_other(driver: EngineDriver) -> None:
    data = b"".join(b"%d %s\n" % (n, WORDS[n % 3000]) for n in range(60_000))
    driver.put("b", "k", data, storage_class=COLD)
    with driver.get("b", "k") as reader, io.BytesIO(data) as model:
        choose = random.Random(3)
        for _ in range(300):
            position = choose.randrange(len(data))
            assert reader.seek(position) == model.seek(position)
            assert reader.readline() == model.readline()
            assert reader.read(100) == model.read(100)
            assert reader.tell() == model.tell()
        reader.seek(0)
        assert list(reader) == data.splitlines(keepends=True)


def test_small_reads_decompress_each_chunk_once(
    driver: EngineDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = text(4, 600_000)
    driver.put("b", "k", data, storage_class=COLD)
    zstd, calls = cold.require_cold(), []

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(zstd, name)

        def decompress(self, frame: bytes) -> bytes:
            calls.append(frame)
            found: bytes = zstd.decompress(frame)
            return found

    monkeypatch.setattr(cold, "require_cold", Counting)
    with driver.get("b", "k") as reader:
        assert b"".join(iter(lambda: reader.read(1000), b"")) == data
    chunks = len(calls)
    assert 4 < chunks == len(set(calls))
    calls.clear()
    assert read(driver, "k", range=(300_000, 10)) == data[300_000:300_010]
    assert len(calls) == 1


def test_many_threads_put_and_read(driver: EngineDriver) -> None:
    texts = [text(number, 300_000) for number in range(4)]
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(6):
                data = texts[(number + turn) % 4]
                driver.put("b", f"k{number}", data, storage_class=COLD)
                with driver.get("b", f"k{number}", range=(1000, 250_000)) as reader:
                    assert reader.read() == data[1000:251_000]
                assert driver.get_many("b", [f"k{number}"]) == {f"k{number}": data}
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert driver.verify().problems == ()


def test_a_reader_keeps_its_version(driver: EngineDriver) -> None:
    data = text(5, 500_000)
    driver.put("b", "k", data, storage_class=COLD)
    with driver.get("b", "k") as reader:
        driver.put("b", "k", b"other")
        driver.compact()
        assert reader.read() == data


def test_batches_copies_and_versions_keep_the_class(driver: EngineDriver) -> None:
    one, two = text(6, 200_000), text(7, 200_000)
    driver.set_versioning("b", True)
    with driver.batch() as batch:
        batch.put("b", "k", one, storage_class=COLD)
    held = live(driver)
    assert held < len(one) * 0.6
    first = driver.head("b", "k").version_id
    driver.put("b", "k", two)
    driver.restore_version("b", "k", first)
    driver.copy("b", "k", "b", "copy")
    assert driver.head("b", "copy").storage_class == driver.head("b", "k").storage_class == COLD
    assert read(driver, "copy") == read(driver, "k") == read(driver, "k", version_id=first) == one
    assert live(driver) == held + len(two)
    assert driver.verify().problems == ()


def test_parts_are_compressed_as_their_upload_says(driver: EngineDriver) -> None:
    data = [text(number, 300_000) for number in range(3)] + [b"end"]
    etags = {}
    for key, storage_class in (("cold", COLD), ("plain", "STANDARD")):
        upload = driver.initiate_multipart("b", key, storage_class=storage_class)
        before = live(driver)
        parts = [driver.upload_part("b", key, upload, n + 1, part) for n, part in enumerate(data)]
        assert [part.size for part in parts] == [len(part) for part in data]
        taken = live(driver) - before
        assert (taken < 0.6 * len(b"".join(data))) == (key == "cold")
        info = driver.complete_multipart("b", key, upload, parts)
        etags[key] = info.etag
        assert (info.size, info.storage_class) == (len(b"".join(data)), storage_class)
        assert read(driver, key) == b"".join(data)
        assert read(driver, key, range=(290_000, 20_000)) == b"".join(data)[290_000:310_000]
    assert etags["cold"] == etags["plain"]
    assert driver.verify().problems == ()


# Space.


def test_two_of_one_content_share_their_chunks(driver: EngineDriver) -> None:
    data = text(8, 2 * MIB)
    driver.put("b", "one", data, storage_class=COLD)
    before = live(driver)
    assert before < 0.6 * len(data)
    driver.put("b", "two", data[:1000] + data, storage_class=COLD)
    assert live(driver) - before < 400_000
    driver.put("b", "three", iter([data]), storage_class=COLD)
    assert live(driver) - before < 400_000


def test_what_can_not_be_made_smaller_is_stored_as_it_is(driver: EngineDriver) -> None:
    data = noise(9, MIB)
    driver.put("b", "plain", data)
    assert live(driver) == MIB
    driver.put("b", "cold", data, storage_class=COLD)
    assert live(driver) == MIB
    assert read(driver, "cold") == data


def test_frames_that_are_data_themselves_come_back_as_they_are(driver: EngineDriver) -> None:
    """The chunk that a frame is stored as can be that of an object whose content is this frame."""
    data = text(10, 60_000)
    frame = cold.compressed(data)
    assert len(frame) > 2048
    driver.put("b", "frame", frame)
    driver.put("b", "cold", data, storage_class=COLD)
    driver.put("b", "cold frame", frame, storage_class=COLD)
    assert read(driver, "frame") == read(driver, "cold frame") == frame
    assert read(driver, "cold") == data
    driver.delete("b", "frame")
    assert read(driver, "cold") == data
    assert driver.verify().problems == ()


def test_compaction_moves_compressed_chunks(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        held = {f"{n}": text(n, 400_000) for n in range(40)}
        for key, data in held.items():
            driver.put("b", key, data, storage_class=COLD)
        for number in range(4000):
            driver.put("b", "aged", noise(number, 2000))
        for number in range(0, 40, 2):
            driver.delete("b", f"{number}")
            del held[f"{number}"]
        assert driver.compact().freed_bytes > 4 * MIB
        assert {key: read(driver, key) for key in held} == held
        assert driver.verify().problems == ()
    with opened(tmp_path) as driver:
        assert {key: read(driver, key) for key in held} == held
    check_store(tmp_path / "store", tmp_path / "scratch")


# Damage.


def flip(store: Path, needle: bytes) -> None:
    path = next(path for path in store.glob("packs/*.pack") if needle in path.read_bytes())
    raw = bytearray(path.read_bytes())
    raw[raw.index(needle) + len(needle) // 2] ^= 1
    path.write_bytes(raw)


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


def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = text(16, 100_000)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", data, storage_class=COLD)
        driver.put("b", "plain", data)
        driver.put("b", "small", b"x")
        driver.put("b", "over", b"x", expires_at=NOW + DAY)
        driver.set_lifecycle("b", [LifecycleRule("r", transition_days=1, transition_storage=COLD)])
        imported = builtins.__import__

        def without(name: str, *args: Any) -> Any:
            if name in ("backports", "compression"):
                raise ImportError(name)
            return imported(name, *args)

        monkeypatch.setattr(builtins, "__import__", without)
        says = r"pip install 'trove-engine\[cold\]'"
        with pytest.raises(UnsupportedOptionError, match=says):
            driver.put("b", "new", data, storage_class=COLD)
        with pytest.raises(UnsupportedOptionError, match=says):
            driver.initiate_multipart("b", "new", storage_class=COLD)
        with driver.get("b", "k") as reader, pytest.raises(UnsupportedOptionError, match=says):
            reader.read()
        with pytest.raises(UnsupportedOptionError, match=says):
            driver.apply_lifecycle(NOW + 2 * DAY)
        # What could be done without it was done.
        assert [info.key for info in driver.list("b")] == ["k", "plain", "small"]
        assert driver.head("b", "small").storage_class == COLD
        assert driver.head("b", "plain").storage_class == "STANDARD"
        assert read(driver, "plain") == data
        assert driver.verify().problems == ()
        monkeypatch.undo()
        assert read(driver, "k") == data
        assert driver.apply_lifecycle(NOW + 2 * DAY).transitioned == 1


# Lifecycle.


def moves(driver: EngineDriver, storage_class: str) -> None:
    driver.set_lifecycle("b", [LifecycleRule("r", transition_days=1, transition_storage=storage_class)])


def test_rules_make_objects_cold_and_bring_them_back(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed", chunk_size="4096") as driver:
        driver.create_bucket("b")
        driver.set_versioning("b", True)
        held = {"empty": b"", "small": b"x", "middle": text(1, 9_000), "noise": noise(1, 50_000)}
        held |= {f"large {n}": text(n, 200_000) for n in range(3)}
        later = NOW + 9 * DAY
        for key, data in held.items():
            driver.put("b", key, text(key, 20_000))
            driver.put("b", key, data, metadata={"k": key}, tags={"t": key}, expires_at=later)
        upload = driver.initiate_multipart("b", "parts")
        parts = [driver.upload_part("b", "parts", upload, n + 1, text(n, 30_000)) for n in range(2)]
        driver.complete_multipart("b", "parts", upload, parts)
        held["parts"] = text(0, 30_000) + text(1, 30_000)
        before = {key: driver.head("b", key) for key in held}
        versions = {key: driver.list_versions("b", key) for key in held}
        taken = live(driver)
        for storage_class in (COLD, "STANDARD", COLD, "FROZEN", COLD):
            moves(driver, storage_class)
            report = driver.apply_lifecycle(NOW + 2 * DAY)
            assert (report.transitioned, report.expired) == (len(held), 0)
            for key, data in held.items():
                info = driver.head("b", key)
                assert info.storage_class == storage_class
                for name in ("etag", "size", "metadata", "tags", "last_modified", "version_id"):
                    assert getattr(info, name) == getattr(before[key], name)
                assert read(driver, key) == data
            assert {key: driver.list_versions("b", key) for key in held} == versions
            assert driver.apply_lifecycle(NOW + 2 * DAY).transitioned == 0
            if storage_class == COLD:
                assert live(driver) < taken - 250_000
            else:
                assert live(driver) == taken
            assert driver.verify().problems == ()
        assert driver.apply_lifecycle(NOW + 10 * DAY).expired == len(held) - 1
    check_store(tmp_path / "store", tmp_path / "scratch")


def test_what_changes_meanwhile_is_left_alone(driver: EngineDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that can come between the reading of an object and the commit that makes it cold."""
    data = text(17, 100_000)
    for key in ("copied", "deleted", "moved", "replaced", "same"):
        driver.put("b", key, data + key.encode())
    moves(driver, COLD)
    compressed = cold.compressed
    done: list[bool] = []

    def meddling(piece: bytes) -> bytes:
        if not done:
            done.append(True)
            driver.put("b", "replaced", b"other")
            driver.delete("b", "deleted")
            driver.copy("b", "copied", "b", "copied", metadata={"a": "b"})
            driver.put("b", "same", data + b"same")
        return compressed(piece)

    # Of the first object only what is compressed: the rest is read when it is changed already.
    monkeypatch.setattr("trove._engine.content.compressed", meddling)
    report = driver.apply_lifecycle(NOW + 2 * DAY)
    assert done
    assert report.transitioned == 1
    assert driver.head("b", "moved").storage_class == COLD
    assert read(driver, "replaced") == b"other"
    assert [info.key for info in driver.list("b")] == ["copied", "moved", "replaced", "same"]
    assert driver.head("b", "copied").metadata == {"a": "b"}
    assert driver.verify().problems == ()


def test_rules_that_change_meanwhile_are_asked_again(
    driver: EngineDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.put("b", "k", text(18, 100_000))
    moves(driver, COLD)
    compressed = cold.compressed

    def meddling(piece: bytes) -> bytes:
        driver.set_lifecycle("b", [])
        return compressed(piece)

    monkeypatch.setattr("trove._engine.content.compressed", meddling)
    assert driver.apply_lifecycle(NOW + 2 * DAY).transitioned == 0
    assert driver.head("b", "k").storage_class == "STANDARD"


def test_whoever_closes_the_store_does_not_wait_for_a_large_object(
    driver: EngineDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.put("b", "k", text(20, 20 * MIB))
    driver.put("b", "l", text(21, 100_000))
    moves(driver, COLD)
    stopped, compressed, pieces = threading.Event(), cold.compressed, []

    def stopping(piece: bytes) -> bytes:
        pieces.append(len(piece))
        stopped.set()
        return compressed(piece)

    monkeypatch.setattr("trove._engine.content.compressed", stopping)
    report = lifecycle.apply_lifecycle(driver.opened(), False, NOW + 2 * DAY, stopped)
    assert report.transitioned == 0
    assert sum(pieces) <= 5 * MIB
    assert [info.storage_class for info in driver.list("b")] == ["STANDARD"] * 2
    assert driver.verify().problems == ()


def test_a_damaged_object_does_not_keep_others_from_their_class(tmp_path: Path) -> None:
    data = text(19, 100_000)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        for key in ("1", "2", "3"):
            driver.put("b", key, key.encode() + noise(key, 5000) + data)
        moves(driver, COLD)
    flip(tmp_path / "store", noise("2", 5000))
    with opened(tmp_path) as driver:
        with pytest.raises(ChecksumMismatchError):
            driver.apply_lifecycle(NOW + 2 * DAY)
        assert [info.storage_class for info in driver.list("b")] == [COLD, "STANDARD", COLD]
        assert len(driver.verify().problems) == 1


def test_objects_whose_packs_were_compacted_away_change_their_class(driver: EngineDriver) -> None:
    data = {f"{n}": text(n, 300_000) for n in range(20)}
    for key, each in data.items():
        driver.put("b", key, each)
        driver.put("b", "gone", noise(key, MIB))
    driver.delete("b", "gone")
    driver.compact()
    moves(driver, COLD)
    assert driver.apply_lifecycle(NOW + 2 * DAY).transitioned == 20
    assert {key: read(driver, key) for key in data} == data
    driver.compact()
    moves(driver, "STANDARD")
    assert driver.apply_lifecycle(NOW + 2 * DAY).transitioned == 20
    assert {key: read(driver, key) for key in data} == data
    assert driver.verify().problems == ()


def blocks(size: int) -> Iterator[bytes]:
    """Half of what is random, and no block like another."""
    halves = bytes(each & 15 for each in range(256))
    for number in range(size // MIB):
        yield random.Random(number).randbytes(MIB).translate(halves)


def through_little_memory(folder: Path, size: int) -> None:
    with opened(folder, durability="relaxed") as driver:
        driver.create_bucket("b")
        peak = Peak()
        driver.put("b", "cold", blocks(size), storage_class=COLD)
        assert live(driver) < 0.7 * size
        driver.put("b", "plain", blocks(size))
        for storage_class in (COLD, "STANDARD"):
            moves(driver, storage_class)
            assert driver.apply_lifecycle(NOW + 2 * DAY).transitioned >= 1
        for key in ("cold", "plain"):
            with driver.get("b", key) as reader:
                for block in blocks(size):
                    assert reader.read(MIB) == block
                assert reader.read() == b""
        assert peak.risen() < 100 * MIB


@alone(timeout=120)
def test_a_large_object_goes_through_little_memory(tmp_path: Path) -> None:
    through_little_memory(tmp_path, 256 * MIB)


@pytest.mark.slow
@alone(timeout=1800)
def test_a_very_large_object_goes_through_as_little(tmp_path: Path) -> None:
    through_little_memory(tmp_path, 10 << 30)
