"""When bytes are flushed: at once with full durability, within about two seconds when it is relaxed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.alone import Child, alone
from harness.described import SIZES, described
from harness.faults import STOP_AFTER, Faults

import trove
from trove._engine import background
from trove.drivers.engine import EngineDriver

DEADLINE = 2 * background.FLUSH_SECONDS  # seconds until a relaxed write is flushed, about
SPANNING_MIB = 300  # no pack takes as much
SLACK = 10  # seconds that a busy machine may take longer


def opened(folder: Path, durability: str) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{folder}/store", durability=durability)
    return driver


def packs(faults: Faults) -> None:
    """Count anew: only what happens to packs."""
    faults.arm("fdatasync", STOP_AFTER, at=1 << 30, path="/packs/")


def unflushed(driver: EngineDriver) -> list[int]:
    """The numbers of the packs that hold bytes which may not be on disk."""
    return [number for number, *_ in driver.opened().state.unflushed()]


@alone()
@pytest.mark.parametrize("size", SIZES)
def test_full_durability_flushes_before_it_acknowledges(
    tmp_path: Path, fault_library: Path, size: int
) -> None:
    driver = opened(tmp_path, "full")
    driver.create_bucket("b")
    faults = Faults(tmp_path / "store")
    packs(faults)
    calls: list[Callable[[], object]] = [
        lambda: driver.put("b", "k", described("a", size)),
        lambda: driver.put("b", "stream", iter([described("b", size)])),
        lambda: driver.copy("b", "k", "b", "copy"),
        lambda: driver.delete("b", "k"),
        lambda: driver.put_many("b", {f"{n}": described(f"{n}", size) for n in range(3)}),
        lambda: driver.create_bucket("c"),
        lambda: driver.delete_bucket("c"),
    ]
    for flushes, call in enumerate(calls, 1):
        call()
        assert faults.count("fdatasync") == flushes  # one for each, and not one more
        assert faults.dirty == 0
    driver.close()


@alone()
def test_an_object_that_spans_packs_is_in_none_of_them_unflushed(tmp_path: Path, fault_library: Path) -> None:
    driver = opened(tmp_path, "full")
    driver.create_bucket("b")
    faults = Faults(tmp_path / "store")
    packs(faults)
    data = b"".join(map(random.Random(1).randbytes, [1 << 20] * SPANNING_MIB))
    driver.put("b", "k", data)
    assert driver.stats().packs > 1
    assert faults.dirty == 0
    driver.close()


@alone()
def test_the_names_of_a_new_store_are_durable_before_its_first_success(
    tmp_path: Path, fault_library: Path
) -> None:
    faults = Faults(tmp_path / "store")
    faults.arm("fsync", STOP_AFTER, at=1 << 30)
    driver = opened(tmp_path, "full")
    made = faults.count("fsync")
    assert made >= 2  # the STORE file, and the folder that it is in
    driver.create_bucket("b")
    assert faults.count("fsync") > made  # the folder of the first pack
    assert faults.dirty == 0
    driver.close()


@alone()
def test_relaxed_writes_are_flushed_in_a_moment(tmp_path: Path, fault_library: Path) -> None:
    driver = opened(tmp_path, "relaxed")
    flushed = time.monotonic()
    driver.create_bucket("b")
    faults = Faults(tmp_path / "store")
    rounds = 0
    while rounds < 2:
        packs(faults)
        started = time.monotonic()
        driver.put("b", "k", described("k", SIZES[3]))
        driver.put("b", "l", b"small")
        early = faults.count("fdatasync"), faults.dirty
        # A machine that stood still for so long may have flushed in between: then once more.
        undisturbed = time.monotonic() - flushed < background.FLUSH_SECONDS
        looked = time.monotonic()
        while faults.dirty:
            flushed = looked  # or later
            assert looked - started < DEADLINE + SLACK
            time.sleep(0.01)  # between two looks: nothing tells of a flush
            looked = time.monotonic()
        assert unflushed(driver) == []
        if undisturbed:
            assert early == (0, 1)
            assert faults.count("fdatasync") == 1
            rounds += 1
    driver.close()


@alone()
def test_closing_flushes_relaxed_writes(tmp_path: Path, fault_library: Path) -> None:
    faults = Faults(tmp_path / "store")
    other = opened(tmp_path, "relaxed")  # so that this is not the last one to close
    driver = opened(tmp_path, "relaxed")
    driver.create_bucket("b")

    def write() -> None:
        packs(faults)
        mine = opened(tmp_path, "relaxed")
        mine.put("b", "k", described("k", SIZES[3]))
        assert faults.dirty > 0
        mine.close()
        # The handle that came over the fork is open still, but not in this process.
        assert faults.dirty == 0

    assert Child(write).wait() == 0
    packs(faults)
    driver.put("b", "l", b"small")
    driver.close()
    other.close()
    assert faults.dirty == 0
    with opened(tmp_path, "relaxed") as again:
        assert {info.key for info in again.list("b")} == {"k", "l"}


@alone()
def test_a_durable_commit_flushes_what_a_relaxed_neighbour_wrote_before_it(
    tmp_path: Path, fault_library: Path
) -> None:
    """Or a power cut could take the neighbour's commit, and break the chain that this one hangs on."""
    driver = opened(tmp_path, "full")
    driver.create_bucket("b")
    faults = Faults(tmp_path / "store")

    def write() -> None:
        relaxed = opened(tmp_path, "relaxed")
        faults.arm("pwrite", STOP_AFTER, at=1 << 30)
        relaxed.put("b", "theirs", described("theirs", SIZES[3]))
        faults.arm("pwrite", STOP_AFTER)  # stops at the next one, with its bytes unflushed
        relaxed.put("b", "never", described("never", SIZES[3]))

    neighbour = Child(write)
    neighbour.wait_stopped()
    assert len(unflushed(driver)) == 1
    packs(faults)
    driver.put("b", "mine", b"")
    assert faults.count("fdatasync") == 2  # the neighbour's pack and this process's own
    assert unflushed(driver) == []
    # A copy shares what it wrote, too: nothing of that is left to flush.
    driver.copy("b", "theirs", "b", "shared")
    assert faults.count("fdatasync") == 3
    neighbour.kill()
    driver.close()
    with trove.open(f"trove://{tmp_path}/store") as again:
        assert {info.key for info in again.list("b")} == {"theirs", "mine", "shared"}
