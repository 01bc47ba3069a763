"""What a power cut can leave of relaxed writes: a prefix of them, each of its objects whole."""

from __future__ import annotations

import errno
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.alone import alone
from harness.faults import FAIL, Faults
from harness.index_rows import check_store
from harness.killed_writer import contents

import trove
from trove.errors import ChecksumMismatchError, StorageIOError

OBJECTS = {
    "chunked": random.Random(1).randbytes(100_000),
    "listed": random.Random(2).randbytes(2_000_000),
    "inline": b"small",
    "after": random.Random(3).randbytes(50_000),
}

Cut = Callable[[Path, int, int], None]


def zero_a_page(pack: Path, start: int, end: int) -> None:
    with open(pack, "r+b") as file:
        file.seek((start + end) // 2)
        file.write(bytes(4096))


def cut_there(pack: Path, start: int, end: int) -> None:
    with open(pack, "r+b") as file:
        file.truncate((start + end) // 2)


def lose_the_head(pack: Path, start: int, end: int) -> None:
    """Of the extent: its data is there, and nothing in the log says so."""
    with open(pack, "r+b") as file:
        file.seek(start)
        file.write(bytes(32))


@pytest.fixture(params=["xxh3", "blake3"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, tuple[int, int]]]:
    """A store that was never flushed since its first object, and where in its pack the data of each lies."""
    folder = tmp_path / "source"
    pack = folder / "packs" / "0000000001.pack"
    where: dict[str, tuple[int, int]] = {}
    with trove.open(f"trove://{folder}?hash={request.param}&durability=full") as drv:
        drv.create_bucket("b")
        drv.put("b", "durable", random.Random(0).randbytes(100_000))
    drv = trove.open(f"trove://{folder}?durability=relaxed")
    for key, data in OBJECTS.items():
        start = pack.stat().st_size
        drv.put("b", key, data)
        where[key] = start, pack.stat().st_size
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    drv.close()
    shutil.rmtree(copy / "index")
    (copy / "state").unlink()
    return copy, where


@pytest.mark.parametrize("mode", ["rw", "r"])
@pytest.mark.parametrize(
    "cut",
    [zero_a_page, cut_there, lose_the_head],
    ids=["a page lost", "the end lost", "the head lost"],
)
@pytest.mark.parametrize("torn", ["chunked", "listed", "after"])
def test_the_log_ends_before_the_first_commit_whose_data_is_not_there(
    source: tuple[Path, dict[str, tuple[int, int]]], tmp_path: Path, torn: str, cut: Cut, mode: str
) -> None:
    store, where = source
    start, end = where[torn]
    cut(store / "packs" / "0000000001.pack", start, end)
    keys = list(OBJECTS)
    left = {"durable", *keys[: keys.index(torn)]}
    with trove.open(f"trove://{store}?mode={mode}") as drv:
        found = contents(drv)
        assert set(found) == left
        assert all(found[key] == OBJECTS[key] for key in left - {"durable"})
        assert drv.verify().ok  # type: ignore[attr-defined]
    if mode == "rw":
        # And what comes then takes the place of what was lost, in every rebuild from now on.
        with trove.open(f"trove://{store}") as drv:
            drv.put("b", "new", b"new")
        shutil.rmtree(store / "index")
        (store / "state").unlink()
        with trove.open(f"trove://{store}") as drv:
            assert set(contents(drv)) == {*left, "new"}
        check_store(store, tmp_path / "scratch")


def test_data_that_was_on_disk_is_damaged_and_not_forgotten(
    source: tuple[Path, dict[str, tuple[int, int]]],
) -> None:
    """What a power cut can't have taken is an error to be seen: the log goes on behind it."""
    store, _ = source
    pack = store / "packs" / "0000000001.pack"
    zero_a_page(pack, 2_000, 90_000)  # within the object that was flushed
    with trove.open(f"trove://{store}") as drv:
        assert {info.key for info in drv.list("b")} == {"durable", *OBJECTS}
        with pytest.raises(ChecksumMismatchError):
            drv.get("b", "durable").read()
        assert drv.get("b", "after").read() == OBJECTS["after"]


def test_a_pack_that_is_missing_is_no_power_cut(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with trove.open(f"trove://{folder}?durability=relaxed") as drv:
        drv.create_bucket("b")
        drv.put("b", "shared", OBJECTS["listed"])
    second = tmp_path / "second"
    shutil.copytree(folder, second)
    (second / "packs" / "0000000001.pack").unlink()
    with pytest.raises(trove.TroveError):
        trove.open(f"trove://{second}").get("b", "shared")


@alone()
def test_the_number_of_a_write_that_raised_is_not_given_again_after_a_power_cut(
    tmp_path: Path, fault_library: Path
) -> None:
    """Whoever had it would be taken for the one that raised, after the next power cut."""
    folder, first, second = (tmp_path / name for name in ("store", "first", "second"))
    drv = trove.open(f"trove://{folder}")
    drv.create_bucket("b")
    faults = Faults(folder)
    faults.arm("fdatasync", FAIL, error=errno.EIO, path=".pack")
    with pytest.raises(StorageIOError):
        drv.put("b", "failed", b"failed")
    faults.disarm()
    # A copy that is made while the store is open is what the power leaves of it.
    shutil.copytree(folder, first)
    again = trove.open(f"trove://{first}")
    again.put("b", "after", b"after")
    shutil.copytree(first, second)
    for driver in (drv, again):
        driver.close()
    with trove.open(f"trove://{second}") as found:
        assert contents(found) == {"after": b"after"}
