"""Capabilities: asking a driver what it can do, and what a watcher is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import trove
from trove import EventType, InvalidArgumentError, ObjectEvent, ObjectInfo, Watcher, capabilities
from trove.drivers import LocalDriver, MemoryDriver

ALL = {
    "LifecycleDriver",
    "MultipartDriver",
    "NotificationDriver",
    "PresignDriver",
    "QuotaDriver",
    "RangeDriver",
    "ServerCopyDriver",
    "VersioningDriver",
}


@pytest.mark.parametrize(
    ("driver", "expected"),
    [(MemoryDriver(), ALL - {"PresignDriver"}), (LocalDriver(), {"RangeDriver", "ServerCopyDriver"})],
    ids=["memory", "local"],
)
def test_capabilities_are_the_names_of_the_classes(driver: trove.Driver, expected: set[str]) -> None:
    found = capabilities(driver)
    assert found == expected
    assert isinstance(found, frozenset)
    assert found == {name for name in ALL if isinstance(driver, getattr(trove, name))}


@pytest.mark.parametrize("other", [None, "mem://", 5, MemoryDriver, object()])
def test_capabilities_of_what_is_no_driver_are_refused(other: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="is not a Driver"):
        capabilities(other)


@pytest.mark.parametrize("name", sorted(ALL))
def test_capability_is_a_driver_that_leaves_all_to_its_author(name: str) -> None:
    kind: type[Any] = getattr(trove, name)
    assert issubclass(kind, trove.Driver)
    assert kind.__abstractmethods__ > trove.Driver.__abstractmethods__
    with pytest.raises(TypeError, match="abstract"):
        kind()


class Counting(Watcher):
    """Has three events."""

    def __init__(self) -> None:
        self.given = 0
        self.closed = False

    def get(self, timeout: float | None = None) -> ObjectEvent | None:
        if self.closed or self.given == 3:
            return None
        self.given += 1
        info = ObjectInfo("k", 0, "x/y", "etag", datetime(2026, 1, 1, tzinfo=UTC))
        return ObjectEvent(EventType.CREATED, "b", "k", info, self.given)

    def close(self) -> None:
        self.closed = True


def test_watcher_is_iterated_until_there_is_no_event() -> None:
    with Counting() as watcher:
        assert [event.sequence for event in watcher] == [1, 2, 3]
        assert not watcher.closed
    assert watcher.closed
