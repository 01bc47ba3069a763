"""Opening, the paths of DSNs, and what a store's folder may not be."""

import gc
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import trove
from trove import (
    CorruptStoreError,
    InvalidArgumentError,
    InvalidDSNError,
    StorageIOError,
    UnsupportedOptionError,
)
from trove.drivers import LocalDriver

Opener = Callable[..., LocalDriver]


def test_open_makes_the_folders(tmp_path: Path) -> None:
    with trove.open(f"file://{tmp_path}/a/b/c") as driver:
        driver.create_bucket("photos")
        assert driver.name == "local"
        assert (tmp_path / "a" / "b" / "c" / "photos").is_dir()


def test_open_of_a_relative_path_is_resolved_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with trove.open("local://./data") as driver, trove.open("local://data/below") as below:
        monkeypatch.chdir("/")
        driver.create_bucket("b")
        below.create_bucket("c")
        driver.ping()
        assert (tmp_path / "data" / "b").is_dir()
        assert (tmp_path / "data" / "below" / "c").is_dir()


@pytest.mark.parametrize(
    "dsn", ["file://host/path", "file://", "local://", "file://u:p@/x", "mem://", "file:///x?y=1"]
)
def test_open_refuses_a_dsn(dsn: str) -> None:
    with pytest.raises(InvalidDSNError):
        LocalDriver().open(dsn)


def test_open_twice_is_refused(driver: LocalDriver, root: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="open already"):
        driver.open(f"file://{root}")
    driver.ping()


def test_open_of_a_store_of_the_engine_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with trove.open(f"trove://{tmp_path}/store") as engine:
        engine.create_bucket("b")
    before = sorted(path.name for path in (tmp_path / "store").iterdir())
    with pytest.raises(InvalidDSNError, match="open it as trove://"):
        trove.open(f"file://{tmp_path}/store")
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == before


def test_open_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for path in ("file", "file/below"):
        with pytest.raises(StorageIOError, match="opening the store"):
            LocalDriver().open(f"file://{tmp_path}/{path}")
    assert (tmp_path / "file").read_bytes() == b"x"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_open_where_nothing_may_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StorageIOError):
        LocalDriver().open(f"file://{tmp_path}/new")
    tmp_path.chmod(stat.S_IRWXU)


def test_open_of_another_format_is_refused(opener: Opener, root: Path) -> None:
    opener().close()
    (root / ".trove" / "format").write_bytes(b"trove local store 2\n")
    with pytest.raises(CorruptStoreError, match=r"\.trove/format"):
        opener()


@pytest.mark.parametrize(("made", "asked"), [("A", "a"), ("\u00e9", "e\u0301")])
def test_open_on_a_file_system_that_confuses_names_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, made: str, asked: str
) -> None:
    real = os.stat

    def confusing(path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        if isinstance(path, bytes) and path.endswith(asked.encode()) and len(path) > 32:
            path = path.removesuffix(asked.encode()) + made.encode()
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "stat", confusing)
    with pytest.raises(StorageIOError, match="share a file"):
        LocalDriver().open(f"file://{root}")
    assert list((root / ".trove" / "tmp").iterdir()) == []
    monkeypatch.undo()
    with trove.open(f"file://{root}") as driver:
        driver.ping()


def test_reopened_store_has_everything(opener: Opener) -> None:
    driver = opener()
    driver.create_bucket("%b")
    info = driver.put("%b", "k", b"x", metadata={"a": "b"}, tags={"t": "u"}, storage_class="COLD")
    buckets = driver.list_buckets()
    driver.close()
    again = opener()
    assert again.list_buckets() == buckets
    assert again.head("%b", "k") == info


def test_buckets_with_the_names_of_the_driver(driver: LocalDriver) -> None:
    names = [".trove", "%", "%2E", "x" * 255, "%" + "x" * 254, "é" * 127]
    for name in names:
        driver.create_bucket(name)
        driver.put(name, "k", name.encode())
    assert [bucket.name for bucket in driver.list_buckets()] == sorted([*names, "b"])
    for name in names:
        assert driver.get(name, "k").read() == name.encode()
        driver.delete(name, "k")
        driver.delete_bucket(name)


def test_region_is_refused(driver: LocalDriver) -> None:
    with pytest.raises(UnsupportedOptionError, match="region"):
        driver.create_bucket("c", region="eu")
    assert [bucket.name for bucket in driver.list_buckets()] == ["b"]


def test_ping_of_a_store_that_is_gone(driver: LocalDriver, root: Path) -> None:
    driver.ping()
    root.rename(root.with_name("moved"))
    with pytest.raises(StorageIOError):
        driver.ping()
    root.mkdir()
    with pytest.raises(StorageIOError, match="another folder"):
        driver.ping()


def test_no_descriptors_are_left_open(opener: Opener) -> None:
    def count() -> int:
        return len(os.listdir("/proc/self/fd"))

    gc.collect()  # what other tests left must not be closed in the middle of this one
    before = count()
    driver = opener("relaxed")
    driver.create_bucket("b")
    for key in ("a", "a/b", "x" * 500):
        driver.put("b", key, b"x")
        driver.copy("b", key, "b", key + "2")
        driver.head("b", key)
        driver.get("b", key)
    driver.list("b", delimiter="/")
    driver.close()
    assert count() == before
