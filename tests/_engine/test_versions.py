"""Versions on the engine: what the suite can't ask for, because it looks at the store's files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from harness.index_rows import check_store
from harness.opened import opened

from trove.drivers.engine import EngineDriver
from trove.errors import ObjectNotFoundError, VersionNotFoundError

SMALL, LARGE = b"x" * 100, bytes(range(256)) * 400


def versioned(folder: Path) -> EngineDriver:
    driver = opened(folder, durability="relaxed")
    driver.create_bucket("b")
    driver.set_versioning("b", True)
    return driver


def told(driver: EngineDriver, key: str) -> list[tuple[bool, bool, int]]:
    return [(each.is_latest, each.is_delete_marker, each.size) for each in driver.list_versions("b", key)]


def test_a_log_with_versions_gives_the_index_that_is_there(tmp_path: Path) -> None:
    """Every way that a version comes and goes, with content in the row, in chunks and in lists of them."""
    with opened(tmp_path, durability="relaxed", chunk_size="1024") as driver:
        driver.create_bucket("b")
        for key in ("inline", "chunks", "list"):
            size = {"inline": 100, "chunks": 4000, "list": 60_000}[key]
            driver.put("b", key, bytes([1]) * size)  # without an id
            driver.set_versioning("b", True)
            ids = [driver.put("b", key, bytes([number]) * size).version_id for number in range(2, 6)]
            driver.delete("b", key)
            driver.restore_version("b", key, ids[0])
            driver.delete_version("b", key, ids[1])
            driver.copy("b", key, "b", f"copy of {key}")
            driver.set_versioning("b", False)
            driver.put("b", key, bytes([9]) * size)  # in place of the one without an id
            driver.delete("b", key)
            driver.delete_version("b", key, "")  # the marker
            driver.delete_version("b", key, driver.list_versions("b", key)[0].version_id)
        with driver.batch() as batch:
            batch.put("b", "twice", b"1")
            batch.put("b", "twice", b"2")
        assert driver.verify().problems == ()
    rows = check_store(tmp_path / "store", tmp_path / "scratch")
    assert rows["versions"]


def test_a_thousand_old_versions_are_not_met_by_a_listing(tmp_path: Path) -> None:
    with versioned(tmp_path) as driver:
        for number in range(1000):
            driver.put("b", "k", b"%d" % number)
        driver.put("b", "l", SMALL)
        assert [info.key for info in driver.list("b")] == ["k", "l"]
        found = driver.list_versions("b", "k")
        assert len(found) == 1000
        assert [each.version_id for each in found] == sorted((v.version_id for v in found), reverse=True)


def test_restoring_moves_references_and_no_bytes(tmp_path: Path) -> None:
    with versioned(tmp_path) as driver:
        old = driver.put("b", "k", LARGE).version_id
        driver.put("b", "k", SMALL)
        before = driver.stats()
        info = driver.restore_version("b", "k", old)
        assert driver.stats().live_bytes == before.live_bytes
        assert driver.stats().chunks == before.chunks
        assert driver.get("b", "k").read() == LARGE
        assert info.version_id > old


def test_deleting_the_newest_shows_the_one_before_and_a_marker_shows_nothing(tmp_path: Path) -> None:
    with versioned(tmp_path) as driver:
        first = driver.put("b", "k", b"1").version_id
        driver.delete("b", "k")
        marker = driver.list_versions("b", "k")[0].version_id
        last = driver.put("b", "k", b"3").version_id
        driver.delete_version("b", "k", last)
        with pytest.raises(ObjectNotFoundError):
            driver.get("b", "k")
        with pytest.raises(ObjectNotFoundError):
            driver.get("b", "k", version_id=marker)
        driver.delete_version("b", "k", marker)
        assert driver.get("b", "k").read() == b"1"
        driver.delete_version("b", "k", first)
        assert told(driver, "k") == []


def test_what_expired_is_behind_a_marker_from_its_instant(tmp_path: Path) -> None:
    soon = datetime.now(UTC) + timedelta(milliseconds=200)
    with versioned(tmp_path) as driver:
        gone = driver.put("b", "k", b"gone", expires_at=soon).version_id
        while datetime.now(UTC) < soon:
            pass
        with pytest.raises(ObjectNotFoundError):
            driver.head("b", "k")
        assert driver.get("b", "k", version_id=gone).read() == b"gone"
        assert told(driver, "k") == [(True, True, 0), (False, False, 4)]
        assert driver.verify().problems == ()


@pytest.mark.parametrize("wrong", ["", "no", "0" * 24, "0" * 23, "é", "0" * 1000])
def test_an_unknown_version_is_said_to_be_unknown(tmp_path: Path, wrong: str) -> None:
    with versioned(tmp_path) as driver:
        driver.put("b", "k", SMALL)
        for call in (driver.get_version, driver.delete_version, driver.restore_version):
            with pytest.raises(VersionNotFoundError):
                call("b", "k", wrong)
        assert told(driver, "k") == [(True, False, 100)]


@pytest.mark.parametrize("named", [True, False], ids=["with an id", "without"])
@pytest.mark.parametrize("current", [True, False], ids=["current", "older"])
def test_a_version_that_is_damaged_leaves_and_the_others_stay(
    tmp_path: Path, named: bool, current: bool
) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        driver.set_versioning("b", True)
        driver.put("b", "k", b"1")
        driver.set_versioning("b", named)
        driver.put("b", "k", LARGE)
        driver.set_versioning("b", True)
        if not current:
            driver.put("b", "k", b"333")
    damage(tmp_path)
    with opened(tmp_path) as driver:
        assert [(each.bucket, each.key) for each in driver.repair().lost] == [("b", "k")]
        assert driver.get("b", "k").read() == (b"1" if current else b"333")
        assert [each.size for each in driver.list_versions("b", "k")] == ([1] if current else [3, 1])
        assert driver.verify().problems == ()
    check_store(tmp_path / "store", tmp_path / "scratch")


def damage(folder: Path) -> None:
    """A bit of the large content."""
    (pack,) = (folder / "store" / "packs").iterdir()
    raw = bytearray(pack.read_bytes())
    raw[raw.index(LARGE[:1000]) + 50] ^= 1
    pack.write_bytes(raw)


def test_a_damaged_chunk_of_an_old_version_is_named_and_leaves(tmp_path: Path) -> None:
    with versioned(tmp_path) as driver:
        driver.put("b", "k", LARGE)
        driver.put("b", "k", SMALL)
    damage(tmp_path)
    with opened(tmp_path) as driver:
        assert [(each.bucket, each.key) for each in driver.verify().problems] == [("b", "k")]
        report = driver.repair()
        assert [(each.bucket, each.key) for each in report.lost] == [("b", "k")]
        assert told(driver, "k") == [(True, False, 100)]
        assert driver.verify().problems == ()
