"""Telling an object's versions apart by their times, and copying one of them whole."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from trove import StorageIOError
from trove.drivers import LocalDriver
from trove.drivers.local import driver as driver_module
from trove.drivers.local.datafile import copy_bytes


@pytest.mark.parametrize("step", [0, -(10**9)], ids=["stands still", "goes back"])
def test_versions_differ_in_time_whatever_the_clock_does(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    now = time.time_ns()

    def clock() -> int:
        nonlocal now
        now += step
        return now

    monkeypatch.setattr(time, "time_ns", clock)
    infos = [driver.put("b", "k", b"same size", metadata={"n": str(number)}) for number in range(5)]
    times = [info.last_modified for info in infos]
    assert times == sorted(set(times))
    assert driver.head("b", "k") == infos[-1]


def test_versions_differ_on_a_file_system_of_coarse_times(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    utime = os.utime

    def coarse(fd: int, *, ns: tuple[int, int]) -> None:
        whole = ns[0] // (2 * 10**9) * (2 * 10**9)
        utime(fd, ns=(whole, whole))

    monkeypatch.setattr(os, "utime", coarse)
    infos = [driver.put("b", "k", b"same size", metadata={"n": str(number)}) for number in range(3)]
    times = [info.last_modified for info in infos]
    assert times == sorted(set(times))
    assert driver.head("b", "k") == infos[-1]


def test_file_system_without_times_is_refused(
    driver: LocalDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "b" / "k").write_bytes(b"x")
    os.utime(root / "b" / "k", ns=(0, 0))
    utime = os.utime
    monkeypatch.setattr(os, "utime", lambda fd, *, ns: utime(fd, ns=(0, 0)))
    with pytest.raises(StorageIOError, match="no modification times"):
        driver.put("b", "k", b"y")
    assert (root / "b" / "k").read_bytes() == b"x"


def test_copy_starts_over_when_another_program_writes_into_the_file(
    driver: LocalDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.put("b", "k", b"a" * 1000, metadata={"n": "1"})
    calls: list[int] = []

    def disturbed(source: int, target: int, size: int) -> int:
        if not calls:
            (root / "b" / "k").write_bytes(b"b" * 1000)
        calls.append(size)
        return copy_bytes(source, target, size)

    monkeypatch.setattr(driver_module, "copy_bytes", disturbed)
    info = driver.copy("b", "k", "b", "copy")
    assert info.metadata == {}
    assert info.etag == driver.head("b", "k").etag
    assert driver.get("b", "copy").read() == b"b" * 1000
    assert len(calls) == 2


def test_copy_of_a_file_that_never_rests_is_refused(
    driver: LocalDriver, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.put("b", "k", b"a")
    version = 0

    def disturbed(source: int, target: int, size: int) -> int:
        nonlocal version
        version += 1
        (root / "b" / "k").write_bytes(b"%d" % version * version)
        return copy_bytes(source, target, size)

    monkeypatch.setattr(driver_module, "copy_bytes", disturbed)
    with pytest.raises(StorageIOError, match="keeps changing"):
        driver.copy("b", "k", "b", "copy")
    assert [info.key for info in driver.list("b")] == ["k"]
    assert list((root / ".trove" / "tmp").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="the system has no copy_file_range")
@pytest.mark.parametrize("copied", [0, 1000])
def test_copy_goes_on_by_hand_where_the_kernel_can_not(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch, copied: int
) -> None:
    data = os.urandom(3_000_000)
    info = driver.put("b", "k", data)
    kernel = os.copy_file_range

    def unable(source: int, target: int, count: int, start: int, to: int) -> int:
        if start >= copied:
            raise OSError(errno.EXDEV, "not between these")
        return kernel(source, target, min(count, copied), start, to)

    monkeypatch.setattr(os, "copy_file_range", unable)
    assert driver.copy("b", "k", "b", "copy").etag == info.etag
    assert driver.get("b", "copy").read() == data


def test_reader_keeps_its_version(driver: LocalDriver) -> None:
    driver.put("b", "k", b"one" * 100_000, metadata={"n": "1"})
    with driver.get("b", "k") as reader:
        driver.put("b", "k", b"two")
        driver.put("b", "k/below", b"")
        driver.delete("b", "k")
        assert reader.read() == b"one" * 100_000
        assert reader.info.metadata == {"n": "1"}
