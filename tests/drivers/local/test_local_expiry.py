"""Objects with an end: hidden from their instant, and what becomes of their files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trove import BucketNotEmptyError, ObjectNotFoundError, PreconditionFailedError, StorageIOError
from trove.drivers import LocalDriver
from trove.drivers.local import bucket as bucket_module
from trove.drivers.local.folder import Folder


class Clock(datetime):
    """A ``datetime`` whose ``now`` is set by hand."""

    current = datetime(2030, 1, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return cls.current


LATER = timedelta(days=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    monkeypatch.setattr(Clock, "current", datetime(2030, 1, 1, tzinfo=UTC))
    monkeypatch.setattr(bucket_module, "datetime", Clock)
    return Clock


@pytest.fixture
def expired(driver: LocalDriver, clock: type[Clock]) -> LocalDriver:
    """The driver, with the objects ``k`` and ``d/k`` that have just expired."""
    for key in ("k", "d/k"):
        driver.put("b", key, b"old", metadata={"a": "b"}, expires_at=clock.current + LATER)
        assert driver.head("b", key).metadata == {"a": "b"}
    with pytest.raises(BucketNotEmptyError):
        driver.delete_bucket("b")
    clock.current += LATER
    return driver


def test_expired_object_is_hidden_everywhere(expired: LocalDriver, root: Path) -> None:
    for call in (expired.get, expired.head):
        with pytest.raises(ObjectNotFoundError):
            call("b", "k")
    with pytest.raises(ObjectNotFoundError):
        expired.copy("b", "k", "b", "copy")
    assert expired.list("b", delimiter="/").prefixes == []
    assert expired.list("b").all() == []
    with pytest.raises(PreconditionFailedError):
        expired.put("b", "k", b"new", if_match="anything")
    assert (root / "b" / "k").exists()


def test_expired_object_is_replaced(expired: LocalDriver) -> None:
    info = expired.put("b", "k", b"new", if_none_match="*")
    assert info.metadata == {}
    assert expired.head("b", "k") == info


def test_expired_object_is_deleted(expired: LocalDriver, root: Path) -> None:
    expired.delete("b", "k")
    expired.delete("b", "d/k")
    assert list((root / "b").iterdir()) == []


def test_expired_objects_do_not_keep_a_bucket(expired: LocalDriver, root: Path) -> None:
    expired.delete_bucket("b")
    assert [path.name for path in root.iterdir()] == [".trove"]
    assert list((root / ".trove" / "meta").iterdir()) == []


def test_expired_object_does_not_come_back_when_its_put_fails(
    expired: LocalDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sidecar of the new object still tells that the old one has expired."""
    rename = Folder.rename

    def failing(self: Folder, name: bytes, target: Folder, new_name: bytes) -> None:
        if new_name == b"k":
            raise OSError(5, "no")
        rename(self, name, target, new_name)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "rename", failing)
        with pytest.raises(StorageIOError):
            expired.put("b", "k", b"new")
    assert expired.list("b").all() == []


def test_copy_takes_the_expiry_along(driver: LocalDriver, clock: type[Clock]) -> None:
    driver.put("b", "k", b"x", expires_at=clock.current + LATER)
    driver.copy("b", "k", "b", "copy", metadata={})
    clock.current += LATER
    assert driver.list("b").all() == []
