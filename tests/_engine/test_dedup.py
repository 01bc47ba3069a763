"""Deduplication: equal bytes are stored once, and other bytes are never taken for them."""

from __future__ import annotations

import errno
import io
import os
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lmdb
import pytest
import xxhash
from harness.alone import alone, processes_together
from harness.faults import FAIL, Faults
from harness.index_rows import CHUNK, check_counts, check_store, rows_of, seed_of
from harness.noise import noise

from trove._engine import background
from trove.drivers.engine import EngineDriver
from trove.errors import ChecksumMismatchError, CorruptStoreError, InvalidArgumentError, StorageIOError

SIZE = 3_000_000


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[EngineDriver]:
    driver = opened(tmp_path)
    driver.create_bucket("b")
    driver.create_bucket("c")
    yield driver
    driver.close()
    check_store(tmp_path / "store", tmp_path / "scratch")


def opened(folder: Path, **options: str) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{folder}/store", durability="relaxed", **options)
    return driver


def grown(driver: EngineDriver, call: Callable[[], object]) -> tuple[int, int]:
    """How many bytes ``call()`` adds: of live data, and to the packs."""
    before = driver.stats()
    call()
    after = driver.stats()
    return after.live_bytes - before.live_bytes, after.pack_bytes - before.pack_bytes


def in_pieces(data: bytes, size: int = 70_001) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


# Equal content.


@pytest.mark.parametrize("form", ["bytes", "memoryview", "file", "pieces", "path"])
def test_the_same_content_again_costs_no_data(driver: EngineDriver, tmp_path: Path, form: str) -> None:
    data = noise("a", SIZE)
    live, _ = grown(driver, lambda: driver.put("b", "first", data))
    assert live == len(data)
    path = tmp_path / "file"
    path.write_bytes(data)
    again: Any = {
        "bytes": bytes(bytearray(data)),
        "memoryview": memoryview(data),
        "file": io.BytesIO(data),
        "pieces": in_pieces(data),
        "path": path,
    }[form]
    live, packed = grown(driver, lambda: driver.put("c", "again", again))
    assert live == 0
    assert packed < len(data) // 500  # its commit: 32 bytes for each chunk
    assert driver.head("b", "first").etag == driver.head("c", "again").etag
    driver.delete("b", "first")
    assert driver.get("c", "again").read() == data


def test_another_process_finds_the_content(driver: EngineDriver, tmp_path: Path) -> None:
    data = noise("a", SIZE)
    driver.put("b", "here", data)
    find_in_another_process(tmp_path=tmp_path)
    live, _ = grown(driver, lambda: driver.put("b", "here too", noise("from there", SIZE)))
    assert live == 0
    assert driver.get("b", "there").read() == data


@alone()
def find_in_another_process(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        assert grown(driver, lambda: driver.put("b", "there", noise("a", SIZE)))[0] == 0
        driver.put("b", "theirs", noise("from there", SIZE))


def test_content_that_an_insert_moved_is_found(driver: EngineDriver) -> None:
    data = noise("a", SIZE)
    driver.put("b", "first", data)
    moved = data[:1_000_000] + b"inserted" + data[1_000_000:]
    live, _ = grown(driver, lambda: driver.put("b", "moved", moved))
    # The chunk around the place, or a few until the cuts are the same again.
    assert 0 < live < 1_000_000
    live, _ = grown(driver, lambda: driver.put("b", "stream", in_pieces(b"in front" + moved)))
    assert 0 < live < 1_000_000
    assert driver.get("b", "moved").read() == moved
    assert driver.get("b", "stream").read() == b"in front" + moved


def test_live_bytes_are_what_is_there_once(driver: EngineDriver) -> None:
    one, two = noise("one", SIZE), noise("two", SIZE)
    driver.put("b", "one", one)
    driver.put("b", "both", one)
    driver.copy("b", "one", "c", "one")
    driver.put("b", "two", two)
    assert driver.stats().live_bytes == len(one) + len(two)
    driver.delete("b", "one")
    driver.put("b", "both", b"")
    assert driver.stats().live_bytes == len(one) + len(two)
    driver.delete("c", "one")
    assert driver.stats().live_bytes == len(two)
    driver.put("b", "two", b"")
    assert driver.stats().live_bytes == 0


def test_content_that_repeats_itself_is_stored_once(driver: EngineDriver) -> None:
    data = noise("a", 40_000) + bytes(5_000_000)
    assert grown(driver, lambda: driver.put("b", "zeros", data))[0] < 800_000
    assert grown(driver, lambda: driver.put("b", "stream", in_pieces(data)))[0] == 0
    assert driver.get("b", "zeros").read() == data == driver.get("b", "stream").read()


# Other content that has the id of stored content. No two inputs of XXH3-128 with one hash are at hand, so the
# stored row is changed instead: it gets the id of bytes that are not there yet.


def give_another_id(store: Path, old: bytes, new: bytes) -> None:
    """The chunk of the bytes ``old`` gets the id that ``new`` will have; the store is closed."""
    was, becomes = (xxhash.xxh3_128_digest(data) + b"\0" for data in (old, new))
    env = lmdb.open(str(store / "index"), max_dbs=16, lib_version=1, map_size=1 << 20)
    with env.begin(write=True) as txn:
        chunks, objects = (env.open_db(name, txn, create=False) for name in (b"chunks", b"objects"))
        body = (txn.get(was, db=chunks) or b"")[8:]
        txn.delete(was, db=chunks)
        txn.put(becomes, sealed(becomes, body), db=chunks)
        for key, row in list(txn.cursor(objects)):
            changed = row[8:].replace(was[:16], becomes[:16])
            txn.put(key, sealed(key, changed), db=objects)
    env.close()


def use_up_the_salts(store: Path, new: bytes, count: int) -> None:
    """As if ``count`` contents had the id that ``new`` will have: it has been given to one already."""
    digest = xxhash.xxh3_128_digest(new)
    env = lmdb.open(str(store / "index"), max_dbs=16, lib_version=1, map_size=1 << 20)
    with env.begin(write=True) as txn:
        chunks = env.open_db(b"chunks", txn, create=False)
        body = (txn.get(digest + b"\0", db=chunks) or b"")[8:]
        for salt in range(1, count):
            key = digest + bytes([salt])
            txn.put(key, sealed(key, body), db=chunks)
    env.close()


def sealed(key: bytes, body: bytes) -> bytes:
    return struct.pack("<Q", xxhash.xxh3_64_intdigest(body, seed_of(key))) + body


@pytest.mark.parametrize("form", ["bytes", "stream"])
@pytest.mark.parametrize("lengths", [(20_000, 20_000), (20_000, 30_000)])
def test_other_bytes_with_the_id_of_stored_ones_are_stored_beside_them(
    tmp_path: Path, form: str, lengths: tuple[int, int]
) -> None:
    old, new = noise("old", lengths[0]), noise("new", lengths[1])
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "old", old)
        driver.put("b", "last", b"x")  # opening holds the last commit against the index
    give_another_id(tmp_path / "store", old, new)
    with opened(tmp_path, verify="never") as driver:  # the old bytes have a wrong id now
        assert driver.get("b", "old").read() == old
        live, _ = grown(driver, lambda: driver.put("b", "new", new if form == "bytes" else in_pieces(new)))
        assert live == len(new)
        driver.put("b", "again", new)
        assert driver.get("b", "old").read() == old
        assert driver.get("b", "new").read() == new == driver.get("b", "again").read()
        driver.delete("b", "old")
        assert driver.get("b", "new").read() == new
    with opened(tmp_path) as driver:
        assert driver.get("b", "again").read() == new
    rows = rows_of(tmp_path / "store", tmp_path / "scratch")
    check_counts(rows)
    assert len(rows["chunks"]) == len({CHUNK.unpack(body)[2] for body in rows["chunks"].values()})


@pytest.mark.parametrize("salts", [255, 256])
def test_there_are_256_contents_of_one_id_at_most(tmp_path: Path, salts: int) -> None:
    old, new = noise("old", 20_000), noise("new", 20_000)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "old", old)
        driver.put("b", "last", b"x")  # opening holds the last commit against the index
    give_another_id(tmp_path / "store", old, new)
    use_up_the_salts(tmp_path / "store", new, salts)
    with opened(tmp_path, verify="never") as driver:
        before = driver.stats().sequence
        if salts == 255:
            driver.put("b", "new", new)
            assert driver.get("b", "new").read() == new
        else:
            with pytest.raises(InvalidArgumentError, match=r"256 other contents .*blake3"):
                driver.put("b", "new", new)
            assert driver.stats().sequence == before
        assert driver.get("b", "old").read() == old
        driver.put("b", "another", noise("another", SIZE))
        assert driver.get("b", "another").read() == noise("another", SIZE)


@alone()
def test_a_lost_chunk_is_missed_though_it_shares_its_id_with_another(
    tmp_path: Path, fault_library: Path
) -> None:
    """A flush of it fails, and what the next one would need is gone then: no success is built on that."""
    old, new = noise("old", 20_000), noise("new", 20_000)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "old", old)
        driver.put("b", "last", b"x")  # opening holds the last commit against the index
    give_another_id(tmp_path / "store", old, new)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(background, "FLUSH_SECONDS", 1000.0)  # by nobody but this test
        driver = opened(tmp_path, verify="never")
        driver.put("b", "new", new)
        faults = Faults(tmp_path / "store")
        faults.arm("fdatasync", FAIL, error=errno.EIO)
        with pytest.raises(StorageIOError, match="Input/output"):
            driver.opened().flush_now()
        faults.disarm()
        damaged = 0
        for pack in (tmp_path / "store").glob("packs/*"):
            at = pack.read_bytes().find(new)
            if at >= 0:
                with open(pack, "r+b") as file:
                    file.seek(at)
                    file.write(bytes(len(new)))
                damaged += 1
        assert damaged == 1
        for _ in range(2):
            with pytest.raises(StorageIOError, match="gone since then"):
                driver.opened().flush_now()
        with pytest.raises(StorageIOError, match="gone since then"):
            driver.close()


@pytest.mark.parametrize("form", ["bytes", "stream"])
def test_content_whose_stored_bytes_are_lost_is_stored_anew(tmp_path: Path, form: str) -> None:
    data = noise("lost", 200_000)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "lost", data)
    pack = tmp_path / "store" / "packs" / "0000000001.pack"
    os.truncate(pack, pack.stat().st_size - len(data) // 2)
    with opened(tmp_path) as driver:
        driver.put("b", "again", data if form == "bytes" else in_pieces(data))
        assert driver.get("b", "again").read() == data
        with pytest.raises((CorruptStoreError, ChecksumMismatchError)):
            driver.get("b", "lost").read()


# Content that goes while it is being shared.


@pytest.mark.parametrize("how", ["delete", "overwrite"])
def test_a_stream_keeps_what_it_shared_though_the_owner_goes(driver: EngineDriver, how: str) -> None:
    data = noise("a", 12_000_000)
    driver.put("b", "owner", data)

    def pieces() -> Iterator[bytes]:
        yield data[:11_000_000]
        if how == "delete":
            driver.delete("b", "owner")
        else:
            driver.put("b", "owner", b"other")
        assert driver.stats().live_bytes == 0
        yield data[11_000_000:]

    driver.put("b", "stream", pieces())
    assert driver.get("b", "stream").read() == data
    assert driver.stats().live_bytes == len(data)
    assert driver.verify().ok


def test_a_batch_keeps_what_it_shared_though_the_owner_goes(driver: EngineDriver) -> None:
    data = noise("a", SIZE)
    driver.put("b", "owner", data)
    with driver.batch() as batch:
        batch.put("b", "one", data)
        batch.put("b", "two", in_pieces(data))
        driver.delete("b", "owner")
    assert driver.get("b", "one").read() == data == driver.get("b", "two").read()
    assert driver.stats().live_bytes == len(data)


def test_what_two_put_at_once_is_kept_once(driver: EngineDriver) -> None:
    """Both find nothing, and write it; the commit that comes second uses what the first one has."""
    data = noise("a", SIZE)
    with driver.batch() as batch:
        batch.put("b", "one", data)
        driver.put("b", "two", data)
    assert driver.stats().live_bytes == len(data)
    driver.delete("b", "two")
    assert driver.get("b", "one").read() == data


@alone()
def test_sharing_while_other_processes_delete_loses_nothing(tmp_path: Path) -> None:
    contents = [noise(number, size) for number, size in enumerate((3000, 100_000, 900_000))]
    with opened(tmp_path) as driver:
        driver.create_bucket("b")

    def work(writer: int) -> None:
        draw = random.Random(writer)
        mine: dict[str, bytes] = {}
        with opened(tmp_path) as driver:
            for _ in range(120):
                key = f"{writer}/{draw.randrange(3)}"
                if draw.random() < 0.5:
                    mine.pop(key, None)
                    driver.delete("b", key)
                else:
                    data = mine[key] = draw.choice(contents) + draw.choice([b"", contents[0]])
                    driver.put("b", key, in_pieces(data) if draw.random() < 0.5 else data)
                    assert driver.get("b", key).read() == data
            for key, data in mine.items():
                assert driver.get("b", key).read() == data

    processes_together(*(lambda writer=writer: work(writer) for writer in range(3)))
    with opened(tmp_path) as driver:
        assert driver.verify().ok
    check_store(tmp_path / "store", tmp_path / "scratch")
