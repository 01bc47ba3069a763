# cython: language_level=3
"""Shrink: how an index that was made for more than it holds now gives its space back.

LMDB uses the pages again that deletes leave, and never gives them to the system. So the index is copied, which
leaves them out, and the copy takes its place. That is only done by who has the store to itself: nobody else can tell
that what it has mapped is an old file. Readers wait for the exchange alone, writers for the copy, too.
"""

import fcntl
import os
import shutil

from trove.errors import DriverClosedError, StorageIOError, TroveError

from .core cimport Core
from .index cimport Index, Reading
from .gate import Gate, await_lockless_readers, locked
from .interrupts import patiently
from .pack import sync_folder
from .rows import TABLES

WASTE = 16 << 20  # bytes that must be gained, and a quarter of what was ever used


def is_wasteful(Core core):
    """Whether much of the index is pages that nothing is in any more."""
    cdef Index index = core.index
    with Reading(index) as txn:
        taken, used = index.used_bytes(), 0
        for name in TABLES:
            found = txn.stat(getattr(index, name))
            used += found["psize"] * (found["branch_pages"] + found["leaf_pages"] + found["overflow_pages"])
    # Pages that are there beforehand, and were never used, are none: a snapshot asks for them.
    return taken - used > max(WASTE, taken // 4)


def shrink(Core core):
    """Make the index as small as it can be, if that is worth it and nobody else has the store open; whether it was."""
    try:
        if not is_wasteful(core):
            return False
        with Gate(core.path):
            if core._lifetime is None:
                raise DriverClosedError.of("trove")  # while this one waited for the gate
            # Who asks and is not alone loses the lock that he has, and gets it back: the gate is closed.
            alone = locked(core._lifetime)
            try:
                if alone:
                    exchange(core)
            finally:
                fcntl.flock(core._lifetime, fcntl.LOCK_SH)
        return alone
    except OSError as error:
        if isinstance(error, TroveError):
            raise
        raise StorageIOError.of(error, f"shrinking the index of {core.path}") from error


def exchange(Core core):
    """Put a copy in the place of the index. The gate is closed, and nobody else has the store open to write."""
    cdef Index index = core.index
    fresh = os.path.join(core.path, "index.new")
    interrupts = []
    core._lead.take(interrupts)
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        index.copy(fresh)
        flush(os.path.join(fresh, "data.mdb"))
        # Those who read beside us open the new one at their next read.
        core.state.count_opening()
        await_lockless_readers(core.path)
        patiently(index.pause, interrupts)
        try:
            index.replace(fresh)
            sync_folder(index.folder)
        finally:
            index.resume()
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        core._lead.hand_over([None])
    if interrupts:
        raise interrupts[0]


def flush(path):
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
