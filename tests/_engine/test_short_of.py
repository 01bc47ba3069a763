"""Short of memory or of descriptors for a while: typed errors, and all is as before when there is plenty."""

from __future__ import annotations

import os
import random
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from harness.alone import alone, processes_together
from harness.index_rows import check_store
from harness.opened import opened

from trove.drivers.engine import EngineDriver
from trove.errors import StorageIOError, TroveError

MIB = 1 << 20


@contextmanager
def at_most(what: int, limit: int) -> Iterator[None]:
    """This process may have no more than ``limit`` of a resource in the block."""
    before = resource.getrlimit(what)
    resource.setrlimit(what, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(what, before)


def mapped() -> int:
    """The bytes of addresses that this process uses."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def open_descriptors() -> list[str]:
    """The files that this process has open."""
    found = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
    return sorted(os.readlink(path) for path in found if path.is_symlink())


# Memory.


@alone()
@pytest.mark.parametrize("first", ["read", "write"])
def test_an_index_that_could_not_be_mapped_is_read_and_written_when_there_is_room(
    tmp_path: Path, first: str
) -> None:
    """Another process has made it larger than this one can map; LMDB gives up the map that it had."""
    with opened(tmp_path) as driver:  # without a thread that flushes, and maps it by the way
        driver.create_bucket("b")
        driver.put("b", "k", b"here")

        def grow() -> None:
            with opened(tmp_path, durability="relaxed") as other:
                other.put_many("b", {f"{number:05d}": bytes(2000) for number in range(20_000)})

        processes_together(grow)
        with at_most(resource.RLIMIT_AS, mapped() + 8 * MIB):
            for _ in range(3):
                with pytest.raises(TroveError, match="index"):
                    driver.head("b", "k") if first == "read" else driver.put("b", "other", b"x")
        assert driver.get("b", "k").read() == b"here"
        assert driver.head("b", "19999").size == 2000
        driver.put("b", "after", b"x")
    with opened(tmp_path) as driver:
        assert driver.get("b", "after").read() == b"x"
    check_store(tmp_path / "store", tmp_path / "scratch")


@alone()
@pytest.mark.parametrize("room", [1, 8, 20, 45])
def test_a_store_that_was_short_of_memory_goes_on(tmp_path: Path, room: int) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        driver.put("b", "k", b"here")
        driver.put("b", "large", bytes(range(256)) * 40_000)
        kept = {"k", "large"}
        with at_most(resource.RLIMIT_AS, mapped() + room * MIB):
            for call in (
                lambda: driver.put_many("b", [(f"many/{n}", bytes(2000)) for n in range(12_000)]),
                lambda: driver.snapshot(),
                lambda: driver.verify(),
            ):
                with suppress(TroveError, MemoryError):
                    call()
        found = {info.key for info in driver.list("b", max_keys=20_000)}
        assert kept <= found
        assert len(found) in (2, 12_002)
        assert driver.get("b", "k").read() == b"here"
        driver.put("b", "after", b"x")
        assert driver.verify().ok
    check_store(tmp_path / "store", tmp_path / "scratch")


# File descriptors.


def calls_of(driver: EngineDriver, dsn: str) -> list[Callable[[], object]]:
    draw = random.Random(1)
    large = draw.randbytes(300_000)
    return [
        lambda: driver.open(dsn, durability="relaxed"),
        lambda: driver.put("b", "large", large),
        lambda: driver.put("b", "stream", iter([large, large[:1000]])),
        lambda: driver.get("b", "large").read(),
        lambda: driver.get("b", "large").view(),
        lambda: driver.get_many("b", ["large", "stream"]),
        lambda: driver.snapshot(),
        lambda: driver.stats(),
        lambda: driver.list("b"),
        lambda: driver.verify(),
        lambda: driver.close(),
        lambda: driver.repair(dsn),
    ]


@alone()
@pytest.mark.parametrize("mode", ["rw", "r"])
def test_few_file_descriptors_are_a_typed_error_and_none_is_leaked(tmp_path: Path, mode: str) -> None:
    dsn = f"trove://{tmp_path}/store"
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "kept", b"x")
    driver = EngineDriver()
    calls = calls_of(driver, dsn if mode == "rw" else f"{dsn}?mode=r")
    if mode == "r":
        calls = [lambda: driver.open(f"{dsn}?mode=r"), *calls[3:6], *calls[7:11]]
    for call in calls[:-1]:
        # Once with plenty: what Python opens for itself is open then.
        with suppress(TroveError):
            call()
    driver.close()
    before = open_descriptors()
    failures: list[tuple[bool, bool]] = []  # not the errors themselves: their tracebacks hold the store
    for free in range(24):
        with at_most(resource.RLIMIT_NOFILE, len(before) + free):
            for call in calls:
                try:
                    call()
                except TroveError as error:
                    failures.append((isinstance(error, StorageIOError), error.__cause__ is None))
        driver.close()
        assert open_descriptors() == before, f"leaked with {free} to spare"
        with opened(tmp_path) as again:
            assert again.get("b", "kept").read() == b"x"
    assert (True, False) in failures
    assert (True, True) not in failures, "an error without its cause"
    with opened(tmp_path) as again:
        assert again.verify().ok
    check_store(tmp_path / "store", tmp_path / "scratch")
