"""Memory and other means: large objects go through in little of it, and failures leave none behind."""

from __future__ import annotations

import io
import os
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xxhash
from harness.alone import alone
from harness.index_rows import check_store
from harness.peak import Peak

from trove.drivers.engine import EngineDriver
from trove.errors import ObjectNotFoundError

MIB = 1 << 20
BOUND = 100 * MIB
BLOCK = 4 * MIB
STAMPED = 16 << 10  # bytes between two stamps: every chunk has one, so that none is like another


def opened(folder: Path) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{folder}/store", durability="relaxed")
    return driver


def blocks(size: int) -> Iterator[bytearray]:
    """``size`` bytes that don't repeat themselves, in one buffer that is filled again and again."""
    block = bytearray(random.Random(1).randbytes(BLOCK))
    for number in range(size // BLOCK):
        for at in range(0, BLOCK, STAMPED):
            struct.pack_into("<QQ", block, at, number, at)
        yield block


class Generated(io.RawIOBase):
    """The same bytes as a file, which gives fewer of them than it is asked for."""

    def __init__(self, size: int) -> None:
        self._blocks = blocks(size)
        self._left = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        assert size > 0
        if not self._left:
            self._left = memoryview(next(self._blocks, bytearray()))
        size = min(size, 300_007)
        given, self._left = bytes(self._left[:size]), self._left[size:]
        return given


def checksum(size: int) -> str:
    digest = xxhash.xxh3_128()
    for block in blocks(size):
        digest.update(block)
    return digest.hexdigest()


def in_and_out(folder: Path, form: str, size: int) -> None:
    expected = checksum(size)
    path = folder / "source"
    if form == "path":
        with open(path, "wb") as file:
            for block in blocks(size):
                file.write(block)
    data: Any = {"file": Generated(size), "pieces": blocks(size), "path": path}[form]
    with opened(folder) as driver:
        driver.create_bucket("b")
        peak = Peak()
        driver.put("b", "k", data)
        assert peak.risen() < BOUND
        path.unlink(missing_ok=True)
        digest = xxhash.xxh3_128()
        with driver.get("b", "k") as reader:
            while data := reader.read(1_000_003):
                digest.update(data)
        assert digest.hexdigest() == expected
        digest.reset()
        buffer = bytearray(3 * MIB)
        with driver.get("b", "k") as reader:
            while count := reader.readinto(buffer):
                digest.update(memoryview(buffer)[:count])
        assert digest.hexdigest() == expected
        assert peak.risen() < BOUND
        assert driver.verify().ok
        assert peak.risen() < BOUND
        assert driver.stats().live_bytes == size


@alone(timeout=120)
@pytest.mark.parametrize("form", ["file", "pieces", "path"])
def test_a_large_object_goes_through_little_memory(tmp_path: Path, form: str) -> None:
    in_and_out(tmp_path, form, 320 * MIB)


@pytest.mark.slow
@alone(timeout=900)
@pytest.mark.parametrize("form", ["file", "pieces", "path"])
def test_a_very_large_object_goes_through_as_little(tmp_path: Path, form: str) -> None:
    in_and_out(tmp_path, form, 10 << 30)


@alone()
def test_pages_and_many_reads_take_what_they_give(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        for start in range(0, 50_000, 5_000):
            driver.put_many("b", {f"{n:06d}": b"%d" % n * 40 for n in range(start, start + 5_000)})
        peak = Peak()
        cursor, count = "", 0
        while True:
            page = driver.list("b", cursor=cursor, max_keys=500)
            names = [info.key for info in page]
            assert len(driver.get_many("b", names)) == 500
            count += len(names)
            cursor = page.next_token
            if not cursor:
                break
        assert count == 50_000
        assert peak.risen() < BOUND // 5
        assert driver.verify().ok
        assert peak.risen() < BOUND


# Data that fails.


class BrokenError(Exception):
    """What the data raises."""


def raising_pieces(good: bytes) -> Iterator[bytes]:
    yield good
    raise BrokenError


class RaisingFile(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size) or self.fail()

    def readinto(self, buffer: Any, /) -> int:
        return super().readinto(buffer) or len(self.fail())

    def fail(self) -> bytes:
        raise BrokenError


def raising(form: str, good: bytes) -> Any:
    return raising_pieces(good) if form == "pieces" else RaisingFile(good)


def put_both(driver: EngineDriver, good: bytes, bad: Any) -> None:
    with driver.batch() as batch:
        batch.put("b", "batch", good)
        batch.put("b", "new", bad)


def descriptors() -> set[str]:
    folder = Path("/proc/self/fd")
    return {os.readlink(entry) for entry in folder.iterdir() if os.path.lexists(entry)}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="descriptors are counted in /proc")
@pytest.mark.parametrize("form", ["pieces", "file"])
@pytest.mark.parametrize("size", [0, 1000, 50_000, 20 * MIB])
def test_data_that_fails_half_way_leaves_only_space(tmp_path: Path, form: str, size: int) -> None:
    good = random.Random(size).randbytes(size)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "old", b"as it was")
        driver.put("b", "large", random.Random("large").randbytes(50_000))
        before, held = driver.stats(), descriptors()
        for key in ("new", "old"):
            with pytest.raises(BrokenError):
                driver.put("b", key, raising(form, good))
        with pytest.raises(BrokenError):
            put_both(driver, good, raising(form, good))
        with pytest.raises(ObjectNotFoundError):
            driver.head("b", "new")
        assert driver.get("b", "old").read() == b"as it was"
        assert {info.key for info in driver.list("b")} == {"old", "large"}
        after = driver.stats()
        assert (after.live_bytes, after.chunks, after.objects) == (50_000, before.chunks, 2)
        assert {name for name in descriptors() - held if "/packs/" not in name} == set()
        assert driver.verify().ok
        # What was written of it is found, should it come again.
        driver.put("b", "new", good)
        assert driver.get("b", "new").read() == good
    check_store(tmp_path / "store", tmp_path / "scratch")


@pytest.mark.parametrize("size", [1, 2048, 2049, 100_000, 9 * MIB])
@pytest.mark.parametrize("piece", [1, 777, 65_536, 5 * MIB])
def test_one_buffer_that_is_filled_again_gives_each_of_its_contents(
    tmp_path: Path, size: int, piece: int
) -> None:
    if size // piece > 20_000:
        size = 20_000 * piece
    data = random.Random(size).randbytes(size)
    buffer = bytearray(piece)

    def pieces() -> Iterator[memoryview]:
        for at in range(0, size, piece):
            part = data[at : at + piece]
            buffer[: len(part)] = part
            yield memoryview(buffer)[: len(part)]
            buffer[: len(part)] = bytes(len(part))

    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        info = driver.put("b", "k", pieces())
        assert driver.get("b", "k").read() == data
        assert info.etag == driver.put("b", "whole", data).etag


@pytest.mark.parametrize("most", [1, 100, 70_000])
def test_a_file_may_give_less_than_it_is_asked_for(tmp_path: Path, most: int) -> None:
    data = random.Random(most).randbytes(min(most * 2000, 10 * MIB))

    class Short(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(most if size is None or size < 0 else min(size, most))

        def readinto(self, buffer: Any, /) -> int:
            return super().readinto(memoryview(buffer)[:most])

    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", Short(data))
        assert driver.get("b", "k").read() == data
        assert driver.head("b", "k").size == len(data)


def test_readers_that_are_forgotten_hold_nothing(tmp_path: Path) -> None:
    """Two hundred packs' worth of readers: a descriptor for each would be seen."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", random.Random(0).randbytes(300_000))
        first = driver.get("b", "k").read(10)
        held = len(os.listdir("/proc/self/fd"))
        readers = [driver.get("b", "k") for _ in range(200)]
        assert all(reader.read(10) == first for reader in readers)
        assert len(os.listdir("/proc/self/fd")) == held
