"""Changes of class: rules compress objects and bring them back, and nobody sees more of it than the class."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.alone import alone
from harness.cold_objects import flip, live, moves, read, skip_without_cold, text
from harness.index_rows import check_store
from harness.noise import noise
from harness.opened import opened
from harness.peak import Peak

from trove._engine import cold, lifecycle
from trove._engine.cold import COLD
from trove.drivers.engine import EngineDriver
from trove.errors import ChecksumMismatchError

skip_without_cold()

MIB = 1 << 20
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[EngineDriver]:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        yield driver


def test_rules_make_objects_cold_and_bring_them_back(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed", chunk_size="4096") as driver:
        driver.create_bucket("b")
        driver.set_versioning("b", True)
        held = {"empty": b"", "small": b"x", "middle": text(1, 9_000), "noise": noise(1, 50_000)}
        held |= {f"large {n}": text(n, 200_000) for n in range(3)}
        later = NOW + 9 * DAY
        for key, data in held.items():
            driver.put("b", key, text(key, 20_000))
            driver.put("b", key, data, metadata={"k": key}, tags={"t": key}, expires_at=later)
        upload = driver.initiate_multipart("b", "parts")
        parts = [driver.upload_part("b", "parts", upload, n + 1, text(n, 30_000)) for n in range(2)]
        driver.complete_multipart("b", "parts", upload, parts)
        held["parts"] = text(0, 30_000) + text(1, 30_000)
        before = {key: driver.head("b", key) for key in held}
        versions = {key: driver.list_versions("b", key) for key in held}
        taken = live(driver)
        for storage_class in (COLD, "STANDARD", COLD, "FROZEN", COLD):
            moves(driver, storage_class)
            report = driver.apply_lifecycle(NOW + 2 * DAY)
            assert (report.transitioned, report.expired) == (len(held), 0)
            for key, data in held.items():
                info = driver.head("b", key)
                assert info.storage_class == storage_class
                for name in ("etag", "size", "metadata", "tags", "last_modified", "version_id"):
                    assert getattr(info, name) == getattr(before[key], name)
                assert read(driver, key) == data
            assert {key: driver.list_versions("b", key) for key in held} == versions
            assert driver.apply_lifecycle(NOW + 2 * DAY).transitioned == 0
            if storage_class == COLD:
                assert live(driver) < taken - 250_000
            else:
                assert live(driver) == taken
            assert driver.verify().problems == ()
        assert driver.apply_lifecycle(NOW + 10 * DAY).expired == len(held) - 1
    check_store(tmp_path / "store", tmp_path / "scratch")


def test_what_changes_meanwhile_is_left_alone(driver: EngineDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that can come between the reading of an object and the commit that makes it cold."""
    data = text(17, 100_000)
    for key in ("copied", "deleted", "moved", "replaced", "same"):
        driver.put("b", key, data + key.encode())
    moves(driver, COLD)
    compressed = cold.compressed
    done: list[bool] = []

    def meddling(piece: bytes) -> bytes:
        if not done:
            done.append(True)
            driver.put("b", "replaced", b"other")
            driver.delete("b", "deleted")
            driver.copy("b", "copied", "b", "copied", metadata={"a": "b"})
            driver.put("b", "same", data + b"same")
        return compressed(piece)

    # Of the first object only what is compressed: the rest is read when it is changed already.
    monkeypatch.setattr("trove._engine.content.compressed", meddling)
    report = driver.apply_lifecycle(NOW + 2 * DAY)
    assert done
    assert report.transitioned == 1
    assert driver.head("b", "moved").storage_class == COLD
    assert read(driver, "replaced") == b"other"
    assert [info.key for info in driver.list("b")] == ["copied", "moved", "replaced", "same"]
    assert driver.head("b", "copied").metadata == {"a": "b"}
    assert driver.verify().problems == ()


def test_rules_that_change_meanwhile_are_asked_again(
    driver: EngineDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.put("b", "k", text(18, 100_000))
    moves(driver, COLD)
    compressed = cold.compressed

    def meddling(piece: bytes) -> bytes:
        driver.set_lifecycle("b", [])
        return compressed(piece)

    monkeypatch.setattr("trove._engine.content.compressed", meddling)
    assert driver.apply_lifecycle(NOW + 2 * DAY).transitioned == 0
    assert driver.head("b", "k").storage_class == "STANDARD"


def test_whoever_closes_the_store_does_not_wait_for_a_large_object(
    driver: EngineDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.put("b", "k", text(20, 20 * MIB))
    driver.put("b", "l", text(21, 100_000))
    moves(driver, COLD)
    stopped, compressed, pieces = threading.Event(), cold.compressed, []

    def stopping(piece: bytes) -> bytes:
        pieces.append(len(piece))
        stopped.set()
        return compressed(piece)

    monkeypatch.setattr("trove._engine.content.compressed", stopping)
    report = lifecycle.apply_lifecycle(driver.opened(), False, NOW + 2 * DAY, stopped)
    assert report.transitioned == 0
    assert sum(pieces) <= 5 * MIB
    assert [info.storage_class for info in driver.list("b")] == ["STANDARD"] * 2
    assert driver.verify().problems == ()


def test_a_damaged_object_does_not_keep_others_from_their_class(tmp_path: Path) -> None:
    data = text(19, 100_000)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        for key in ("1", "2", "3"):
            driver.put("b", key, key.encode() + noise(key, 5000) + data)
        moves(driver, COLD)
    flip(tmp_path / "store", noise("2", 5000))
    with opened(tmp_path) as driver:
        with pytest.raises(ChecksumMismatchError):
            driver.apply_lifecycle(NOW + 2 * DAY)
        assert [info.storage_class for info in driver.list("b")] == [COLD, "STANDARD", COLD]
        assert len(driver.verify().problems) == 1


def test_objects_whose_packs_were_compacted_away_change_their_class(driver: EngineDriver) -> None:
    data = {f"{n}": text(n, 300_000) for n in range(20)}
    for key, each in data.items():
        driver.put("b", key, each)
        driver.put("b", "gone", noise(key, MIB))
    driver.delete("b", "gone")
    driver.compact()
    moves(driver, COLD)
    assert driver.apply_lifecycle(NOW + 2 * DAY).transitioned == 20
    assert {key: read(driver, key) for key in data} == data
    driver.compact()
    moves(driver, "STANDARD")
    assert driver.apply_lifecycle(NOW + 2 * DAY).transitioned == 20
    assert {key: read(driver, key) for key in data} == data
    assert driver.verify().problems == ()


def blocks(size: int) -> Iterator[bytes]:
    """Half of what is random, and no block like another."""
    halves = bytes(each & 15 for each in range(256))
    for number in range(size // MIB):
        yield random.Random(number).randbytes(MIB).translate(halves)


def through_little_memory(folder: Path, size: int) -> None:
    with opened(folder, durability="relaxed") as driver:
        driver.create_bucket("b")
        peak = Peak()
        driver.put("b", "cold", blocks(size), storage_class=COLD)
        assert live(driver) < 0.7 * size
        driver.put("b", "plain", blocks(size))
        for storage_class in (COLD, "STANDARD"):
            moves(driver, storage_class)
            assert driver.apply_lifecycle(NOW + 2 * DAY).transitioned >= 1
        for key in ("cold", "plain"):
            with driver.get("b", key) as reader:
                for block in blocks(size):
                    assert reader.read(MIB) == block
                assert reader.read() == b""
        assert peak.risen() < 100 * MIB


@alone(timeout=120)
def test_a_large_object_goes_through_little_memory(tmp_path: Path) -> None:
    through_little_memory(tmp_path, 256 * MIB)


@pytest.mark.slow
@alone(timeout=1800)
def test_a_very_large_object_goes_through_as_little(tmp_path: Path) -> None:
    through_little_memory(tmp_path, 10 << 30)
