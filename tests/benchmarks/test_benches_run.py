"""Every benchmark runs, in its quick form, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from trove.driver import drivers

FILES = "file://{folder}?durability={durability}"
VERBS = {
    "put",
    "overwrite",
    "put-known",
    "delete",
    "copy",
    "batch-of-100",
    "put-16-threads",
    "put-stream",
    "get",
    "head",
    "range-of-64KiB",
    "list-page-of-20",
    "get-16-threads",
    "get-stream",
    "open",
}


def run(root: Path, environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    result = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.fixture
def stores(tmp_path: Path) -> Path:
    folder = tmp_path / "stores"
    folder.mkdir()
    return folder


def test_groups_and_report(root: Path, environment: dict[str, str], tmp_path: Path, stores: Path) -> None:
    results, docs = tmp_path / "results.json", tmp_path / "docs"
    run(
        root,
        environment,
        *(
            "pytest",
            "benches/test_contestants.py",
            "--benchmark-only",
            "--bench-quick",
            "-p",
            "no:cacheprovider",
        ),
        *(f"--bench-dir={stores}", f"--benchmark-json={results}"),
    )
    assert list(stores.iterdir()) == []
    measured = [benchmark["extra_info"] for benchmark in read(results)["benchmarks"]]
    assert {extra["verb"] for extra in measured} == VERBS
    put = {(extra["contestant"], extra["durability"]) for extra in measured if extra["verb"] == "put"}
    assert {("mem", "memory"), ("file-full", "durable"), ("file-relaxed", "relaxed")} <= put
    assert {("files-fsync", "durable"), ("files", "relaxed"), ("sqlite3-full", "durable")} <= put
    if "trove" in drivers():
        assert {("trove-full", "durable"), ("trove-relaxed", "relaxed")} <= put
    # Reads are compared among what keeps its objects, and among what doesn't.
    got = {(extra["contestant"], extra["durability"]) for extra in measured if extra["verb"] == "get"}
    assert {("files", ""), ("file", ""), ("mem", "memory")} <= got
    assert {durability for contestant, durability in got if "mem" in contestant} == {"memory"}

    run(root, environment, "benches.report", results, "--docs", docs)
    page = (docs / "benchmarks.md").read_text()
    machine = read(results)["machine_info"]
    assert machine["kernel"] in page
    assert machine["processor"] in page
    assert "quick run" in page
    for group in {benchmark["group"] for benchmark in read(results)["benchmarks"]}:
        assert f"](benchmarks/{group}.svg)" in page
        chart = ElementTree.parse(docs / "benchmarks" / f"{group}.svg")
        assert group in "".join(chart.getroot().itertext())


def test_groups_of_records(root: Path, environment: dict[str, str], tmp_path: Path, stores: Path) -> None:
    results, docs = tmp_path / "results.json", tmp_path / "docs"
    run(
        root,
        environment,
        *("pytest", "benches/test_records.py", "--benchmark-only", "--bench-quick", "-p", "no:cacheprovider"),
        *(f"--bench-dir={stores}", f"--benchmark-json={results}"),
    )
    assert list(stores.iterdir()) == []
    took_part: dict[str, set[str]] = {}
    for benchmark in read(results)["benchmarks"]:
        took_part.setdefault(benchmark["group"], set()).add(benchmark["extra_info"]["contestant"])
    for names in took_part.values():
        names.discard("diskcache")  # not in every installation
    writing = {
        "durable": {"trove-full", "file-full", "sqlite3-full"},
        "relaxed": {"trove-relaxed", "file-relaxed", "sqlite3-normal"},
        "memory": {"memory"},
    }
    # Files are not freed: there is no look for what is due.
    freeing = {how: names - {"file-full", "file-relaxed"} for how, names in writing.items()}
    assert took_part == {
        **{f"record-write-{how}": names for how, names in writing.items()},
        **{f"record-write-ttl-{how}": names for how, names in writing.items()},
        **{f"record-expire-{how}": names for how, names in freeing.items()},
        **{f"record-{verb}": {"trove", "file", "sqlite3"} for verb in ("read", "list")},
        **{f"record-{verb}-memory": {"memory"} for verb in ("read", "list")},
    }
    run(root, environment, "benches.report", results, "--docs", docs)
    page = (docs / "benchmarks.md").read_text()
    assert all(f"](benchmarks/{group}.svg)" in page for group in took_part)


def test_nothing_is_timed_where_it_is_not_asked_for(
    root: Path, environment: dict[str, str], stores: Path
) -> None:
    ran = run(
        root,
        environment,
        *("pytest", "benches/test_records.py", "--benchmark-disable", "-p", "no:cacheprovider"),
        f"--bench-dir={stores}",
    )
    assert "passed" in ran.stdout
    assert list(stores.iterdir()) == []


def test_figures(root: Path, environment: dict[str, str], tmp_path: Path, stores: Path) -> None:
    written = tmp_path / "figures.json"
    result = run(
        root,
        environment,
        *("benches.figures", "--quick", "--dsn", FILES, "--dir", stores, "--json", written),
    )
    assert list(stores.iterdir()) == []
    figures = read(written)["figures"]
    assert len(figures) > 20
    for figure in figures:
        assert figure["what"] in result.stdout
        # What can't be measured says why; what was measured was judged.
        assert figure["note"] if figure["value"] is None else figure["met"] in (True, False)


@pytest.mark.skipif("trove" not in drivers(), reason="the engine is not in this installation")
def test_figures_of_the_engine(root: Path, environment: dict[str, str], tmp_path: Path, stores: Path) -> None:
    """The lines that only the engine has: a view, a rebuild, the chunker, what becomes of expired records."""
    written = tmp_path / "figures.json"
    run(root, environment, "benches.figures", "--quick", "--dir", stores, "--json", written)
    figures = read(written)["figures"]
    missing = [figure for figure in figures if figure["value"] is None]
    assert [figure for figure in missing if "is not installed" not in figure["note"]] == []
    measured = [figure["what"] for figure in figures if figure["value"] is not None]
    for begins in (
        "write a record",
        "read a record",
        "list the 3 records",
        "look for what",
        "free 300 records",
    ):
        assert any(what.startswith(begins) for what in measured), begins


def test_scale(root: Path, environment: dict[str, str], tmp_path: Path, stores: Path) -> None:
    written = tmp_path / "scale.json"
    run(
        root,
        environment,
        *("benches.scale", "--objects", "30,60", "--contestants", "mem,sqlite3", "--rounds", "1"),
        *("--calls", "5", "--dir", stores, "--json", written),
    )
    assert list(stores.iterdir()) == []
    costs = read(written)["costs"]
    assert {(cost["contestant"], cost["objects"]) for cost in costs} == {
        ("mem", 30),
        ("mem", 60),
        ("sqlite3", 30),
        ("sqlite3", 60),
    }
    assert all(cost["seconds"] > 0 for cost in costs)


def test_installed_command_leaves_a_shared_store_as_it_was(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Run where there is no repository, on a store without ``{folder}`` in its DSN."""
    import trove

    dsn = f"file://{tmp_path / 'shared'}?durability=relaxed"
    with trove.open(dsn) as driver:
        driver.create_bucket("mine")
        driver.put("mine", "key", b"value")
    result = run(
        tmp_path, environment, "trove.testing.benchmarks", dsn, "--bench-quick", "-p", "no:cacheprovider"
    )
    assert "put-1KiB-relaxed" in result.stdout
    with trove.open(dsn) as driver:
        assert [bucket.name for bucket in driver.list_buckets()] == ["mine"]
        with driver.get("mine", "key") as reader:
            assert reader.read() == b"value"
