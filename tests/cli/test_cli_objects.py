"""`put`, `get`, `cat`, `stat` and `rm`."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trove.driver import Driver
from trove.drivers.local import LocalDriver


def test_put_stores_a_file_with_all_that_it_is_given(run: Any, store: Driver, here: Path) -> None:
    Path("cat.jpg").write_bytes(b"meow")
    run("put", "cat.jpg", "b/2026/", "--metadata", "author=a=b", "--tag", "env=prod", "--content-type", "x/y")
    info = store.head("b", "2026/cat.jpg")
    assert (info.size, info.content_type) == (4, "x/y")
    assert (dict(info.metadata), dict(info.tags)) == ({"author": "a=b"}, {"env": "prod"})


def test_put_into_a_bucket_alone_takes_the_files_name(run: Any, store: Driver, here: Path) -> None:
    Path("cat.jpg").write_bytes(b"meow")
    assert "4 bytes" in run("put", "./cat.jpg", "b").output
    assert store.head("b", "cat.jpg").content_type == "image/jpeg"


def test_put_reads_standard_input(run: Any, store: Driver) -> None:
    run("put", "-", "b/k", input=b"\x00\xff")
    with store.get("b", "k") as reader:
        assert reader.read() == b"\x00\xff"


def test_put_of_standard_input_needs_a_key(run: Any, store: Driver, only_line: Any) -> None:
    assert "add a key" in only_line(run("put", "-", "b/", input=b"", code=2).stderr)


def test_put_prints_json_for_scripts(run: Any, store: Driver) -> None:
    printed = json.loads(run("put", "-", "b/k", "--json", input=b"x").stdout)
    assert printed["etag"] == store.head("b", "k").etag
    assert (printed["bucket"], printed["key"], printed["size"]) == ("b", "k", 1)


def test_put_creates_only_when_asked_to(run: Any, store: Driver) -> None:
    run("put", "-", "b/k", "--create", input=b"old")
    run("put", "-", "b/k", "--create", input=b"new", code=4)
    run("put", "-", "b/k", "--if-none-match", "*", input=b"new", code=4)
    assert run("cat", "b/k").output == "old"


def test_put_replaces_only_the_etag_it_is_given(run: Any, store: Driver) -> None:
    etag = store.put("b", "k", b"old").etag
    run("put", "-", "b/k", "--if-match", "0" * 32, input=b"new", code=4)
    run("put", "-", "b/k", "--if-match", etag, input=b"new")
    assert run("cat", "b/k").output == "new"


def test_put_with_an_expiry_in_the_past_is_gone(run: Any, store: Driver) -> None:
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    run("put", "-", "b/gone", "--expires-at", past, input=b"x")
    run("put", "-", "b/there", "--expires-in", "1h30m", input=b"x")
    run("stat", "b/gone", code=3)
    run("stat", "b/there")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--expires-in", "soon"),
        ("--expires-in", "99999999w"),
        ("--expires-at", "2027-01-31T12:00:00"),
        ("--expires-at", "tomorrow"),
        ("--expires-in", "1h", "--expires-at", "2027-01-31T12:00:00Z"),
        ("--metadata", "novalue"),
        ("--tag", "a=1", "--tag", "a=2"),
        ("--create", "--if-match", "x"),
        ("--if-none-match", "etag"),
    ],
)
def test_put_refuses_wrong_options_and_stores_nothing(
    run: Any, store: Driver, only_line: Any, wrong: tuple[str, ...]
) -> None:
    only_line(run("put", "-", "b/k", *wrong, input=b"x", code=2).stderr)
    assert store.list("b").all() == []


def test_put_of_a_missing_file_is_not_found(run: Any, store: Driver, here: Path, only_line: Any) -> None:
    assert "nowhere.txt" in only_line(run("put", "nowhere.txt", "b", code=3).stderr)


def test_put_of_a_folder_says_what_copies_folders(run: Any, store: Driver, only_line: Any) -> None:
    assert "cp -r" in only_line(run("put", "/", "b/k", code=2).stderr)


def test_get_writes_the_file_it_is_told_to(run: Any, store: Driver, here: Path) -> None:
    store.put("b", "x/cat.jpg", b"meow")
    run("get", "b/x/cat.jpg", "other.jpg")
    run("get", "b/x/cat.jpg")
    Path("folder").mkdir()
    run("get", "b/x/cat.jpg", "folder")
    assert sorted(str(path) for path in Path().rglob("*.jpg")) == ["cat.jpg", "folder/cat.jpg", "other.jpg"]
    assert {path.read_bytes() for path in Path().rglob("*.jpg")} == {b"meow"}


def test_get_writes_a_range(run: Any, store: Driver, here: Path) -> None:
    store.put("b", "k", b"0123456789")
    assert run("get", "b/k", "-", "--range", "2-4").output == "234"
    assert run("get", "b/k", "-", "--range", "-3").output == "789"
    assert run("cat", "b/k", "b/k", "--range", "bytes=8-").output == "8989"
    run("cat", "b/k", "--range", "11-", code=2)
    run("cat", "b/k", "--range", "nonsense", code=2)


def test_a_failed_get_leaves_the_old_file_and_nothing_else(
    run: Any, store: Driver, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("b", "k", b"new" * 1000)
    Path("k").write_bytes(b"old")
    get = LocalDriver.get

    def failing(self: LocalDriver, *arguments: Any, **options: Any) -> Any:
        reader = get(self, *arguments, **options)
        reads = iter([reader.read(10)])

        class Failing:
            info = reader.info

            def read(self, size: int) -> bytes:
                block = next(reads, None)
                if block is None:
                    raise OSError(errno.EIO, "Input/output error")
                return block

            def __enter__(self) -> Any:
                return self

            def __exit__(self, *exc_info: object) -> None:
                reader.close()

        return Failing()

    monkeypatch.setattr(LocalDriver, "get", failing)
    run("get", "b/k", code=5)
    assert os.listdir() == ["k"]
    assert Path("k").read_bytes() == b"old"


def test_get_keeps_the_mode_of_the_file_and_a_link_to_it(run: Any, store: Driver, here: Path) -> None:
    store.put("b", "k", b"new")
    Path("real").write_bytes(b"old")
    Path("real").chmod(0o600)
    Path("link").symlink_to("real")
    run("get", "b/k", "link")
    assert Path("link").is_symlink()
    assert Path("real").read_bytes() == b"new"
    assert Path("real").stat().st_mode & 0o777 == 0o600


def test_get_of_a_key_that_names_no_file_asks_for_a_name(run: Any, store: Driver, here: Path) -> None:
    store.put("b", "a/..", b"x")
    store.put("b", "a/", b"x")
    run("get", "b/a/..", code=2)
    run("get", "b/a/", code=2)
    assert os.listdir() == []
    run("get", "b/a/..", "named")
    assert Path("named").read_bytes() == b"x"


def test_get_to_a_folder_that_is_missing_is_not_found(run: Any, store: Driver, here: Path) -> None:
    store.put("b", "k", b"x")
    assert "nowhere" in run("get", "b/k", "nowhere/k", code=3).stderr


def test_cat_writes_several_objects_in_order(run: Any, store: Driver) -> None:
    store.put("b", "1", b"one,")
    store.put("b", "2", b"two")
    assert run("cat", "b/1", "b/2").output == "one,two"


def test_stat_shows_an_object_and_a_bucket(run: Any, store: Driver) -> None:
    store.put("b", "k.txt", b"x" * 1234, metadata={"author": "alice"})
    shown = run("stat", "b/k.txt").output
    assert "1,234 bytes (1.2 kB)" in shown
    assert "author=alice" in shown
    assert "text/plain" in shown
    assert json.loads(run("stat", "b", "--json").output)["name"] == "b"
    run("stat", "c", code=3)


def test_rm_deletes_and_complains_about_what_is_missing(run: Any, store: Driver, only_line: Any) -> None:
    store.put("b", "k", b"x")
    run("rm", "b/k")
    assert "'k'" in only_line(run("rm", "b/k", code=3).stderr)
    assert run("rm", "-f", "b/k").output == ""
    run("rm", "-f", "c/k", code=3)


def test_rm_of_a_tree_spares_what_only_begins_with_its_name(run: Any, store: Driver) -> None:
    for key in ("2026", "2026/a", "2026/b/c", "2026-old", "2027"):
        store.put("b", key, b"x")
    assert "3 objects" in run("rm", "-r", "b/2026").output
    assert [info.key for info in store.list("b")] == ["2026-old", "2027"]
    run("rm", "-r", "b/2026", code=3)
    run("rm", "-rf", "b/2026")


def test_a_version_is_read_and_deleted_by_its_id(run: Any, kept: Any) -> None:
    run("mb", "kept://#v", "--versioned")
    for text in (b"first", b"second"):
        run("put", "-", "kept://#v/k", input=text)
    listed = [json.loads(each) for each in run("versions", "kept://#v/k", "--json").output.splitlines()]
    assert [each["is_latest"] for each in listed] == [True, False]
    old = listed[1]["version_id"]
    assert run("cat", "kept://#v/k", "--version", old).output == "first"
    assert run("get", "kept://#v/k", "-", "--version", old).output == "first"
    assert old in run("versions", "kept://#v/k").output
    run("rm", "kept://#v/k", "--version", old)
    run("cat", "kept://#v/k", "--version", old, code=3)
    run("versions", "kept://#v/unknown", code=3)
