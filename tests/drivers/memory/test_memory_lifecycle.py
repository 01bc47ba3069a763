"""Ageing of versions: when each of them goes, and what is counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trove import LifecycleReport, LifecycleRule, ObjectNotFoundError
from trove.drivers import MemoryDriver
from trove.drivers.memory import driver as driver_module
from trove.drivers.memory import store

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """The time that the store goes by."""

    def __init__(self) -> None:
        self.days = 0.0

    def now(self) -> datetime:
        return START + timedelta(days=self.days)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (store, driver_module):
        monkeypatch.setattr(module, "utc_now", clock.now)
    return clock


@pytest.fixture
def versioned(driver: MemoryDriver, clock: Clock) -> MemoryDriver:
    """Objects expire after 30 days, and move to COLD after 10."""
    driver.set_versioning("b", True)
    driver.set_lifecycle("b", [LifecycleRule("r", "", 30, 10, "COLD")])
    return driver


def at(driver: MemoryDriver, clock: Clock, days: float) -> LifecycleReport:
    clock.days = days
    return driver.apply_lifecycle(clock.now())


def kinds(driver: MemoryDriver, key: str = "k") -> list[str]:
    """The versions of a key, newest first: their etags, or ``marker``."""
    return [
        "marker" if each.is_delete_marker else driver.get_version("b", key, each.version_id).read().decode()
        for each in driver.list_versions("b", key)
    ]


def test_object_goes_behind_a_marker_then_its_version_goes_then_the_marker(
    versioned: MemoryDriver, clock: Clock
) -> None:
    versioned.put("b", "k", b"one")
    assert at(versioned, clock, 29.9) == LifecycleReport(0, 0, 1)
    assert at(versioned, clock, 30) == LifecycleReport(1, 0, 0)
    assert kinds(versioned) == ["marker", "one"]
    assert at(versioned, clock, 59.9) == LifecycleReport(0, 0, 0)
    assert at(versioned, clock, 60) == LifecycleReport(0, 2, 0)
    assert kinds(versioned) == []
    versioned.delete_bucket("b")


def test_old_version_is_kept_as_long_as_it_is_not_outdated_for_the_days(
    versioned: MemoryDriver, clock: Clock
) -> None:
    versioned.put("b", "k", b"one")
    clock.days = 25
    versioned.put("b", "k", b"two")
    assert at(versioned, clock, 54) == LifecycleReport(0, 0, 1)
    assert kinds(versioned) == ["two", "one"]
    # Replaced on day 25, the first is due on day 55, and so is the second, which is as old by then.
    assert at(versioned, clock, 55) == LifecycleReport(1, 1, 0)
    assert kinds(versioned) == ["marker", "two"]


def test_only_versions_that_are_due_go(versioned: MemoryDriver, clock: Clock) -> None:
    for days, content in ((0, b"one"), (5, b"two"), (20, b"three"), (40, b"four")):
        clock.days = days
        versioned.put("b", "k", content)
    assert at(versioned, clock, 49) == LifecycleReport(0, 1, 0)
    assert kinds(versioned) == ["four", "three", "two"]
    assert at(versioned, clock, 50) == LifecycleReport(0, 1, 1)
    assert kinds(versioned) == ["four", "three"]


def test_marker_stays_as_long_as_a_version_is_behind_it(versioned: MemoryDriver, clock: Clock) -> None:
    versioned.put("b", "k", b"one")
    clock.days = 5
    versioned.delete("b", "k")
    assert at(versioned, clock, 34) == LifecycleReport(0, 0, 0)
    assert kinds(versioned) == ["marker", "one"]
    with pytest.raises(ObjectNotFoundError):
        versioned.head("b", "k")
    assert at(versioned, clock, 35) == LifecycleReport(0, 2, 0)


def test_move_changes_the_newest_version_alone_and_keeps_its_id(
    versioned: MemoryDriver, clock: Clock
) -> None:
    old = versioned.put("b", "k", b"one")
    new = versioned.put("b", "k", b"two")
    assert at(versioned, clock, 10) == LifecycleReport(0, 0, 1)
    moved = versioned.head("b", "k")
    assert (moved.storage_class, moved.version_id, moved.etag) == ("COLD", new.version_id, new.etag)
    assert versioned.head("b", "k", version_id=old.version_id) == old
    assert at(versioned, clock, 11) == LifecycleReport(0, 0, 0)


def test_rules_of_a_prefix_leave_the_others_alone(driver: MemoryDriver, clock: Clock) -> None:
    driver.set_lifecycle("b", [LifecycleRule("r", "logs/", 1), LifecycleRule("off", "", 1, enabled=False)])
    driver.put("b", "logs/a", b"x")
    driver.put("b", "kept", b"x")
    assert at(driver, clock, 100) == LifecycleReport(1, 0, 0)
    assert [each.key for each in driver.list("b")] == ["kept"]


def test_expired_object_is_removed_without_rules(driver: MemoryDriver, clock: Clock) -> None:
    driver.put("b", "k", b"x", expires_at=START + timedelta(days=2))
    assert at(driver, clock, 1) == LifecycleReport(0, 0, 0)
    assert at(driver, clock, 2) == LifecycleReport(1, 0, 0)
    driver.delete_bucket("b")
