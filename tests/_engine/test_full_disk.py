"""A file system without room: what was acknowledged stays, reads and deletes go on; with room all does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness.alone import Child
from harness.index_rows import check_store
from harness.killed_writer import contents
from harness.noise import noise

import trove
from trove.driver import LifecycleDriver, LifecycleRule
from trove.errors import StorageFullError

MIB = 1 << 20
SIZE = 24 * MIB


def ran(command: list[str]) -> None:
    """Run a command that needs rights and tools; skip the test where they lack."""
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this needs the right to mount a small file system: {error}")


@pytest.fixture(params=["tmpfs", "ext4"])
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of its own, of 24 MiB, with a ballast of 4 MiB on it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "tmpfs":
        ran(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)])
    else:
        image = tmp_path / "image"
        image.write_bytes(b"")
        os.truncate(image, SIZE)
        # Without a journal, which would take a sixth of it, and without blocks that only root may fill.
        ran(["mkfs.ext4", "-q", "-O", "^has_journal", "-m", "0", str(image)])
        ran(["mount", "-o", "loop", str(image), str(folder)])
    try:
        (folder / "ballast").write_bytes(bytes(4 * MIB))
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=60)


def fill(drv: trove.Driver, name: str, size: int) -> dict[str, bytes]:
    """Put objects of ``size`` until there is no room for another; those that were acknowledged."""
    kept: dict[str, bytes] = {}
    while True:
        key = f"{name}/{len(kept)}"
        try:
            drv.put("b", key, noise(key, size))
        except StorageFullError:
            return kept
        kept[key] = noise(key, size)
        assert len(kept) * size < 2 * SIZE, "a disk of this size has no room for that"


def room(disk: Path) -> int:
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


def alone(work: Callable[[], None]) -> None:
    """Run ``work`` in a process of its own: one that is killed by a signal is seen, too."""
    assert Child(work).wait() == 0


@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_all_that_was_acknowledged_is_kept_and_work_goes_on_with_room(
    small_disk: Path, tmp_path: Path, durability: str
) -> None:
    store = small_disk / "store"

    def work() -> None:
        with trove.open(f"trove://{store}?durability={durability}") as drv:
            drv.create_bucket("b")
            kept = {**fill(drv, "large", MIB), **fill(drv, "chunked", 20_000), **fill(drv, "inline", 1000)}
            assert len(kept) > 10
            assert contents(drv) == kept
            (small_disk / "ballast").unlink()
            for n in range(50):
                drv.put("b", f"again/{n}", b"small")
                kept[f"again/{n}"] = b"small"
            drv.put("b", "again/large", noise("again", MIB))
            kept["again/large"] = noise("again", MIB)
            assert contents(drv) == kept
        with trove.open(f"trove://{store}") as drv:
            assert contents(drv) == kept
        check_store(store, tmp_path / "scratch")

    alone(work)


@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_deletes_work_on_a_full_disk(small_disk: Path, tmp_path: Path, durability: str) -> None:
    store = small_disk / "store"

    def work() -> None:
        with trove.open(f"trove://{store}?durability={durability}") as drv:
            drv.create_bucket("b")
            kept = {**fill(drv, "large", MIB), **fill(drv, "inline", 1000)}
            gone = [key for n, key in enumerate(kept) if n % 2]
            for key in gone:
                drv.delete("b", key)
                del kept[key]
            assert contents(drv) == kept
        with trove.open(f"trove://{store}") as drv:
            assert contents(drv) == kept
        check_store(store, tmp_path / "scratch")

    alone(work)


def test_puts_that_are_refused_leave_deletes_their_space(small_disk: Path) -> None:
    store = small_disk / "store"

    def work() -> None:
        with trove.open(f"trove://{store}?durability=relaxed") as drv:
            drv.create_bucket("b")
            kept = fill(drv, "large", MIB)
            for size in (1000, 100, 1) * 20:
                kept.update(fill(drv, f"{size}/{len(kept)}", size))
            for key in kept:
                drv.delete("b", key)
            assert contents(drv) == {}

    alone(work)


def test_several_writers_that_fill_the_disk_lose_nothing(small_disk: Path, tmp_path: Path) -> None:
    store = small_disk / "store"
    with trove.open(f"trove://{store}") as drv:
        drv.create_bucket("b")

    def write(name: str, size: int) -> None:
        with trove.open(f"trove://{store}?durability=relaxed") as drv:
            kept = fill(drv, name, size)
            for key, data in kept.items():
                assert drv.get("b", key).read() == data

    with ThreadPoolExecutor(3) as pool:
        statuses = list(
            pool.map(lambda one: Child(lambda: write(*one)).wait(), [("a", MIB), ("b", 30_000), ("c", 900)])
        )
    assert statuses == [0, 0, 0]
    (small_disk / "ballast").unlink()
    with trove.open(f"trove://{store}") as drv:
        assert all(data == noise(key, len(data)) for key, data in contents(drv).items())
    check_store(store, tmp_path / "scratch")


def test_stream_that_does_not_fit_leaves_nothing(small_disk: Path) -> None:
    store = small_disk / "store"

    def work() -> None:
        with trove.open(f"trove://{store}?durability=relaxed") as drv:
            drv.create_bucket("b")
            drv.put("b", "before", b"before")
            pieces = (noise(str(n), MIB) for n in range(40))
            with pytest.raises(StorageFullError):
                drv.put("b", "stream", pieces)
            assert contents(drv) == {"before": b"before"}

    alone(work)


def test_store_on_a_full_disk_is_opened_and_read(small_disk: Path) -> None:
    store = small_disk / "store"

    def work() -> None:
        with trove.open(f"trove://{store}") as drv:
            drv.create_bucket("b")
            kept = fill(drv, "object", 30_000)
        with open(small_disk / "filler", "wb", buffering=0) as file:
            while room(small_disk):
                file.write(bytes(4096))
        with trove.open(f"trove://{store}") as drv:
            assert contents(drv) == kept
        with trove.open(f"trove://{store}?mode=r") as drv:
            assert contents(drv) == kept

    alone(work)


def test_rules_are_removed_on_a_full_disk(small_disk: Path) -> None:
    """What they would have done is forgotten with them, which takes away more than it brings."""

    def work() -> None:
        with trove.open(f"trove://{small_disk / 'store'}?durability=relaxed") as drv:
            assert isinstance(drv, LifecycleDriver)
            drv.create_bucket("b")
            drv.set_lifecycle("b", [LifecycleRule("all", expiration_days=1)])
            kept = {**fill(drv, "large", MIB), **fill(drv, "inline", 1000), **fill(drv, "small", 1)}
            drv.set_lifecycle("b", [])
            assert drv.get_lifecycle("b") == []
            assert contents(drv) == kept

    alone(work)
