"""`cp`: between stores and local paths, single and in trees."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import trove
from trove.driver import Driver, UnsupportedOptionError
from trove.drivers.local import LocalDriver
from trove.drivers.memory import MemoryDriver


@pytest.fixture
def tree(here: Path) -> Path:
    """A local tree with a few files."""
    for name, text in (("a.txt", "A"), ("sub/b.txt", "B"), ("sub/deep/c #?%.txt", "C")):
        path = here / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return here / "tree"


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_a_file_goes_to_a_store_and_back(run: Any, store: Driver, tree: Path, here: Path) -> None:
    run("cp", "./tree/a.txt", "b")
    run("cp", "./tree/a.txt", "b/x/")
    run("cp", "./tree/a.txt", "b/x/named")
    assert [info.key for info in store.list("b")] == ["a.txt", "x/a.txt", "x/named"]
    run("cp", "b/x/named", "./back")
    run("cp", "b/x/named", ".")
    assert Path("back").read_text() == Path("named").read_text() == "A"


def test_standard_streams_are_sources_and_targets(run: Any, store: Driver) -> None:
    run("cp", "-", "b/k", input=b"piped")
    assert run("cp", "b/k", "-").output == "piped"
    run("cp", "-", "b/", input=b"x", code=2)
    run("cp", "-r", "-", "b/", input=b"x", code=2)


def test_a_tree_goes_to_a_store_and_back_as_it_was(run: Any, store: Driver, tree: Path, here: Path) -> None:
    assert "copied 3 objects, 3 B" in run("cp", "-r", "./tree", "b/t").output
    keys = [info.key for info in store.list("b")]
    assert keys == ["t/a.txt", "t/sub/b.txt", "t/sub/deep/c #?%.txt"]
    run("cp", "-r", "b/t", "./back")
    assert contents(here / "back") == contents(tree)


def test_a_tree_goes_to_another_store_with_all_that_belongs_to_it(
    run: Any, store: Driver, tmp_path: Path
) -> None:
    other = f"file://{tmp_path}/other"
    run("mb", f"{other}#c")
    store.put(
        "b",
        "t/k",
        b"x",
        content_type="x/y",
        metadata={"m": "1"},
        tags={"t": "2"},
        storage_class="COLD",
    )
    run("cp", "-r", "b/t", f"{other}#c")
    with trove.open(other) as target:
        copy, source = target.head("c", "k"), store.head("b", "t/k")
    for each in ("size", "content_type", "etag", "metadata", "tags", "storage_class"):
        assert getattr(copy, each) == getattr(source, each)


def test_a_storage_class_that_the_target_lacks_is_left_out_and_said(
    run: Any, store: Driver, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("b", "k", b"data", storage_class="COLD")
    kept.create_bucket("c")
    put = MemoryDriver.put

    def choosy(self: MemoryDriver, *arguments: Any, **options: Any) -> Any:
        if "storage_class" in options:
            raise UnsupportedOptionError.of("memory", "storage_class", "leave it out")
        return put(self, *arguments, **options)

    monkeypatch.setattr(MemoryDriver, "put", choosy)
    assert "storage class that" in run("cp", "b/k", "kept://#c/k").stderr
    with kept.get("c", "k") as reader:
        assert reader.read() == b"data"


def test_within_one_store_the_driver_copies(run: Any, store: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("b", "t/k", b"x")

    def never(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("the bytes went through the command")

    monkeypatch.setattr(LocalDriver, "get", never)
    run("cp", "-r", "b/t", "b/u")
    run("cp", "b/t/k", "b/v")
    assert [info.key for info in store.list("b")] == ["t/k", "u/k", "v"]


@pytest.mark.parametrize(
    ("source", "target"), [("b/t", "b/t/x"), ("b/t/x", "b/t"), ("b", "b/x"), ("b/t", "b/t")]
)
def test_a_tree_is_not_copied_into_itself(run: Any, store: Driver, source: str, target: str) -> None:
    store.put("b", "t/x/k", b"x")
    run("cp", "-r", source, target, code=2)
    assert [info.key for info in store.list("b")] == ["t/x/k"]


def test_a_tree_is_not_copied_into_itself_under_another_name_of_the_store(
    run: Any, store: Driver, tmp_path: Path
) -> None:
    store.put("b", "t/k", b"x")
    run("cp", "-r", "b/t", f"local://{tmp_path}/store#b/t/x", code=2)


def test_an_object_is_not_copied_onto_itself(run: Any, store: Driver) -> None:
    store.put("b", "k", b"x")
    run("cp", "b/k", "b/k", code=2)


def test_folders_and_buckets_need_r(run: Any, store: Driver, tree: Path, only_line: Any) -> None:
    assert "-r" in only_line(run("cp", "./tree", "b", code=2).stderr)
    assert "-r" in only_line(run("cp", "b", "./out", code=2).stderr)


def test_two_local_paths_are_refused(run: Any, tree: Path, only_line: Any) -> None:
    assert "DSN#bucket/key" in only_line(run("cp", "./tree/a.txt", "./x", code=2).stderr)


def test_a_missing_source_is_not_found_and_a_local_one_is_hinted_at(
    run: Any, store: Driver, tree: Path, only_line: Any
) -> None:
    only_line(run("cp", "./nowhere", "b", code=3).stderr)
    only_line(run("cp", "b/nowhere", "./x", code=3).stderr)
    assert "./tree/a.txt" in only_line(run("cp", "tree/a.txt", "b", code=3).stderr)
    assert "./tree" in only_line(run("cp", "-r", "tree", "b", code=3).stderr)


def test_a_missing_target_bucket_is_one_error(run: Any, store: Driver, tree: Path, only_line: Any) -> None:
    assert "'c'" in only_line(run("cp", "-r", "./tree", "c", code=3).stderr)


def test_the_summary_is_json_for_scripts(run: Any, store: Driver, tree: Path) -> None:
    (tree / "link").symlink_to("/etc/passwd")
    result = run("cp", "-r", "./tree", "b", "--json")
    printed = json.loads(result.stdout)
    assert (printed["copied"], printed["bytes"], printed["failed"]) == (3, 3, 0)
    assert list(printed["left_out"].values()) == [1]


def test_links_and_special_files_are_left_out_and_counted(
    run: Any, store: Driver, tree: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "password").write_text("hunter2")
    (tree / "folder").symlink_to(secret)
    (tree / "file").symlink_to(secret / "password")
    (tree / "loop").symlink_to(".")
    os.mkfifo(tree / "pipe")
    told = run("cp", "-r", "./tree", "b").stderr
    assert "3 x symbolic link" in told
    assert "1 x special file" in told
    assert len(store.list("b").all()) == 3


def test_one_bad_file_does_not_keep_the_others(run: Any, store: Driver, tree: Path) -> None:
    (tree / os.fsdecode(b"bad\xff")).write_text("no Unicode")
    told = run("cp", "-r", "./tree", "b", code=2).stderr
    assert "\\udcff" in told
    assert "1 object could not be copied" in told
    assert len(store.list("b").all()) == 3


# Keys that want out of the target folder.


@pytest.mark.parametrize("key", ["../out", "/rooted", "a//b", "a/../../out", "x/", "./x", "a/.", "..", "/"])
def test_a_key_that_is_no_path_below_the_target_is_refused(
    run: Any, store: Driver, here: Path, key: str
) -> None:
    store.put("b", f"t/{key}", b"evil")
    store.put("b", "t/good", b"good")
    told = run("cp", "-r", "b/t/", "./deep/er/target", code=2).stderr
    assert told.count("\n") == 2
    assert "trove get" in told
    assert contents(here) == {"deep/er/target/good": "good"}


def test_a_key_below_another_key_is_refused_and_the_others_copied(
    run: Any, store: Driver, here: Path
) -> None:
    for key in ("a", "a/b", "c"):
        store.put("b", key, key.encode())
    told = run("cp", "-r", "b", "./target", code=4).stderr
    assert "'a' in it is a file" in told
    assert contents(here / "target") == {"a": "a", "c": "c"}


def test_a_link_in_the_target_is_not_written_through(
    run: Any, store: Driver, here: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("as it was")
    target = here / "target"
    target.mkdir()
    (target / "folder").symlink_to(outside)
    (target / "file").symlink_to(outside / "file")
    for key in ("folder/file", "folder/new", "file"):
        store.put("b", key, b"evil")
    run("cp", "-r", "b", "./target", code=4)
    assert contents(outside) == {"file": "as it was"}
    assert (target / "file").read_text() == "evil"
    assert not (target / "file").is_symlink()


def test_a_name_too_long_for_the_file_system_does_not_keep_the_others(
    run: Any, store: Driver, here: Path
) -> None:
    store.put("b", "n" * 300, b"x")
    store.put("b", "z", b"z")
    run("cp", "-r", "b", "./target", code=5)
    assert contents(here / "target") == {"z": "z"}
