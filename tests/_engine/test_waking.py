"""The lock between writers, when a process dies that was about to be woken for it."""

from __future__ import annotations

import mmap
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
import pytest
from harness.gathered import wait_for
from harness.neighbour import Neighbour
from harness.opened import opened

WAITERS = 1 << 31  # in the word of a robust mutex: somebody waits
OWNER = (1 << 30) - 1


@contextmanager
def locked_out(index: Path) -> Iterator[memoryview]:
    """Nobody can write meanwhile; the word of the lock."""
    environment = lmdb.open(
        str(index), map_size=(index / "data.mdb").stat().st_size, max_dbs=9, readahead=False, lib_version=1
    )
    with environment, (index / "lock.mdb").open("r+b") as file, environment.begin(write=True):
        words = memoryview(mmap.mmap(file.fileno(), 256)).cast("I")
        held = [at for at, word in enumerate(words) if word & OWNER == threading.get_native_id()]
        yield words[held[0] : held[0] + 1]


@pytest.mark.skipif(sys.platform != "linux", reason="only there the lock is a word in memory")
def test_a_writer_whose_wake_up_was_lost_is_woken_by_the_next_commit(tmp_path: Path) -> None:
    """As when one who waits is woken, is overtaken by a third, and is killed before it can wait again."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
    dsn = f"trove://{tmp_path}/store"
    with Neighbour(dsn) as sleeper, Neighbour(dsn) as other:
        sleeper.put("b", "first", b"1")
        other.put("b", "second", b"2")
        with locked_out(tmp_path / "store" / "index") as word:
            sleeper.begin_put("b", "third", b"3")
            wait_for(lambda: bool(word[0] & WAITERS))
            word[0] &= ~WAITERS  # so nobody is woken
        assert not sleeper.has_put(0.2)
        other.put("b", "fourth", b"4")
        assert sleeper.has_put(30)
