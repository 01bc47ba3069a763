"""A real ext4 on a loop device: what has reached its image, mounted, is what a power cut leaves."""

from __future__ import annotations

import contextlib
import filecmp
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.described import SIZES, described, name_of
from harness.neighbour import Neighbour

import trove
from trove.drivers.engine import EngineDriver

SIZE = 64 << 20
CUTS = 4
WRITES = 5  # between two cuts
COPIES = 20  # that may be torn by what the file system writes meanwhile


def ran(*command: object) -> None:
    """Run a command that needs rights and tools; skip the test where they lack."""
    try:
        run = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    except OSError as error:
        pytest.skip(f"there is no {command[0]} here: {error}")
    if run.returncode:
        pytest.skip(f"{command[0]} does not work here: {run.stderr.strip()}")


@contextlib.contextmanager
def mounted(image: Path, at: Path) -> Iterator[Path]:
    at.mkdir()
    ran("mount", "-o", "loop", image, at)
    try:
        yield at
    finally:
        subprocess.run(["umount", at], check=True, timeout=60)


@pytest.fixture
def folder() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as place:
        yield Path(place)


def copied(image: Path, copy: Path) -> None:
    """Copy the image as it was at one moment: nothing has written to it while it was copied."""
    for _ in range(COPIES):
        subprocess.run(["cp", "--sparse=always", image, copy], check=True, timeout=60)
        if filecmp.cmp(image, copy, shallow=False):
            return
    raise AssertionError("the file system writes to its image all the time")


@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_what_ext4_has_on_its_device_is_a_store_with_all_that_was_promised(
    folder: Path, durability: str
) -> None:
    image, copy = folder / "image", folder / "copy"
    with open(image, "wb") as file:
        file.truncate(SIZE)
    ran("mkfs.ext4", "-q", image)
    with mounted(image, folder / "mounted") as live:
        with trove.open(f"trove://{live}/store") as driver:
            driver.create_bucket("b")
        names: list[str] = []
        with Neighbour(f"trove://{live}/store?durability={durability}") as writer:
            for cut in range(CUTS):
                for number in range(WRITES):
                    names.append(f"{len(names):03d}")
                    writer.put("b", names[-1], described(names[-1], SIZES[(cut + number) % len(SIZES)]))
                copied(image, copy)
                with mounted(copy, folder / f"after{cut}") as left:
                    check(left / "store", names, durability)
        shutil.copyfile(image, copy)
        with mounted(copy, folder / "closed") as left:
            check(left / "store", names, "full")


def check(store: Path, names: list[str], durability: str) -> None:
    with EngineDriver() as driver:
        driver.open(f"trove://{store}")
        assert driver.verify().ok
        found = [info.key for info in driver.list("b")]
        assert found == names[: len(found)]
        if durability == "full":
            assert found == names
        for name in found:
            assert name_of(driver.get("b", name).read()) == name
