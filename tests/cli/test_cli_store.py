"""`trove verify`, `repair`, `compact`, `snapshot`, `stats`, `backup` and `restore`."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.files import unchanged

import trove

Run = Callable[..., "object"]


@pytest.fixture
def engine(tmp_path: Path) -> str:
    """The DSN of an embedded store with one large and one small object."""
    dsn = f"trove://{tmp_path}/engine"
    with trove.open(dsn) as driver:
        driver.create_bucket("b")
        driver.put("b", "small", b"x" * 100)
        driver.put("b", "large", random.Random(1).randbytes(200_000))
    return dsn


def damage(tmp_path: Path) -> None:
    pack = tmp_path / "engine" / "packs" / "0000000001.pack"
    data = bytearray(pack.read_bytes())
    data[data.index(random.Random(1).randbytes(200_000)[:64])] ^= 1
    pack.write_bytes(data)


def test_a_whole_store(run, engine: str) -> None:  # type: ignore[no-untyped-def]
    assert run("verify", engine).stdout == "the store is whole\n"
    assert json.loads(run("verify", "--json", engine).stdout) == {"ok": True, "problems": []}
    assert "nothing was lost" in run("repair", engine).stdout


def test_a_damaged_store(run, engine: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    damage(tmp_path)
    assert "b/large: a chunk of it is damaged" in run("verify", engine, code=5).stdout
    found = json.loads(run("verify", "--json", engine, code=5).stdout)
    assert [(each["bucket"], each["key"]) for each in found["problems"]] == [("b", "large")]
    assert "lost: b/large: its data is damaged" in run("repair", engine).stdout
    assert run("verify", engine).stdout == "the store is whole\n"
    assert run("cat", f"{engine}#b/small").stdout == "x" * 100


def test_repair_of_a_store_that_does_not_open(run, engine: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "engine" / "STORE").write_bytes(b"junk")
    assert "trove repair" in run("ls", f"{engine}#b", code=5).stderr
    report = json.loads(run("repair", "--json", engine).stdout)
    assert report["ok"]
    assert report["lost"] == []
    assert "large" in run("ls", f"{engine}#b").stdout


def test_compact_gives_back_what_was_deleted(run, engine: str) -> None:  # type: ignore[no-untyped-def]
    assert run("compact", engine).stdout == "there is nothing to gain\n"
    with trove.open(engine) as driver:
        driver.create_bucket("large")
        for number in range(4):
            driver.put("large", "key", random.Random(number).randbytes(2 << 20))
    said = run("compact", engine).stdout
    assert said.endswith(" came back, 1 pack removed\n")
    assert json.loads(run("compact", "--json", engine).stdout) == {
        "moved_bytes": 0,
        "freed_bytes": 0,
        "packs": 0,
    }


def test_snapshot_and_stats(run, engine: str) -> None:  # type: ignore[no-untyped-def]
    taken = json.loads(run("snapshot", "--json", engine).stdout)
    assert os.path.getsize(taken["path"]) == taken["size"]
    assert run("snapshot", engine).stdout.startswith(f"snapshot at commit {taken['sequence']}, ")
    found = json.loads(run("stats", "--json", engine).stdout)
    assert (found["buckets"], found["objects"], found["live_bytes"]) == (1, 2, 200_000)
    assert "objects" in run("stats", engine).stdout


def test_backup_and_restore(run, engine: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder, again = str(tmp_path / "backup"), f"trove://{tmp_path}/again"
    assert run("backup", engine, folder).stdout.startswith("backup at commit 3, ")
    report = json.loads(run("backup", "--json", engine, folder).stdout)
    assert (report["sequence"], report["copied"]) == (3, 0)
    said = run("restore", folder, again).stdout
    assert said.startswith("restored at commit 3, ")
    assert said.endswith(": the store is whole\n")
    assert run("cat", f"{again}#b/small").stdout == "x" * 100
    report = json.loads(run("restore", "--json", folder, f"{again}2").stdout)
    assert (report["ok"], report["sequence"], report["problems"]) == (True, 3, [])


def test_a_backup_of_a_damaged_store(run, engine: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder, again = str(tmp_path / "backup"), f"trove://{tmp_path}/again"
    run("snapshot", engine)
    damage(tmp_path)
    run("backup", engine, folder)
    assert "b/large: a chunk of it is damaged" in run("restore", folder, again, code=5).stdout
    assert run("cat", f"{again}#b/small").stdout == "x" * 100


def test_backups_that_are_refused(run, only_line, engine: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = str(tmp_path / "backup")
    assert "no backup" in only_line(run("restore", folder, f"trove://{tmp_path}/again", code=3).stderr)
    assert "another folder" in only_line(run("backup", engine, f"{tmp_path}/engine/packs", code=2).stderr)
    assert "trove mb" in only_line(run("backup", f"trove://{tmp_path}/missing", folder, code=3).stderr)
    run("backup", engine, folder)
    assert "not empty" in only_line(run("restore", folder, engine, code=2).stderr)
    max(Path(folder).rglob("000000-*")).write_bytes(b"junk")
    assert "is damaged" in only_line(run("restore", folder, f"trove://{tmp_path}/again", code=5).stderr)
    assert {path.name for path in tmp_path.iterdir()} == {"engine", "backup"}
    assert "has no backup" in only_line(run("backup", f"file://{tmp_path}/local", folder, code=2).stderr)


@pytest.mark.parametrize("verb", ["verify", "repair", "compact", "snapshot", "stats"])
def test_a_driver_without_housekeeping_says_so(run, only_line, verb: str) -> None:  # type: ignore[no-untyped-def]
    assert f"has no {verb}" in only_line(run(verb, "mem://", code=2).stderr)


def test_the_environment_names_the_store(run, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("TROVE_DSN", engine)
    assert run("verify").stdout == "the store is whole\n"
    assert run("repair").exit_code == 0


# What is no store: a code, what happened, what to do, and nothing changed.
NO_STORES = {
    "trove://{}/missing": (3, "there is no store in {}/missing", "make one with 'trove mb'"),
    "trove://{}/missing/deeper": (3, "there is no store in {}/missing/deeper", "check the path"),
    "trove://{}/empty": (3, "there is no store in {}/empty", "check the path"),
    "trove://{}/foreign": (2, "{}/foreign", "check the path"),
    "trove://{}/file": (2, "{}/file is a file", "a store is a folder"),
    "trove://{}/file/below": (3, "there is no store in {}/file/below", "check the path"),
    "trove://{}/empty?color=red": (2, "color", "known are"),
    "trove://": (2, "names a folder", "write trove:///absolute/path"),
    "mem://": (2, "driver 'memory' has no", "it is for embedded stores, trove:///path"),
    "file://{}/foreign": (2, "driver 'local' has no", "it is for embedded stores, trove:///path"),
    "file://{}/missing": (2, "driver 'local' has no", "it is for embedded stores, trove:///path"),
    "nosuch://{}/foreign": (2, "no driver is registered for nosuch://", "'trove drivers' lists"),
}


@pytest.mark.parametrize("verb", ["verify", "repair", "compact", "snapshot", "stats"])
@pytest.mark.parametrize("dsn", NO_STORES)
def test_what_is_no_store_is_said_and_left_as_it_is(  # type: ignore[no-untyped-def]
    run, only_line, verb: str, dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    code, happened, to_do = NO_STORES[dsn]
    with unchanged(tmp_path):
        said = only_line(run(verb, dsn.format(tmp_path), code=code).stderr)
    assert happened.format(tmp_path) in said
    assert to_do in said


@pytest.mark.parametrize("verb", ["verify", "compact", "snapshot", "stats"])
def test_a_store_that_lost_its_store_file_is_damaged_and_sent_to_repair(  # type: ignore[no-untyped-def]
    run, only_line, engine: str, verb: str, tmp_path: Path
) -> None:
    (tmp_path / "engine" / "STORE").unlink()
    with unchanged(tmp_path):
        assert "trove repair" in only_line(run(verb, engine, code=5).stderr)
    run("repair", engine)
    run(verb, engine)
