"""`ls`, `buckets`, `mb`, `rb`, `drivers`, `conformance`."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest

from trove.driver import Driver
from trove.drivers.local import LocalDriver


def test_ls_rolls_up_at_slashes_in_key_order(run: Any, store: Driver) -> None:
    for key in ("b", "a/1", "a/2", "a", "ä"):
        store.put("b", key, b"x")
    assert run("ls", "b").output.splitlines() == ["a", "a/", "b", "ä"]
    assert run("ls", "b/a/").output.splitlines() == ["a/1", "a/2"]
    assert run("ls", "-r", "b/a").output.splitlines() == ["a", "a/1", "a/2"]
    assert run("ls", "b/zzz").output == ""
    assert run("ls", "--delimiter", "1", "b/a/").output.splitlines() == ["a/1", "a/2"]


def test_ls_shows_sizes_and_times(run: Any, store: Driver) -> None:
    info = store.put("b", "a/1", b"12345")
    store.put("b", "c", b"123")
    folder, file = run("ls", "-l", "b").output.splitlines()
    assert folder.split() == ["-", "-", "a/"]
    assert file.split()[0] == "3"
    assert f"{info.last_modified:%Y-%m-%d}" in file


def test_ls_prints_one_json_object_a_line_whatever_the_key(run: Any, store: Driver) -> None:
    store.put("b", 'new\nline"\x1b', b"x")
    store.put("b", "p/q", b"x")
    first, second = (json.loads(each) for each in run("ls", "b", "--json").output.splitlines())
    assert (first["type"], first["key"]) == ("object", 'new\nline"\x1b')
    assert second == {"type": "prefix", "prefix": "p/"}


def test_ls_goes_through_all_pages_and_holds_one(
    run: Any, store: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        store.put("b", f"{number}", b"")
        store.put("b", f"{number}/x", b"")
    asked: list[str] = []
    listing = LocalDriver.list

    def small(self: LocalDriver, bucket: str, **options: Any) -> Any:
        asked.append(options["cursor"])
        return listing(self, bucket, **{**options, "max_keys": 4})

    monkeypatch.setattr(LocalDriver, "list", small)
    assert run("ls", "b").output.splitlines() == [f"{n}{end}" for n in range(7) for end in ("", "/")]
    assert len(asked) == 4
    assert asked[0] == ""


def test_ls_without_a_bucket_lists_the_buckets(run: Any, store: Driver) -> None:
    store.create_bucket("a")
    assert run("ls").output == run("buckets").output == "a\nb\n"
    assert [json.loads(each)["name"] for each in run("buckets", "--json").output.splitlines()] == ["a", "b"]
    run("buckets", "b", code=2)


def test_ls_of_a_missing_bucket_is_not_found(run: Any, store: Driver, only_line: Any) -> None:
    assert "trove mb" in only_line(run("ls", "c", code=3).stderr)


def test_buckets_are_made_and_removed(run: Any, store: Driver) -> None:
    run("mb", "c")
    run("mb", "c", code=4)
    run("mb", "c/k", code=2)
    run("rb", "c")
    run("rb", "c", code=3)


def test_rb_removes_what_is_in_a_bucket_only_by_force(run: Any, store: Driver, only_line: Any) -> None:
    store.put("b", "k", b"x")
    assert "--force" in only_line(run("rb", "b", code=4).stderr)
    assert "1 object" in run("rb", "--force", "b").output
    assert store.list_buckets() == []


def test_rb_by_force_deletes_old_versions_too(run: Any, kept: Any) -> None:
    run("mb", "kept://#v", "--versioned")
    for _ in range(3):
        run("put", "-", "kept://#v/k", input=b"x")
    run("rb", "--force", "kept://#v")
    assert kept.list_buckets() == []


def test_rb_by_force_says_what_it_could_not_see(run: Any, kept: Any, only_line: Any) -> None:
    run("mb", "kept://#v", "--versioned")
    run("put", "-", "kept://#v/k", input=b"x")
    run("rm", "kept://#v/k")
    assert "delete marker" in only_line(run("rb", "--force", "kept://#v", code=4).stderr)


def test_versions_of_a_driver_without_them_are_refused_before_anything_is_made(
    run: Any, store: Driver, only_line: Any
) -> None:
    assert "keeps no versions" in only_line(run("mb", "--versioned", "c", code=2).stderr)
    assert [bucket.name for bucket in store.list_buckets()] == ["b"]


def test_drivers_names_every_scheme_and_what_it_can_do(run: Any) -> None:
    listed = {each["scheme"]: each for each in map(json.loads, run("drivers", "--json").output.splitlines())}
    assert {"file", "local", "mem"} <= listed.keys()
    assert "VersioningDriver" in listed["mem"]["capabilities"]
    assert "Versioning" in run("drivers").output


def test_drivers_lists_the_others_when_one_is_broken(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Driver:
        raise RuntimeError("no such library")

    monkeypatch.setattr("trove.cli.drivers.registered", lambda: ["broken", "mem"])
    lookup = {"broken": broken}
    monkeypatch.setattr("trove.cli.drivers.lookup", lambda name: lookup.get(name, LocalDriver))
    first, second = (json.loads(each) for each in run("drivers", "--json").output.splitlines())
    assert "no such library" in first["error"]
    assert second["error"] is None


def test_conformance_names_the_extra_that_is_missing(
    run: Any, monkeypatch: pytest.MonkeyPatch, only_line: Any
) -> None:
    real = builtins.__import__

    def without_testing(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "testing" or name.startswith("trove.testing"):
            raise ModuleNotFoundError("No module named 'pytest'", name="pytest")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_testing)
    assert "trove-engine[testing]" in only_line(run("conformance", "mem://", code=1).stderr)


@pytest.mark.parametrize("dsn", ["nonsense", "mem://#b", ""])
def test_conformance_refuses_what_is_no_dsn(run: Any, only_line: Any, dsn: str) -> None:
    only_line(run("conformance", dsn, code=2).stderr)


@pytest.mark.parametrize(("chosen", "code"), [("test_ping", 0), ("no_such_test", 1)])
def test_conformance_says_by_its_exit_code_whether_the_suite_passed(
    spawn: Any, chosen: str, code: int
) -> None:
    result = spawn("conformance", "mem://", "--", "-q", "-k", chosen)
    assert result.returncode == code, result.stdout
