"""A store of format version 1 with all that the capabilities leave in it, compacted, stays what it was."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest
from harness.cold_objects import skip_without_cold
from harness.index_rows import check_store
from harness.opened import opened

from trove.drivers.engine import EngineDriver
from trove.errors import QuotaExceededError

from .golden import make_capabilities as golden
from .golden.make_golden import FAR, HERE, data

skip_without_cold()

SAID = json.loads((HERE / f"{golden.NAME}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden")
    with tarfile.open(HERE / f"{golden.NAME}.tar.xz") as archive:
        archive.extractall(path, filter="data")
    return path


@pytest.fixture
def kept(unpacked: Path, tmp_path: Path) -> Path:
    """A folder with the golden store, and its backup."""
    shutil.copytree(unpacked / "store", tmp_path / "store")
    shutil.copytree(unpacked / "backup", tmp_path / "backup")
    return tmp_path


@pytest.mark.parametrize("mode", ["r", "rw"])
@pytest.mark.parametrize("lost", [(), ("index",), ("state",), ("index", "state")], ids=str)
def test_it_says_what_it_said(kept: Path, mode: str, lost: tuple[str, ...]) -> None:
    for name in lost:
        path = kept / "store" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with opened(kept, mode=mode) as driver:
        assert golden.said_by(driver) == SAID


def test_it_is_sound_and_what_its_log_and_its_snapshot_give(kept: Path) -> None:
    assert "0000000001.pack" not in {path.name for path in (kept / "store" / "packs").iterdir()}
    with opened(kept) as driver:
        assert driver.verify().problems == ()
    rows = check_store(kept / "store", kept / "scratch")
    assert all(rows.values()), {table for table in rows if not rows[table]}


def test_its_uploads_are_completed_and_its_quotas_and_rules_hold(kept: Path) -> None:
    with opened(kept) as driver:
        (upload,) = driver.list_multiparts("kept")
        parts = driver.list_parts("kept", "upload", upload.upload_id)
        info = driver.complete_multipart("kept", "upload", upload.upload_id, parts)
        assert driver.get("kept", "upload").read() == data("part", 7000) + golden.LINES
        assert (info.storage_class, dict(info.metadata)) == ("COLD", {"m": "1"})
        with pytest.raises(QuotaExceededError):
            driver.put("ruled", "large", bytes(100_000))
        assert driver.apply_lifecycle(FAR).expired == 2
        assert driver.verify().ok


def test_its_backup_makes_a_store_that_says_the_same(kept: Path) -> None:
    shutil.rmtree(kept / "store")
    with EngineDriver() as driver:
        driver.restore(kept / "backup", f"trove://{kept}/store")
    with opened(kept) as driver:
        assert golden.said_by(driver) == SAID
