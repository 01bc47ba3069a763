"""Many handles of one store, closed in any order, and long runs of opening, putting and getting."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.alone import alone, processes_together
from harness.described import described, name_of
from harness.index_rows import check_store
from stress.soak.worker import descriptors, memory

from trove.drivers.engine import EngineDriver

HANDLES = 200
MIB = 1 << 20


def opened(folder: Path, options: str = "durability=relaxed") -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{folder}/store?{options}")
    return driver


def use_many(folder: Path, name: str, options: str) -> None:
    """Open so many handles, use each, and close them in an order drawn from the name."""
    draw = random.Random(name)
    drivers = [opened(folder, options) for _ in range(HANDLES)]
    before = descriptors()
    for number, driver in enumerate(drivers):
        if "mode=r" not in options:
            driver.put("b", f"{name}/{number % 20}", described(f"{name}/{number % 20}", 3000))
        assert name_of(driver.get("b", "all").read()) == "all"
    # A handle more is not a descriptor more: one process has the store open once.
    assert descriptors() < before + 16
    draw.shuffle(drivers)
    while drivers:
        drivers.pop().close()
        if drivers:
            assert drivers[0].opened().handles == len(drivers)
            assert name_of(drivers[-1].get("b", "all").read()) == "all"


@alone()
@pytest.mark.parametrize("options", ["durability=full", "durability=relaxed"])
def test_two_hundred_handles_of_a_process_are_closed_in_any_order(tmp_path: Path, options: str) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "all", described("all", 90_000))
    before = descriptors()
    for number in range(3):
        use_many(tmp_path, f"{number}", options)
        assert descriptors() == before
    check_store(tmp_path / "store", tmp_path / "scratch")


@alone()
def test_two_hundred_handles_of_each_of_several_processes(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "all", described("all", 90_000))
    modes = ("durability=relaxed", "durability=full", "durability=relaxed", "mode=r")
    processes_together(
        *[lambda n=n, mode=mode: use_many(tmp_path, f"{n}", mode) for n, mode in enumerate(modes)]
    )
    with opened(tmp_path) as driver:
        assert driver.verify().ok
        assert len(list(driver.list("b"))) == 61
    check_store(tmp_path / "store", tmp_path / "scratch")


def flat(work: Callable[[int], object], times: int, most: int) -> None:
    """Do ``work`` so often; after a fifth of that no descriptor and at most ``most`` bytes come on top."""
    for number in range(times // 5):
        work(number)
    gc.collect()
    files, bytes_ = descriptors(), memory()
    for number in range(times // 5, times):
        work(number)
    gc.collect()
    assert descriptors() <= files
    grown = memory() - bytes_
    assert grown <= most, f"{grown >> 10} KiB more after {times} times"


@alone(timeout=900)
@pytest.mark.parametrize("options", ["durability=full", "durability=relaxed", "mode=r"])
@pytest.mark.parametrize("times", [150, pytest.param(10_000, marks=pytest.mark.slow)])
def test_opening_and_closing_takes_no_more_and_more(tmp_path: Path, options: str, times: int) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", described("k", 3000))

    def work(number: int) -> None:
        with opened(tmp_path, options) as driver:
            if options != "mode=r":
                driver.put("b", f"{number % 9}", described(f"{number % 9}", 3000))
            assert name_of(driver.get("b", "k").read()) == "k"

    flat(work, times, most=2 * MIB)


@alone(timeout=900)
@pytest.mark.parametrize("times", [3000, pytest.param(300_000, marks=pytest.mark.slow)])
def test_putting_and_getting_takes_no_more_and_more(tmp_path: Path, times: int) -> None:
    data = {name: described(name, size) for name, size in (("a", 40), ("b", 3000), ("c", 90_000))}
    with opened(tmp_path) as driver:
        driver.create_bucket("b")

        def work(number: int) -> None:
            name = "abc"[number % 3]
            key = f"{number % 50}"
            if number % 7 == 0:
                driver.put("b", key, iter([data[name]]))
            elif number % 11 == 0:
                driver.delete("b", key)
                return
            else:
                driver.put("b", key, data[name])
            assert driver.get("b", key).read() == data[name]
            if number % 100 == 0:
                driver.snapshot()

        flat(work, times, most=4 * MIB)
        assert driver.verify().ok
