"""Backups and restores that do not come to their end: the earlier one is there, and the next one works."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness.backups import content, content_of, names, opened, restored
from harness.noise import noise

from trove._engine.backup_folder import BLOCK, BackupFolder
from trove.drivers.engine import EngineDriver
from trove.errors import (
    NotFoundError,
    StorageFullError,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EngineDriver]:
    """An open store with an object of two blocks and a small one."""
    with opened(tmp_path / "store") as driver:
        driver.create_bucket("b")
        driver.put("b", "large", noise("large", BLOCK + 1000))
        driver.put("b", "small", b"small")
        yield driver


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def killed_at(step: int, below: str, do: Callable[[], object]) -> bool:
    """Have another process do it, and die before its ``step``th change to files whose paths begin so."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            left = step

            def count(event: str, args: tuple[Any, ...]) -> None:
                nonlocal left
                changes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate") or (
                    event == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT
                )
                if changes and str(args[0]).startswith(below):
                    left -= 1
                    if left < 0:
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(count)
            do()
            code = 0
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def backup(path: Path, folder: Path) -> None:
    with opened(path, mode="r") as driver:
        driver.backup(folder)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> int:
    for module in ("backup", "backup_folder"):
        monkeypatch.setattr(f"trove._engine.{module}.BLOCK", 1 << 16)
    return 1 << 16


def test_killed_at_any_step_the_earlier_one_is_there(tmp_path: Path, folder: Path, small_blocks: int) -> None:
    path = tmp_path / "store"
    store = opened(path)
    store.create_bucket("b")
    store.put("b", "large", noise("large", small_blocks))
    store.backup(folder)
    earlier = content_of(store)
    store.snapshot()
    store.put("b", "large", noise("other", 2 * small_blocks))
    later = content_of(store)
    store.close()
    shutil.copytree(folder, tmp_path / "first")
    step, found = 0, []
    while True:
        shutil.rmtree(folder)
        shutil.copytree(tmp_path / "first", folder)
        killed = killed_at(step, str(folder), lambda: backup(path, folder))
        shutil.rmtree(tmp_path / "restored", ignore_errors=True)
        assert restored(folder, tmp_path / "restored").ok
        found.append(content(tmp_path / "restored"))
        assert found[-1] in (earlier, later)
        if not killed:
            break
        # And the next one comes to its end.
        backup(path, folder)
        kept = BackupFolder(str(folder)).whole()
        assert len(names(folder)) == 1 + sum(len(file.blocks) for file in kept.files)
        step += 1
    assert step > 8
    assert found[0] == earlier
    assert found[-1] == found[-2] == later


def test_a_first_one_that_is_killed_is_none_and_is_made_again(
    tmp_path: Path, store: EngineDriver, folder: Path
) -> None:
    store.close()
    step = 0
    while killed_at(step, str(folder), lambda: backup(tmp_path / "store", folder)):
        try:
            assert restored(folder, tmp_path / f"restored{step}").ok
        except NotFoundError:
            assert not (tmp_path / f"restored{step}").exists()
        step += 1
    assert step > 5
    assert restored(folder, tmp_path / "restored").ok


def test_a_restore_that_is_killed_leaves_no_store_of_that_name_or_a_whole_one(
    tmp_path: Path, store: EngineDriver, folder: Path
) -> None:
    store.snapshot()
    store.put("b", "later", b"later")
    expected = content_of(store)
    store.backup(folder)
    store.close()
    path = tmp_path / "restored" / "store"
    path.parent.mkdir()
    step = 0
    while killed_at(step, str(path.parent), lambda: restored(folder, path)):
        # What it had made may stay beside it, out of sight.
        assert all(each.name.startswith(".store.") for each in path.parent.iterdir() if each != path)
        assert not path.exists() or content(path) == expected
        step += 1
    assert step > 10
    assert content(path) == expected
    shutil.rmtree(path)
    assert restored(folder, path).ok  # beside what is left of all of those
    assert content(path) == expected


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9, 1.0])
def test_a_restore_that_is_killed_as_it_copies_or_proves_leaves_no_store_of_that_name(
    tmp_path: Path, store: EngineDriver, folder: Path, share: float
) -> None:
    store.backup(folder)
    store.close()
    path = tmp_path / "restored"

    def progress(done: int, total: int) -> None:
        if done >= share * total:
            os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if child == 0:
        try:
            EngineDriver().restore(folder, f"trove://{path}", progress=progress)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert not path.exists()
    assert restored(folder, path).ok


def test_a_full_disk_leaves_the_earlier_one(
    tmp_path: Path, store: EngineDriver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.backup(folder)
    before = names(folder)
    store.put("b", "more", noise("more", 3 * BLOCK))
    calls: list[str] = []

    def full(self: BackupFolder, block: str, data: bytes) -> None:
        adding(self, block, data)
        calls.append(block)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    adding = BackupFolder.add
    with monkeypatch.context() as patch:
        patch.setattr(BackupFolder, "add", full)
        with pytest.raises(StorageFullError):
            store.backup(folder)
    assert names(folder) == before
    assert restored(folder, tmp_path / "restored").ok
