"""Folder locks: one alone, or any number who share; nothing is held for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trove._engine.folder_lock import FolderLock
from trove.errors import StorageIOError


def is_free(folder: Path) -> bool:
    with FolderLock(str(folder), wait=False) as held:
        return held


def test_one_has_it_alone(tmp_path: Path) -> None:
    with FolderLock(str(tmp_path)) as held:
        assert held
        assert not is_free(tmp_path)
    assert is_free(tmp_path)


def test_any_number_share_it(tmp_path: Path) -> None:
    with FolderLock(str(tmp_path), shared=True), FolderLock(str(tmp_path), shared=True) as held:
        assert held
        assert not is_free(tmp_path)
    assert is_free(tmp_path)


def test_what_an_interrupt_left_locked_is_let_go_of_with_the_object(tmp_path: Path) -> None:
    interrupted = FolderLock(str(tmp_path))
    interrupted.__enter__()
    assert not is_free(tmp_path)
    del interrupted
    assert is_free(tmp_path)


def test_it_is_let_go_of_though_a_child_was_forked_meanwhile(tmp_path: Path) -> None:
    told = os.pipe()
    with FolderLock(str(tmp_path)):
        child = os.fork()
        if child == 0:
            os.close(told[1])
            os.read(told[0], 1)
            os._exit(0)
    try:
        assert is_free(tmp_path)
    finally:
        os.close(told[1])
        os.close(told[0])
        os.waitpid(child, 0)


def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(StorageIOError, match="missing"), FolderLock(str(tmp_path / "missing")):
        pass
