"""The class COLD: its chunks are stored compressed, and nothing else is different for anybody."""

from __future__ import annotations

import builtins
import io
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.cold_objects import WORDS, live, read, skip_without_cold, text
from harness.index_rows import check_store
from harness.noise import noise
from harness.opened import opened

from trove._engine import cold
from trove._engine.cold import COLD
from trove.driver import LifecycleRule
from trove.drivers.engine import EngineDriver
from trove.errors import UnsupportedOptionError

skip_without_cold()

MIB = 1 << 20
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[EngineDriver]:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        yield driver


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
