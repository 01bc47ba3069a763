"""The suite as authors of drivers meet it: its names, its parts, and an author's whole test file."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

import trove.testing
from trove.testing import DriverSuite, StoreSuite
from trove.testing.stores.base import StoreTests
from trove.testing.suite import Suite

PROMISED = {
    "bucket": ["create", "create_duplicate", "delete", "delete_not_found", "list"],
    "put_get": [
        *("put_and_get", "overwrite", "with_metadata", "with_content_type"),
        *("bucket_not_found", "object_not_found", "large_object"),
    ],
    "delete": ["existing", "non_existent"],
    "head": ["existing", "non_existent"],
    "list": ["empty", "multiple", "with_prefix", "pagination"],
    "copy": ["within_bucket", "across_buckets", "source_not_found"],
    "concurrency": ["100_concurrent_puts", "100_concurrent_reads"],
}

AUTHORS_FILE = """
import pytest
from trove.drivers.memory import MemoryDriver
from trove.testing import {suite}

class TestMine({suite}):
    @pytest.fixture
    def driver(self, tmp_path):
        drv = MemoryDriver()
        drv.open("mem://")
        yield drv
        drv.close()
"""


@pytest.mark.parametrize(
    "name", ["ping", *(f"{group}_{name}" for group, names in PROMISED.items() for name in names)]
)
def test_promised_tests_are_there(name: str) -> None:
    assert callable(getattr(DriverSuite, f"test_{name}"))


@pytest.mark.parametrize(("whole", "base", "least"), [(DriverSuite, Suite, 20), (StoreSuite, StoreTests, 6)])
def test_no_part_overrides_another(whole: type, base: type, least: int) -> None:
    parts = [part for part in whole.__mro__ if part not in (whole, base, object)]
    assert len(parts) > least
    for one, other in itertools.combinations(parts, 2):
        both = {name for name in {*vars(one)} & {*vars(other)} if not name.startswith("__")}
        assert not both, f"{one.__name__} and {other.__name__} both define {both}"


def test_every_suite_is_part_of_the_whole() -> None:
    for name in trove.testing.__all__:
        if name.startswith("Store"):
            assert issubclass(StoreSuite, getattr(trove.testing, name))
        elif name.endswith("Suite"):
            assert issubclass(DriverSuite, getattr(trove.testing, name))


def test_every_part_of_the_suite_for_stores_can_be_taken_alone() -> None:
    for part in StoreSuite.__bases__:
        assert getattr(trove.testing, part.__name__) is part


def test_all_names_are_there_and_documented() -> None:
    for name in trove.testing.__all__:
        assert getattr(trove.testing, name).__doc__
        assert name in dir(trove.testing)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchSuite"):
        trove.testing.NoSuchSuite  # noqa: B018


@pytest.mark.parametrize("suite", ["RangeSuite", "ServerCopySuite", "LifecycleSuite", "PresignSuite"])
def test_suite_of_one_capability_runs_alone(tmp_path: Path, suite: str) -> None:
    ran = run_as_file(tmp_path, AUTHORS_FILE.format(suite=suite))
    assert ran.returncode == 0, ran.stdout
    assert ("skipped" in ran.stdout) == (suite == "PresignSuite")


def run_as_file(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What pytest says of a file of tests, of which a warning is an error."""
    (folder / "test_mine.py").write_text(text)
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-W",
            "error",
            "test_mine.py",
            *arguments,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_assertions_are_explained_also_where_a_module_of_the_suite_is_imported_first(tmp_path: Path) -> None:
    text = "from trove.testing.suite.threads import together\n" + AUTHORS_FILE.format(suite="DriverSuite")
    text = (
        text.replace("drv = MemoryDriver()", "drv = Deaf()")
        + """
class Deaf(MemoryDriver):
    def list_buckets(self):
        return iter(())
"""
    )
    ran = run_as_file(tmp_path, text, "-k", "test_bucket_list")
    assert ran.returncode == 1, ran.stdout
    assert "AssertionError: assert [] == [" in ran.stdout


def without(missing: str, program: str) -> subprocess.CompletedProcess[str]:
    """``program``, run where a module is not installed."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules[{missing!r}] = None; {program}"],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("missing", ["pytest", "hypothesis"])
@pytest.mark.parametrize("name", ["DriverSuite", "run", "DriverMachine"])
def test_missing_extra_is_named(name: str, missing: str) -> None:
    ran = without(missing, f"from trove.testing import {name}")
    assert ran.returncode != 0
    said = f"trove.testing.{name} needs {missing}; install it with: pip install 'trove-engine[testing]'"
    assert said in ran.stderr


@pytest.mark.parametrize("missing", ["pytest", "hypothesis"])
def test_a_mock_and_small_things_need_no_extra(missing: str) -> None:
    ran = without(missing, "from trove.testing import MockDriver, random_data, read_all")
    assert ran.returncode == 0, ran.stderr
