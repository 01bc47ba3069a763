"""The face of the package: what ``import trove`` brings, and ``trove.open``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import trove
from trove import InvalidArgumentError, InvalidDSNError, UnknownDriverError, driver, errors
from trove.drivers import LocalDriver, MemoryDriver


def test_memory_store_is_opened_by_its_scheme() -> None:
    with trove.open("mem://") as drv:
        assert isinstance(drv, MemoryDriver)
        assert drv.list_buckets() == []
    with pytest.raises(trove.DriverClosedError):
        drv.ping()


@pytest.mark.parametrize("scheme", ["file", "FILE", "local"])
def test_folder_is_opened_by_its_scheme_and_made(scheme: str, tmp_path: Path) -> None:
    with trove.open(f"{scheme}://{tmp_path}/new/store") as drv:
        assert isinstance(drv, LocalDriver)
        drv.ping()
    assert (tmp_path / "new" / "store").is_dir()


def test_options_are_settings_of_the_driver(tmp_path: Path) -> None:
    trove.open(f"file://{tmp_path}", durability="relaxed").close()
    with pytest.raises(InvalidDSNError, match="'sometimes'"):
        trove.open(f"file://{tmp_path}", durability="sometimes")
    with pytest.raises(InvalidDSNError, match="unknown parameter 'speed'"):
        trove.open("mem://", speed=5)


def test_unknown_scheme_is_named_beside_those_there_are() -> None:
    with pytest.raises(
        UnknownDriverError, match="no driver is registered for the scheme 'nowhere'"
    ) as raised:
        trove.open("nowhere://user:secret@host/path")
    assert "mem" in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("dsn", ["", "mem", "/var/lib/app", None, 5])
def test_what_is_no_dsn_is_refused(dsn: str) -> None:
    with pytest.raises(InvalidDSNError):
        trove.open(dsn)


def test_stores_in_memory_are_private_to_each_open() -> None:
    with trove.open("mem://") as one, trove.open("mem://") as other:
        one.create_bucket("b")
        assert other.list_buckets() == []


# The names.

CONTRACT = [
    "Driver",
    "MultipartDriver",
    "RangeDriver",
    "ServerCopyDriver",
    "VersioningDriver",
    "NotificationDriver",
    "LifecycleDriver",
    "PresignDriver",
    "QuotaDriver",
    "ObjectInfo",
    "ObjectReader",
    "ObjectIterator",
    "BucketInfo",
    "PartInfo",
    "UploadInfo",
    "VersionInfo",
    "ObjectRef",
    "ObjectEvent",
    "EventType",
    "LifecycleRule",
    "LifecycleReport",
    "Quota",
    "Watcher",
    "DSN",
    "capabilities",
]
AUTHORS = [
    "PutOptions",
    "GetOptions",
    "DeleteOptions",
    "ListOptions",
    "CopyOptions",
    "BucketOptions",
    "register",
    "lookup",
    "drivers",
    "parse_dsn",
]
ERRORS = errors.__all__


@pytest.mark.parametrize("name", [*CONTRACT, *ERRORS, "open", "__version__"])
def test_name_is_exported_by_the_package(name: str) -> None:
    assert name in trove.__all__
    assert getattr(trove, name)


@pytest.mark.parametrize("name", [*CONTRACT, *AUTHORS, *ERRORS])
def test_name_is_exported_for_the_authors_of_drivers(name: str) -> None:
    assert name in driver.__all__
    assert name not in trove.__all__ or getattr(driver, name) is getattr(trove, name)


@pytest.mark.parametrize("module", [trove, driver, errors], ids=lambda module: module.__name__)
def test_every_exported_name_is_there_once(module: object) -> None:
    names = vars(module)["__all__"]
    assert len(names) == len(set(names))
    assert [name for name in names if name not in vars(module)] == []


def test_driver_of_no_scheme_is_refused() -> None:
    with pytest.raises(InvalidArgumentError):
        driver.register("No Scheme", MemoryDriver)


# Importing.


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_import_brings_nothing_that_only_some_need() -> None:
    heavy = {"pytest", "hypothesis", "click", "tqdm", "xxhash", "trove.testing", "trove.cli", "trove.drivers"}
    loaded = run("import sys, trove; print(*sys.modules)").split()
    assert heavy & set(loaded) == set()
    assert "trove.driver" in loaded


def test_import_brings_in_few_modules() -> None:
    """A count, because a time would be the machine's: what is slow to import is many modules."""
    before, after = run(
        "import sys; before = len(sys.modules); import trove; print(before, len(sys.modules))"
    ).split()
    assert int(after) - int(before) < 200


def test_driver_is_imported_when_it_is_opened() -> None:
    program = "import sys, trove; trove.open('mem://'); print('trove.drivers.memory' in sys.modules)"
    assert run(program) == "True"
