"""`trove demo`: the main job, what it leaves behind, and what it finds."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

import trove
from trove.cli.steps import Demo, MismatchError
from trove.driver import Driver, ObjectInfo
from trove.drivers.engine import EngineDriver
from trove.drivers.memory import MemoryDriver


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files in this test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with files in it."""
    folder = tmp_path / "tree"
    for name in ("a", "b", "sub/c", "sub/deep/d", "empty"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if name == "empty" else name * 100)
    return folder


def test_the_demo_shows_every_step_and_leaves_nothing_behind(run: Any, scratch: Path, tree: Path) -> None:
    shown = run("demo", str(tree)).output
    for step in ("put", "read back", "list", "page", "copy", "restore"):
        assert f"\n  {step} " in shown
    assert "All that came back is what was stored" in shown
    assert "The store was removed; --keep leaves what was stored" in shown
    assert os.listdir(scratch) == []


def test_the_demo_stores_pythons_own_library_unless_told_otherwise(run: Any, scratch: Path) -> None:
    done = json.loads(run("demo", "--json").output)
    assert [step["name"] for step in done["steps"]] == ["put", "read back", "list", "page", "copy", "restore"]
    assert done["steps"][0]["objects"] > 300
    assert sum(step["seconds"] for step in done["steps"]) < 30
    assert os.listdir(scratch) == []


def test_the_demo_keeps_its_store_when_asked_to_and_says_where(
    run: Any, scratch: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run("demo", str(tree), "--keep").output
    dsn = said.rpartition("trove ls ")[2].partition("#")[0]
    (kept,) = os.listdir(scratch)
    assert dsn == f"trove://{scratch}/{kept}"
    assert run("ls", "-r", f"{dsn}#demo").output.splitlines() == ["a", "b", "empty", "sub/c", "sub/deep/d"]


@pytest.mark.parametrize("scheme", ["trove", "file"])
def test_the_demo_leaves_a_store_that_is_given_as_it_was(
    run: Any, tree: Path, tmp_path: Path, scheme: str
) -> None:
    dsn = f"{scheme}://{tmp_path}/given?durability=relaxed"
    with trove.open(dsn) as driver:
        for bucket in "b", "demo", "trove-demo-mine":
            driver.create_bucket(bucket)
            driver.put(bucket, "a", b"mine", metadata={"by": "me"})
    said = run("demo", str(tree), "--dsn", dsn).output
    where = f"{scheme}://{tmp_path}/given"
    assert f"The demo's buckets were removed from {where}, and all else in it is as it was" in said
    assert "store was removed" not in said
    with trove.open(dsn) as driver:
        assert [bucket.name for bucket in driver.list_buckets()] == ["b", "demo", "trove-demo-mine"]
        for bucket in "b", "demo", "trove-demo-mine":
            (info,) = driver.list(bucket)
            assert (info.key, info.metadata) == ("a", {"by": "me"})
            assert driver.get(bucket, "a").read() == b"mine"


def test_the_demo_that_fails_leaves_a_store_that_is_given_as_it_was(
    run: Any, store: Driver, dsn: str, tmp_path: Path
) -> None:
    store.put("b", "k", b"x")
    (tmp_path / "none").mkdir()
    run("demo", str(tmp_path / "none"), "--dsn", dsn, code=2)
    assert [bucket.name for bucket in store.list_buckets()] == ["b"]
    assert store.get("b", "k").read() == b"x"


def test_the_demo_keeps_its_buckets_in_a_store_that_is_given_when_asked_to(
    run: Any, store: Driver, tree: Path, dsn: str
) -> None:
    said = run("demo", str(tree), "--dsn", dsn, "--keep").output
    assert "Kept: the buckets trove-demo-" in said
    assert len(store.list_buckets()) == 3


def test_the_demo_restores_a_version_in_the_same_store_where_it_keeps_them(
    run: Any, kept: Any, tree: Path
) -> None:
    assert "same store" in run("demo", str(tree), "--dsn", "kept://").output
    assert kept.list_buckets() == []


def test_the_demo_of_a_missing_folder_is_not_found(run: Any, scratch: Path, only_line: Any) -> None:
    only_line(run("demo", f"{scratch}/nowhere", code=3).stderr)


def test_the_demo_of_a_folder_without_files_is_refused(run: Any, scratch: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "link").symlink_to("/etc/passwd")
    assert "1 x symbolic link" in run("demo", str(tmp_path / "none"), code=2).stderr
    run("demo", __file__, code=2)
    assert os.listdir(scratch) == []


def test_the_demo_leaves_out_what_it_can_not_read_and_says_so(
    run: Any, scratch: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "link").symlink_to("a")
    os.mkfifo(tree / "pipe")
    (tree / os.fsdecode(b"bad\xff")).write_text("no Unicode")
    opened = os.open

    def refusing(path: Any, *arguments: Any, **options: Any) -> int:
        if path == str(tree / "b"):
            raise PermissionError(13, "Permission denied", path)
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refusing)
    done = json.loads(run("demo", str(tree), "--json").output)
    assert done["steps"][0]["objects"] == 4
    assert sorted(done["left_out"].values()) == [1, 1, 1, 1]


class Changing:
    """A file that is longer each time it is opened."""

    def __init__(self, path: Path) -> None:
        self.name = "log"
        self._path = path

    def open(self) -> Any:
        with open(self._path, "ab") as file:
            file.write(b"one more line\n")
        return open(self._path, "rb")


def test_a_file_that_changes_meanwhile_is_no_mismatch(tmp_path: Path) -> None:
    with MemoryDriver() as driver:
        driver.open("mem://")
        demo = Demo(driver, "demo")
        file = Changing(tmp_path / "log")
        demo.put([file])
        with file.open():
            pass
        assert demo.read_back().objects == 1


def _flip(driver: Driver) -> None:
    with driver.get("demo", "a") as reader:
        data = bytearray(reader.read())
    data[0] ^= 1
    driver.put("demo", "a", bytes(data), metadata={"path": "a"})


def _metadata(driver: Driver) -> None:
    with driver.get("demo", "a") as reader:
        driver.put("demo", "a", reader.read())


@pytest.mark.parametrize("damage", [_flip, _metadata])
def test_what_came_back_changed_is_a_mismatch(tree: Path, damage: Any) -> None:
    with MemoryDriver() as driver:
        driver.open("mem://")
        demo = Demo(driver, "demo")
        demo.put([_named(tree, "a"), _named(tree, "b")])
        demo.read_back()
        damage(driver)
        with pytest.raises(MismatchError, match="'a'"):
            demo.read_back()


@pytest.mark.parametrize("step", ["list_top", "page"])
def test_a_listing_that_misses_or_adds_a_name_is_a_mismatch(tree: Path, step: str) -> None:
    with MemoryDriver() as driver:
        driver.open("mem://")
        demo = Demo(driver, "demo")
        demo.put([_named(tree, "a"), _named(tree, "sub/c")])
        getattr(demo, step)()
        driver.put("demo", "extra", b"")
        with pytest.raises(MismatchError, match="extra"):
            getattr(demo, step)()
        driver.delete("demo", "extra")
        driver.delete("demo", "a")
        with pytest.raises(MismatchError, match="misses 1"):
            getattr(demo, step)()


def test_a_mismatch_ends_the_command_with_a_line_and_nothing_left(
    run: Any, scratch: Path, tree: Path, monkeypatch: pytest.MonkeyPatch, only_line: Any
) -> None:
    put = EngineDriver.put

    def short(self: EngineDriver, bucket: str, key: str, data: Any, **options: Any) -> ObjectInfo:
        return put(self, bucket, key, data.read()[:-1] if bucket == "demo" else data, **options)

    monkeypatch.setattr(EngineDriver, "put", short)
    assert "were put" in only_line(run("demo", str(tree), code=1).stderr)
    assert os.listdir(scratch) == []


def _named(tree: Path, name: str) -> Any:
    class File:
        def __init__(self) -> None:
            self.name = name

        def open(self) -> Any:
            return open(tree / name, "rb")

    return File()
