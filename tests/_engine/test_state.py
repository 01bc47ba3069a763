"""``state`` is believed as far as it can be, and no further: a damaged one costs time, never data."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest
from harness.alone import Child

from trove.drivers.engine import EngineDriver
from trove.errors import CorruptStoreError

CLEAN, SEQUENCE, IN_FLIGHT, BURNED, SLOTS, DURABLE = 32, 40, 48, 72, 128, 3968
COUNT = 40


def opened(store: Path, durability: str = "relaxed") -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{store}?durability={durability}")
    return driver


def value(number: int) -> bytes:
    return b"value %d " % number * 20


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store that was closed."""
    driver = opened(tmp_path / "store")
    driver.create_bucket("b")
    for number in range(COUNT):
        driver.put("b", f"{number:03}", value(number))
    driver.close()
    return tmp_path / "store"


def check(store: Path, more: int = 0) -> None:
    """Everything is there, and the store takes more."""
    with opened(store, "full") as driver:
        assert len(list(driver.list("b"))) == COUNT + more
        for number in range(COUNT):
            assert driver.get("b", f"{number:03}").read() == value(number)
        driver.put("b", "after", b"x")
        assert driver.verify().problems == ()
    with opened(store) as driver:
        assert driver.get("b", "after").read() == b"x"


def change(store: Path, at: int, data: bytes) -> None:
    """Write into ``state`` as it is: another file would be of another boot."""
    with open(store / "state", "r+b") as file:
        file.seek(at)
        file.write(data)


def flip_commit(store: Path, number: int) -> None:
    pack = store / "packs" / "0000000001.pack"
    data = bytearray(pack.read_bytes())
    data[data.index(value(number))] ^= 1
    pack.write_bytes(data)


def died(store: Path) -> None:
    """Open the store in a process that puts an object and ends without closing it."""

    def work() -> None:
        opened(store).put("b", "last", b"x")

    assert Child(work).wait() == 0


def after_a_power_cut(store: Path, to: Path) -> Path:
    """The files of the open store as they are, in another boot."""
    return shutil.copytree(store, to)


def test_damage_to_what_was_durable_at_the_last_close_is_no_power_cut(store: Path, tmp_path: Path) -> None:
    with opened(store) as driver:
        driver.get("b", "000").read()
        left = after_a_power_cut(store, tmp_path / "left")
    flip_commit(left, COUNT // 2)
    with pytest.raises(CorruptStoreError, match="breaks after commit"):
        opened(left)
    report = EngineDriver().repair(f"trove://{left}")
    assert report.ok
    with opened(left) as driver:
        assert driver.get("b", "000").read() == value(0)
        assert driver.verify().ok


def test_damage_to_what_was_flushed_since_is_no_power_cut(store: Path, tmp_path: Path) -> None:
    pack = store / "packs" / "0000000001.pack"
    with opened(store) as driver:
        driver.put("b", "flushed", value(COUNT))
        driver.snapshot()  # it flushes the log
        flushed = pack.stat().st_size
        driver.put("b", "not flushed", value(COUNT + 1))
        for name, size in (("cut", flushed), ("damaged", flushed - 8)):
            left = after_a_power_cut(store, tmp_path / name)
            shutil.rmtree(left / "snapshots")
            with open(left / "packs" / pack.name, "r+b") as file:
                file.truncate(size)
    with pytest.raises(CorruptStoreError, match="breaks after commit"):
        opened(tmp_path / "damaged")
    check(tmp_path / "cut", more=1)


def test_a_damaged_chunk_of_what_was_durable_costs_its_object_and_no_commit(
    store: Path, tmp_path: Path
) -> None:
    large = Random(1).randbytes(100_000)
    with opened(store) as driver:
        driver.put("b", "large", large)
        driver.put("b", "later", b"x")
    with opened(store) as driver:
        left = after_a_power_cut(store, tmp_path / "left")
    pack = left / "packs" / "0000000001.pack"
    data = bytearray(pack.read_bytes())
    data[data.index(large[500:600])] ^= 1
    pack.write_bytes(data)
    with opened(left) as driver:
        assert driver.get("b", "later").read() == b"x"
        assert [problem.key for problem in driver.verify().problems] == ["large"]


# What is not among these: two words in use that agree on a number that could be. They are believed.
FIELDS = [[SEQUENCE], [IN_FLIGHT], [BURNED], [SEQUENCE, IN_FLIGHT], [DURABLE]]


@pytest.mark.parametrize("fields", FIELDS, ids=str)
@pytest.mark.parametrize("word", [0, 5, (1 << 63) + 1, (1 << 64) - 1])
@pytest.mark.parametrize("end", ["closed", "died"])
def test_a_number_that_can_not_be_costs_nothing(store: Path, fields: list[int], word: int, end: str) -> None:
    if end == "died":
        died(store)
    for field in fields:
        change(store, field, word.to_bytes(8, "little"))
    check(store, more=end == "died")


@pytest.mark.parametrize("failed", [0, 1])
@pytest.mark.parametrize("number", [77, 1 << 40])
def test_a_pack_that_is_not_there_need_not_be_flushed(store: Path, number: int, failed: int) -> None:
    died(store)
    slot = b"".join(word.to_bytes(8, "little") for word in (number, 4096, 64, failed))
    change(store, SLOTS + 5 * len(slot), slot)
    check(store, more=1)


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_flipped_bit_costs_nothing(store: Path, count: int) -> None:
    random = Random(4)
    state = (store / "state").read_bytes()
    with opened(store) as driver:
        driver.put("b", "after", b"x")
    for number in range(count):
        at = random.choice(
            [random.randrange(128), random.randrange(DURABLE, 4000), random.randrange(len(state))]
        )
        change(store, at, bytes([(store / "state").read_bytes()[at] ^ 1 << random.randrange(8)]))
        with opened(store) as driver:
            assert len(list(driver.list("b"))) == COUNT + 1, (number, at)
