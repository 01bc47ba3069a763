"""EngineStore: records in a folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from trove.drivers.engine import EngineDriver
from trove.errors import InvalidArgumentError, StorageIOError
from trove.store import EngineStore, Record

HOUR = timedelta(hours=1)


def test_the_engine_keeps_records(tmp_path: Path) -> None:
    with EngineStore(tmp_path / "a b%/ü", namespace="n") as store:
        store.write(Record("key", b"value"), ttl=HOUR)
    with EngineStore(str(tmp_path / "a b%/ü"), namespace="n") as store:
        (record,) = store.read("key")
        assert record.expiry is not None
        assert timedelta() < record.expiry < HOUR


def test_the_engine_frees_what_has_expired(tmp_path: Path) -> None:
    with EngineStore(tmp_path / "store", durability="relaxed") as store:
        store.write(Record("key", b""), ttl=timedelta(microseconds=1))
        driver = store._driver
        assert isinstance(driver, EngineDriver)
        assert store.list() == []
        driver.apply_lifecycle()
        assert driver.stats().objects == 0


def test_durability_can_be_changed(tmp_path: Path) -> None:
    with EngineStore(tmp_path / "store") as store:
        store.write(Record("key", b""))
        driver = store._driver
        assert isinstance(driver, EngineDriver)
        assert driver.durable
        store.init(durability="relaxed")
        assert not driver.durable
        assert store.options["durability"] == "relaxed"
        assert store.list() == ["key"]


def test_what_could_not_be_opened_again_is_opened_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: object, **options: object) -> None:
        raise StorageIOError("the disk is gone")

    with EngineStore(tmp_path / "store") as store:
        store.write(Record("key", b""))
        with monkeypatch.context() as patched:
            patched.setattr(EngineDriver, "open", failing)
            with pytest.raises(StorageIOError):
                store.init(durability="relaxed")
        assert store.options["durability"] == "full"
        assert store.list() == ["key"]


@pytest.mark.parametrize("durability", ["none", "", None, True])
def test_bad_durability_is_refused_and_changes_nothing(tmp_path: Path, durability: Any) -> None:
    with EngineStore(tmp_path / "store") as store:
        with pytest.raises(InvalidArgumentError):
            store.init(durability=durability)
        assert store.options["durability"] == "full"


@pytest.mark.parametrize("path", ["", None, 5, b"path", "a\0b", "\udcff"])
def test_bad_path_is_refused(path: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        EngineStore(path)


def test_two_stores_on_one_folder_see_each_other(tmp_path: Path) -> None:
    with EngineStore(tmp_path, durability="relaxed") as one, EngineStore(tmp_path) as other:
        one.write(Record("key", b""))
        assert other.list() == ["key"]


def test_failed_init_is_made_good_by_the_next_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EngineStore(tmp_path / "store", durability="relaxed") as store:
        store.write(Record("key", b"value"))

        def fails(*args: object, **options: object) -> None:
            raise StorageIOError("no")

        with monkeypatch.context() as patched:
            patched.setattr(EngineDriver, "open", fails)
            with pytest.raises(StorageIOError):
                store.init(durability="full")
        assert store.options["durability"] == "relaxed"
        assert store.read("key") == [Record("key", b"value")]
