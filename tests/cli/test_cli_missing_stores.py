"""Stores that are not there: only the verb that is there to make one does. Verbs that read change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from harness.files import as_another_user, reachable_folder, unchanged

import trove
from trove.cli.location import Stores, parse_location
from trove.driver import Driver
from trove.errors import NotFoundError, UnsupportedOptionError

SCHEMES = ("trove", "file")
VERBS = {
    "ls of the store": ("ls", "{dsn}"),
    "ls": ("ls", "{dsn}#b/"),
    "buckets": ("buckets", "{dsn}"),
    "cat": ("cat", "{dsn}#b/k"),
    "get": ("get", "{dsn}#b/k", "-"),
    "stat": ("stat", "{dsn}#b/k"),
    "stat of a bucket": ("stat", "{dsn}#b"),
    "versions": ("versions", "{dsn}#b/k"),
    "cp out of it": ("cp", "{dsn}#b/k", "./k"),
    "cp -r out of it": ("cp", "-r", "{dsn}#b", "./k"),
    "cp within it": ("cp", "{dsn}#b/k", "{dsn}#b/other"),
    "put": ("put", __file__, "{dsn}#b/k"),
    "cp into it": ("cp", __file__, "{dsn}#b/k"),
    "rm": ("rm", "{dsn}#b/k"),
    "rm -f": ("rm", "-f", "{dsn}#b/k"),
    "rb": ("rb", "{dsn}#b"),
    "quota": ("quota", "{dsn}#b"),
    "quota to set": ("quota", "{dsn}", "--max-bytes", "1"),
    "kv put": ("kv", "put", "{dsn}#b/k", "value"),
    "kv get": ("kv", "get", "{dsn}#b/k"),
    "kv del": ("kv", "del", "{dsn}#b/k"),
    "kv ls": ("kv", "ls", "{dsn}#b"),
    "snapshot": ("snapshot", "{dsn}"),
    "compact": ("compact", "{dsn}"),
}

KEEPING = ("snapshot", "compact")  # of the engine alone


@pytest.mark.parametrize(
    ("scheme", "verb"),
    [(scheme, verb) for scheme in SCHEMES for verb in VERBS if scheme != "file" or verb not in KEEPING],
)
def test_no_verb_makes_a_store_by_the_way(
    run: Any, only_line: Any, here: Path, scheme: str, verb: str, tmp_path: Path
) -> None:
    arguments = [each.format(dsn=f"{scheme}://{tmp_path}/missing") for each in VERBS[verb]]
    with unchanged(tmp_path):
        said = only_line(run(*arguments, code=3).stderr)
    assert f"there is no store in {tmp_path}/missing; check the path, or make one with 'trove mb'" in said


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_makes_a_store_of_an_empty_folder(run: Any, here: Path, verb: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with unchanged(tmp_path):
        run(*(each.format(dsn=f"trove://{tmp_path}/empty") for each in VERBS[verb]), code=3)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_mb_makes_one(run: Any, scheme: str, tmp_path: Path) -> None:
    dsn = f"{scheme}://{tmp_path}/above/new"
    run("mb", f"{dsn}#b")
    assert run("ls", dsn).stdout == "b\n"


READS = ("ls of the store", "ls", "buckets", "cat", "get", "stat", "stat of a bucket", "verify", "stats")


@pytest.mark.parametrize("verb", READS)
def test_a_verb_that_reads_changes_nothing(run: Any, verb: str, tmp_path: Path) -> None:
    dsn = f"trove://{tmp_path}/store"
    with trove.open(dsn) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", b"x" * 5000)
    arguments = VERBS.get(verb, (verb, "{dsn}"))
    with unchanged(tmp_path):
        run(*(each.format(dsn=dsn) for each in arguments))
        # Somebody who says how it is to be opened is heard.
        run(*(each.format(dsn=f"{dsn}?mode=r") for each in arguments))


def test_a_store_that_may_only_be_read_is(run: Any, spawn: Any) -> None:
    with reachable_folder() as folder:
        dsn = f"trove://{folder}/store"
        with trove.open(dsn) as driver:
            driver.create_bucket("b")
            driver.put("b", "k", b"content")
        for path in (folder / "store").rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o444)
        (folder / "store").chmod(0o755)
        assert as_another_user(lambda: run("cat", f"{dsn}#b/k").stdout) == repr("content")


def test_a_copy_within_a_store_reads_and_writes_it_by_whatever_dsn(run: Any, tmp_path: Path) -> None:
    dsn = f"trove://{tmp_path}/store"
    with trove.open(dsn) as driver:
        driver.create_bucket("b")
        driver.put("b", "a/1", b"one")
    run("cp", f"{dsn}#b/a/1", f"{dsn}#b/a/2")
    run("cp", f"{dsn}#b/a/1", f"{dsn}?durability=relaxed#b/a/3")
    run("cp", "-r", f"{dsn}?verify=always#b/a", f"{dsn}#b/c")
    assert run("ls", "-r", f"{dsn}#b").stdout.split() == ["a/1", "a/2", "a/3", "c/1", "c/2", "c/3"]


def test_a_store_is_opened_to_write_only_when_something_is_to_be_written(tmp_path: Path) -> None:
    location = parse_location(f"trove://{tmp_path}/store#b")
    with Stores() as stores, pytest.raises(NotFoundError):
        stores.writer(location)
    with Stores() as stores:
        stores.writer(location, make=True).create_bucket("b")
    with Stores() as stores, pytest.raises(UnsupportedOptionError, match="mode=r"):
        stores.driver(location).create_bucket("c")
    with Stores() as stores:
        stores.will_write(location)
        drivers: list[Driver] = [stores.driver(location), stores.writer(location)]
        assert drivers[0] is drivers[1]
        drivers[0].create_bucket("c")
