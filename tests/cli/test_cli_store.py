"""`trove verify`, `repair`, `snapshot` and `stats`."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

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


def test_snapshot_and_stats(run, engine: str) -> None:  # type: ignore[no-untyped-def]
    taken = json.loads(run("snapshot", "--json", engine).stdout)
    assert os.path.getsize(taken["path"]) == taken["size"]
    assert run("snapshot", engine).stdout.startswith(f"snapshot at commit {taken['sequence']}, ")
    found = json.loads(run("stats", "--json", engine).stdout)
    assert (found["buckets"], found["objects"], found["live_bytes"]) == (1, 2, 200_000)
    assert "objects" in run("stats", engine).stdout


@pytest.mark.parametrize("verb", ["verify", "repair", "snapshot", "stats"])
def test_a_driver_without_housekeeping_says_so(run, only_line, verb: str) -> None:  # type: ignore[no-untyped-def]
    assert f"has no {verb}" in only_line(run(verb, "mem://", code=2).stderr)


def test_the_environment_names_the_store(run, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("TROVE_DSN", engine)
    assert run("verify").stdout == "the store is whole\n"
    assert run("repair").exit_code == 0


def test_nothing_is_made_where_there_is_no_store(run, only_line, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert "no store" in only_line(run("repair", f"trove://{tmp_path}/none", code=5).stderr)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("verb", ["verify", "stats", "repair"])
def test_a_store_that_is_not_there_is_not_made(run, verb: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = run(verb, f"trove://{tmp_path}/missing", code=5)
    assert "there is no store" in result.stderr
    assert not (tmp_path / "missing").exists()
