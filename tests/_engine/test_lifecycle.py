"""Lifecycle on the engine: what the suite can't ask for."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.index_rows import check_store
from harness.opened import opened

from trove.driver import LifecycleRule

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
LARGE = bytes(range(256)) * 400


def test_what_expires_is_freed_in_the_order_of_its_time(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        for number in range(1200):  # more than one commit looks at
            driver.put("b", f"{number}", b"x", expires_at=NOW + number * DAY + DAY)
        driver.put("b", "stays", b"x")
        assert driver.apply_lifecycle(NOW).expired == 0
        assert driver.apply_lifecycle(NOW + 10 * DAY).expired == 10
        assert driver.apply_lifecycle(NOW + 1110 * DAY).expired == 1100
        assert driver.stats().objects == 91
        assert driver.verify().problems == ()
    rows = check_store(tmp_path / "store", tmp_path / "scratch")
    assert len(rows["expiry"]) == 90


def test_every_change_of_an_object_changes_when_it_expires(tmp_path: Path) -> None:
    """In buckets with versions and without, in ways that a rebuild must come to as well."""
    with opened(tmp_path, durability="relaxed") as driver:
        for bucket, kept in (("plain", False), ("kept", True)):
            driver.create_bucket(bucket)
            driver.set_versioning(bucket, kept)
            for key in ("overwritten", "longer", "deleted", "copied", "back"):
                driver.put(bucket, key, LARGE, expires_at=NOW + DAY)
            driver.put(bucket, "overwritten", b"x")
            driver.put(bucket, "longer", b"x", expires_at=NOW + 9 * DAY)
            driver.delete(bucket, "deleted")
            driver.copy(bucket, "copied", bucket, "copy")
            if kept:
                newest = driver.put(bucket, "back", b"x").version_id
                driver.delete_version(bucket, "back", newest)
        assert driver.verify().problems == ()
        assert driver.apply_lifecycle(NOW + 2 * DAY).expired == 2 * 3
        for bucket in ("plain", "kept"):
            assert [info.key for info in driver.list(bucket)] == ["longer", "overwritten"]
        assert driver.verify().problems == ()
    rows = check_store(tmp_path / "store", tmp_path / "scratch")
    assert len(rows["expiry"]) == 2


def test_rules_and_what_they_did_outlive_the_process(tmp_path: Path) -> None:
    rules = [
        LifecycleRule("logs", prefix="log/", expiration_days=30),
        LifecycleRule("cold", transition_days=10, transition_storage="COLD"),
    ]
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.set_lifecycle("b", rules)
        driver.set_versioning("b", True)
        for key in ("log/1", "doc"):
            driver.put("b", key, LARGE, metadata={"k": key})
    with opened(tmp_path) as driver:
        assert driver.get_lifecycle("b") == rules
        assert driver.get_versioning("b")
        before = driver.head("b", "doc")
        report = driver.apply_lifecycle(NOW + 11 * DAY)
        assert (report.expired, report.transitioned) == (0, 2)
        after = driver.head("b", "doc")
        assert (after.storage_class, after.last_modified, after.version_id) == (
            "COLD",
            before.last_modified,
            before.version_id,
        )
        assert driver.get("b", "doc").read() == LARGE
        report = driver.apply_lifecycle(NOW + 31 * DAY)
        assert (report.expired, report.expired_versions, report.transitioned) == (1, 0, 0)
        assert [info.key for info in driver.list("b")] == ["doc"]
        report = driver.apply_lifecycle(NOW + 62 * DAY)
        # The version behind the marker, and the marker that nothing is left for.
        assert report.expired_versions == 2
        assert driver.list_versions("b", "log/1") == []
        assert driver.verify().problems == ()
    check_store(tmp_path / "store", tmp_path / "scratch")


def test_nothing_due_costs_nothing_however_much_expires_some_day(tmp_path: Path) -> None:
    def cost(objects: int) -> float:
        with opened(tmp_path / f"{objects}", durability="relaxed") as driver:
            driver.create_bucket("b")
            driver.put_many("b", {f"{n}": b"x" for n in range(objects)}, expires_at=NOW + DAY)
            took = []
            for _ in range(20):
                began = time.process_time()
                assert driver.apply_lifecycle(NOW).expired == 0
                took.append(time.process_time() - began)
            return sorted(took)[10]

    assert cost(20_000) < 10 * cost(20)
