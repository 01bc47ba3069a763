"""Faults of the engine, put into it on purpose: whoever looks for faults has to find each of them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import xxhash

from trove._engine import recovery, snapshots, verify
from trove._engine.reports import RepairReport
from trove.drivers.engine import EngineDriver

from . import small_store
from .log_map import written
from .log_records import Commit, records_of, write_record

HELD: list[bytes] = []
Planted = Callable[[], AbstractContextManager[object]]


def chunks_unchecked() -> AbstractContextManager[object]:
    return mock.patch.object(small_store, "SETTINGS", small_store.SETTINGS + "&verify=never")


def pages_unchecked() -> AbstractContextManager[object]:
    return mock.patch.object(recovery, "check_pages")


def snapshots_unchecked() -> AbstractContextManager[object]:
    return mock.patch.object(snapshots, "whole", return_value=True)


def verify_without_chunks() -> AbstractContextManager[object]:
    """Chunks are not read: none of them is found damaged."""
    named = verify.Verification._name_damage  # type: ignore[attr-defined]
    return mock.patch.object(
        verify.Verification,  # type: ignore[attr-defined]
        "_name_damage",
        lambda self, index, damaged: named(self, index, {}),
    )


@contextlib.contextmanager
def repair_without_names() -> Iterator[None]:
    repair = EngineDriver.repair

    def silent(self: EngineDriver, *arguments: Any, **options: Any) -> RepairReport:
        return dataclasses.replace(repair(self, *arguments, **options), lost=())

    with mock.patch.object(EngineDriver, "repair", silent):
        yield


def at_reads(work: Callable[[], object]) -> Planted:
    """Something that goes wrong when an object is read."""

    @contextlib.contextmanager
    def planted() -> Iterator[None]:
        get = EngineDriver.get

        def wrong(self: EngineDriver, *arguments: Any, **options: Any) -> Any:
            work()
            return get(self, *arguments, **options)

        with mock.patch.object(EngineDriver, "get", wrong):
            yield

    return planted


def forever() -> None:
    while True:
        pass


def much_memory() -> None:
    HELD.append(b"\1" * (40 << 20))


def untyped() -> None:
    raise KeyError("untyped")


@dataclass(frozen=True)
class Fault:
    """What puts it into the engine; what must be said of it; the files whose damage shows it."""

    planted: Planted
    words: str = ""
    files: str = ""
    without: str = ""  # a folder that has to be gone


PLANTED: dict[str, Fault] = {
    "chunks are not held against their ids": Fault(chunks_unchecked, "has bytes that nobody put there"),
    "the pages of an index are not looked at": Fault(pages_unchecked, files="index/data.mdb"),
    "snapshots are not held against their sums": Fault(
        snapshots_unchecked, files="snapshots/*.mdb", without="index"
    ),
    "verify reads no chunks": Fault(verify_without_chunks, "verify finds nothing; an object"),
    "repair does not say what is lost": Fault(repair_without_names, "is not named"),
    "a read never ends": Fault(at_reads(forever), "not over after"),
    "a read ends the process": Fault(at_reads(os.abort), "killed by SIGABRT"),
    "a read takes much memory": Fault(at_reads(much_memory), "MiB of memory"),
    "a read asks for all memory": Fault(at_reads(lambda: bytearray(1 << 43)), "MemoryError"),
    "a read fails with an error of no type": Fault(at_reads(untyped), "KeyError"),
}


def forge(store: Path, random: Random) -> None:
    """Change the data of a small object in its commit, with a checksum that fits: as if none were checked."""
    path = min(store.glob("packs/*.pack"))
    raw = bytearray(path.read_bytes())
    seed = xxhash.xxh3_64_intdigest(bytes(raw[16:32]))
    records = [each for each in records_of(written(bytes(raw)), seed) if isinstance(each, Commit)]
    commit = random.choice([each for each in records if is_small_put(each)])
    (operation, place, row) = commit.operations[-1]
    assert row is not None
    changed = (*commit.operations[:-1], (operation, place, row[:-1] + bytes([row[-1] ^ 1])))
    record = write_record(dataclasses.replace(commit, operations=changed), seed)
    raw[commit.offset : commit.offset + len(record)] = record
    path.write_bytes(raw)


def is_small_put(commit: Commit) -> bool:
    operation, _, row = commit.operations[-1] if commit.operations else (0, b"", None)
    return operation == 3 and row is not None and row[0] == 0
