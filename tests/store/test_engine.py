"""EngineStore: records in a folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from trove.drivers.engine import EngineDriver
from trove.errors import (
    InvalidArgumentError,
    InvalidDSNError,
    NotFoundError,
    StorageIOError,
    UnsupportedOptionError,
)
from trove.store import EngineStore, Record
from trove.store import open as open_store

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


@pytest.mark.parametrize(("before", "wanted"), [("full", "relaxed"), ("relaxed", "full")])
def test_failed_init_is_made_good_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, wanted: str
) -> None:
    with EngineStore(tmp_path / "store", durability=before) as store:
        store.write(Record("key", b"value"))

        def fails(*args: object, **options: object) -> None:
            raise StorageIOError("no")

        with monkeypatch.context() as patched:
            patched.setattr(EngineDriver, "open", fails)
            with pytest.raises(StorageIOError):
                store.init(durability=wanted)
        assert store.options["durability"] == before
        assert store.read("key") == [Record("key", b"value")]


def test_settings_of_the_engine_are_options(tmp_path: Path) -> None:
    with EngineStore(tmp_path / "store", hash="blake3", chunk_size=32768, lifecycle="off") as store:
        store.write(Record("key", b"value"))
        assert store.options["chunk_size"] == 32768
        store.init(mode="r")
        assert store.read("key")[0].value == b"value"
        with pytest.raises(UnsupportedOptionError, match="mode=r"):
            store.write(Record("key", b""))
        store.init(mode=None)
        store.write(Record("key", b"again"))
    with pytest.raises(InvalidArgumentError, match="hash=blake3"):
        EngineStore(tmp_path / "store", hash="xxh3").init()
    with pytest.raises(NotFoundError):
        EngineStore(tmp_path / "none", mode="r").init()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("verify", "often"), ("mode", "w"), ("compaction", True), ("lifecycle", None), ("upload_days", -1)),
        *(("chunk_size", 5), ("hash", "md5")),
    ],
)
def test_bad_setting_is_refused_before_the_folder_is_touched(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        EngineStore(tmp_path / "store", **{name: value})
    assert not (tmp_path / "store").exists()


def test_settings_stand_in_a_dsn(tmp_path: Path) -> None:
    with open_store(f"trove://{tmp_path}/store?verify=always&chunk_size=32768&bucket=b") as store:
        assert {"verify": "always", "chunk_size": "32768", "bucket": "b"}.items() <= store.options.items()
    with pytest.raises(InvalidDSNError, match=r"durabilty.*known are bucket, .*durability"):
        open_store(f"trove://{tmp_path}/store?durabilty=full")
    with pytest.raises(InvalidDSNError, match="names a folder"):
        open_store("trove://host/store")


@pytest.mark.parametrize("name", ["chunk_size", "upload_days"])
def test_number_that_is_too_long_to_be_written_is_refused(tmp_path: Path, name: str) -> None:
    settings: dict[str, Any] = {name: 10**5000}
    with pytest.raises(InvalidArgumentError):
        EngineStore(tmp_path / "store", **settings)


def test_store_that_was_interrupted_as_it_was_opened_anew_is_opened_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EngineStore(tmp_path / "store") as store:
        store.write(Record("key", b"value"))
        close = EngineDriver.close

        def interrupted(driver: EngineDriver) -> None:
            close(driver)
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(EngineDriver, "close", interrupted)
            with pytest.raises(KeyboardInterrupt):
                store.init(durability="relaxed")
        assert store.read("key")[0].value == b"value"
