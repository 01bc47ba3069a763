"""Run with the fault library preloaded: makes each call of a writer fail in turn, and looks at what is left.

Each round is a process forked from this one. It opens a store that has some objects and does one operation,
of which the n-th call to the file system fails, once or from then on. Whatever the operation said must be
true: in this process, in others, after opening again, and in an index that is made anew from the log.
Prints a JSON report.
"""

from __future__ import annotations

import errno
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from trove.drivers.engine import EngineDriver
from trove.errors import TroveError

from .alone import Child
from .faults import FAIL, SHORT, Faults
from .index_rows import check_store
from .kept_operations import half_way
from .killed_writer import AFTER, CHANGED, PREPARED, compact, everything, opened, prepare

DATA_CALLS = [
    "pwrite",
    "write",
    "fdatasync",
    "fsync",
    "posix_fallocate",
    "ftruncate",
    "open",
    "rename",
    "mkdir",
    "msync",
    "unlink",
    "mmap",
]
READ_CALLS = ("pread", "read", "mmap", "open")
OPENINGS = ("open", "rebuild", "make", "repair", "read only")
MANY = 1 << 30


def snapshot(drv: EngineDriver) -> None:
    drv.snapshot()


def verify(drv: EngineDriver) -> None:
    drv.verify()


Held = dict[str, bytes | str]
Operation = tuple[Callable[[EngineDriver], object], Mapping[str, bytes | str | None]]

OPERATIONS: dict[str, Operation] = {**CHANGED, "snapshot": (snapshot, {}), "verify": (verify, {})}


@dataclass(frozen=True)
class Kind:
    """A way to fail: the calls, how, with which error, how often, and on which paths."""

    name: str
    calls: tuple[str, ...]
    mode: int
    error: int
    times: int
    path: str = ""


KINDS = {
    kind.name: kind
    for kind in (
        Kind("EIO once", tuple(DATA_CALLS), FAIL, errno.EIO, 1),
        Kind("EIO from then on", tuple(DATA_CALLS), FAIL, errno.EIO, MANY),
        Kind("ENOSPC once", ("pwrite", "write", "posix_fallocate", "open", "mkdir"), FAIL, errno.ENOSPC, 1),
        Kind(
            "ENOSPC from then on",
            ("pwrite", "write", "posix_fallocate", "open", "mkdir"),
            FAIL,
            errno.ENOSPC,
            MANY,
        ),
        Kind("EIO of a read once", READ_CALLS, FAIL, errno.EIO, 1),
        Kind("EIO of reads from then on", READ_CALLS, FAIL, errno.EIO, MANY),
        # LMDB takes its own file for another one when it gets half of the header; no file system does that.
        Kind("short reads", ("pread", "read"), SHORT, 0, MANY, "packs/"),
        Kind("short writes", ("pwrite", "write"), SHORT, 0, MANY),
        Kind("half a write", ("pwrite",), SHORT, 0, 1),
        Kind("EINTR", ("pwrite", "fdatasync"), FAIL, errno.EINTR, 2),
    )
}
HARMLESS = ("short reads", "short writes", "half a write", "EINTR")


class Round:
    def __init__(self, folder: Path, template: Path, dsn: str, operation: str, kind: Kind, at: int) -> None:
        self.store = folder / "store"
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(template, self.store)
        self.scratch = folder / "scratch"
        self.met = folder / "met"
        self.met.unlink(missing_ok=True)
        self.dsn = dsn.format(folder=self.store)
        self.operation, self.kind, self.at = operation, kind, at
        self.faults = Faults(self.store)

    def run(self) -> None:
        old = {**PREPARED, "base/0": b"before"}
        change = OPERATIONS[self.operation][1]
        new = {key: data for key, data in {**old, **change}.items() if data is not None}
        drv = opened(self.dsn)
        drv.put("b", "base/0", b"before")
        assert everything(drv) == old  # and with it the packs are open that the reads later need
        self.arm()
        try:
            OPERATIONS[self.operation][0](drv)
            allowed = [new]
        except TroveError as error:
            assert self.kind.name not in HARMLESS, f"what is no failure failed: {error!r}"
            assert str(self.store) in str(error), f"the error names no file: {error}"
            allowed = [old, *half_way(self.operation, old)]
        self.note()
        if self.operation != "close":
            self.look_while_it_fails(drv, allowed)
        self.faults.disarm()
        expected = allowed[0]
        if self.operation != "close":
            expected = everything(drv)
            assert expected in allowed, "what the operation said is not so"
            assert Child(lambda: self.look(expected)).wait() == 0, "another process sees something else"
            key, data = next(iter(AFTER.items()))
            drv.put("b", key, data)
            expected = {**expected, key: data}
            if self.operation == "compact":
                compact(drv)  # what could not be done then
                assert everything(drv) == expected
            drv.close()
        self.look(expected)
        # After another boot that came without a clean end: nothing but the log and the state file counts.
        state = self.store / "state"
        with open(state, "r+b") as file:
            file.seek(16)
            file.write(b"\1" * 16 + bytes(8))
        self.look(expected)
        check_store(self.store, self.scratch)

    def look_while_it_fails(self, drv: EngineDriver, allowed: list[Held]) -> None:
        """What is read is right; nothing but calls that read may keep it from being read."""
        try:
            assert everything(drv) in allowed, "what the operation said is not so while the disk still fails"
        except TroveError:
            # Compaction moves data to packs that nobody has open to read.
            reads = {"pread", "mmap", "open"} if self.operation == "compact" else {"pread", "mmap"}
            if not set(self.kind.calls) & reads:
                raise

    def open(self) -> None:
        """The same while a store is opened or made: it may fail, and then the next one must not."""
        if self.operation == "make":
            shutil.rmtree(self.store)
        elif self.operation == "rebuild":
            shutil.rmtree(self.store / "index")
        self.arm()
        try:
            self.do_open()
        except TroveError as error:
            assert str(self.store) in str(error), f"the error names no file: {error}"
        self.note()
        self.faults.disarm()
        if self.operation == "make":
            prepare(self.dsn)
        self.look(PREPARED)
        check_store(self.store, self.scratch)

    def do_open(self) -> None:
        if self.operation == "repair":
            report = EngineDriver().repair(self.dsn)
            assert not report.lost, report
            assert not report.quarantined, report
        elif self.operation == "read only":
            with opened(f"{self.dsn}&mode=r") as drv:
                assert everything(drv) == PREPARED
        else:
            opened(self.dsn).close()

    def arm(self) -> None:
        kind = self.kind
        self.faults.arm(kind.calls, kind.mode, at=self.at, times=kind.times, error=kind.error, path=kind.path)

    def note(self) -> None:
        """Tell the parent that there was a call to fail."""
        if self.faults.injected:
            self.met.touch()

    def look(self, expected: Held) -> None:
        with opened(self.dsn) as drv:
            assert everything(drv) == expected, "what the operation said is not so in a handle opened later"


def rounds(folder: Path, dsn: str, operation: str, kind: Kind, every: int) -> tuple[int, list[str]]:
    template = folder / "template"
    shutil.rmtree(template, ignore_errors=True)
    assert Child(lambda: prepare(f"trove://{template}")).wait() == 0
    done, failures, at = 0, [], 1
    while True:
        one = Round(folder, template, dsn, operation, kind, at)
        failed = Child(one.open if operation in OPENINGS else one.run).wait()
        if failed:
            failures.append(f"{operation}, {kind.name}, from call {at} on")
        if not one.met.exists() and (not failed or done > 200):
            return done, failures
        done += 1
        at += every


def main() -> None:
    folder, dsn, operations, kinds, every = (
        Path(sys.argv[1]),
        sys.argv[2],
        sys.argv[3].split(","),
        sys.argv[4].split(","),
        int(sys.argv[5]),
    )
    report: dict[str, object] = {}
    for operation in operations:
        for kind in kinds:
            done, failures = rounds(folder, dsn, operation, KINDS[kind], every)
            report[f"{operation}, {kind}"] = {"rounds": done, "failures": failures}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
