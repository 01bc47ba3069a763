"""Run with the fault library preloaded: kills a writer at each of its steps, and looks at what is left.

Each round is a process forked from this one. It opens a store that has some objects, does one operation and
is killed at the n-th step of it. Another one then opens the store and checks it. Prints a JSON report.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import trove
from trove.drivers.engine import EngineDriver

from . import kept_operations, low_thresholds
from .alone import Child
from .faults import CALLS, KILL_AFTER, KILL_BEFORE, KILL_HALF, Faults
from .index_rows import check_store

# Between two of these nothing changes that outlives the process.
STEPS = [name for name in CALLS if name not in ("msync", "pread", "read", "mmap")]
BASE = {
    f"base/{n}": random.Random(n).randbytes(size)
    for n, size in enumerate((0, 10, 2048, 2049, 40_000, 900_000))
}
LARGE = random.Random(99).randbytes(700_000)
LISTED = random.Random(98).randbytes(3_000_000)
GONE = random.Random(97).randbytes(1_500_000)
PREPARED: dict[str, bytes | str] = {**BASE, **kept_operations.PREPARED}
# Several, that are together longer than what a killed writer had announced: none may be hidden behind it.
AFTER = {f"after/{n}": random.Random(90 + n).randbytes(450_000) for n in range(7)}


def put_small(drv: EngineDriver) -> None:
    drv.put("b", "new", b"small")


def put_chunked(drv: EngineDriver) -> None:
    drv.put("b", "new", LARGE)


def put_listed(drv: EngineDriver) -> None:
    drv.put("b", "new", LISTED)


def put_stream(drv: EngineDriver) -> None:
    drv.put("b", "new", iter([LISTED[at : at + 100_000] for at in range(0, len(LISTED), 100_000)]))


def put_shared(drv: EngineDriver) -> None:
    drv.put("b", "new", BASE["base/5"] + LARGE)


def overwrite(drv: EngineDriver) -> None:
    drv.put("b", "base/4", LARGE)


def delete(drv: EngineDriver) -> None:
    drv.delete("b", "base/5")


def copy(drv: EngineDriver) -> None:
    drv.copy("b", "base/5", "b", "new")


def batch(drv: EngineDriver) -> None:
    with drv.batch() as changes:
        changes.put("b", "new", LARGE)
        changes.put("b", "base/1", b"other")
        changes.copy("b", "new", "b", "second")
        changes.delete("b", "base/4")


def limit(drv: EngineDriver) -> None:
    drv.set_quota("b", max_bytes=1 << 30)


def compact(drv: EngineDriver) -> None:
    low_thresholds.lower()
    drv.compact()


def close(drv: EngineDriver) -> None:
    drv.close()


CHANGED: dict[str, tuple[Callable[[EngineDriver], object], Mapping[str, bytes | str | None]]] = {
    "put_small": (put_small, {"new": b"small"}),
    "put_chunked": (put_chunked, {"new": LARGE}),
    "put_listed": (put_listed, {"new": LISTED}),
    "put_stream": (put_stream, {"new": LISTED}),
    "put_shared": (put_shared, {"new": BASE["base/5"] + LARGE}),
    "overwrite": (overwrite, {"base/4": LARGE}),
    "delete": (delete, {"base/5": None}),
    "copy": (copy, {"new": BASE["base/5"]}),
    "batch": (batch, {"new": LARGE, "base/1": b"other", "second": LARGE, "base/4": None}),
    "limit": (limit, {}),
    "compact": (compact, {}),
    "close": (close, {}),
    **kept_operations.CHANGED,
}


def contents(drv: trove.Driver) -> dict[str, bytes]:
    return {info.key: drv.get("b", info.key).read() for info in drv.list("b")}


def everything(drv: EngineDriver) -> dict[str, bytes | str]:
    """The objects of the plain bucket, and a word for each place of the others."""
    return {**contents(drv), **kept_operations.look(drv)}


def opened(dsn: str) -> EngineDriver:
    drv = EngineDriver()
    drv.open(dsn)
    return drv


def prepare(dsn: str) -> None:
    with opened(dsn) as drv:
        drv.create_bucket("b")
        for key, data in BASE.items():
            drv.put("b", key, data)
        # What is used of it moves with everything that follows.
        drv.set_quota(None, max_bytes=1 << 40)
        kept_operations.prepare(drv)
        drv.put("b", "gone", GONE)
        drv.delete("b", "gone")
        assert everything(drv) == PREPARED


class Round:
    def __init__(
        self, folder: Path, template: Path, durability: str, operation: str, mode: int, at: int
    ) -> None:
        self.store = folder / "store"
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(template, self.store)
        self.scratch = folder / "scratch"
        self.acknowledged = folder / "acknowledged"
        self.acknowledged.unlink(missing_ok=True)
        self.dsn = f"trove://{self.store}?durability={durability}"
        self.operation, self.mode, self.at = operation, mode, at
        self.faults = Faults(self.store)

    def write(self) -> None:
        drv = opened(self.dsn)
        # A commit of this process before: the one that is killed is not its first.
        drv.put("b", "base/0", b"before")
        self.faults.arm(STEPS, self.mode, at=self.at)
        CHANGED[self.operation][0](drv)
        self.acknowledged.touch()
        os._exit(17 if self.faults.injected == 0 else 18)

    def check(self) -> None:
        self.faults.disarm()
        old = {**PREPARED, "base/0": b"before"}
        new = {key: data for key, data in {**old, **CHANGED[self.operation][1]}.items() if data is not None}
        found: dict[str, bytes | str]
        # Opened and closed without a write in between, then written to: each is a way to go wrong.
        with opened(self.dsn) as drv:
            found = everything(drv)
        if self.acknowledged.exists():
            assert found == new, "what was acknowledged is not there"
        assert found in (old, *kept_operations.half_way(self.operation, old), new), (
            "half of a change is there"
        )
        with opened(self.dsn) as drv:
            for key, data in AFTER.items():
                drv.put("b", key, data)
            if self.operation == "compact":
                compact(drv)
            assert everything(drv) == {**found, **AFTER}, "what was there changed, or a write is missing"
            live = drv.stats().live_bytes
        if self.operation == "compact":
            taken = sum(pack.stat().st_size for pack in self.store.glob("packs/*"))
            assert taken < live + len(GONE) // 2, "nobody gives the space back"
        check_store(self.store, self.scratch)


def rounds(
    folder: Path, durability: str, operation: str, modes: list[int], every: int
) -> tuple[int, list[str]]:
    template = folder / "template"
    shutil.rmtree(template, ignore_errors=True)
    assert Child(lambda: prepare(f"trove://{template}")).wait() == 0
    done, failures = 0, []
    for mode in modes:
        at = 1
        while True:
            one = Round(folder, template, durability, operation, mode, at)
            code = Child(one.write).wait()
            if code == 17:
                break
            name = f"{durability} {operation} mode {mode} step {at}"
            if code != -signal.SIGKILL:
                failures.append(f"{name}: not killed but ended with {code}")
            elif Child(one.check).wait():
                failures.append(name)
            done += 1
            at += every
    return done, failures


def main() -> None:
    folder, durability, operations, every = (
        Path(sys.argv[1]),
        sys.argv[2],
        sys.argv[3].split(","),
        int(sys.argv[4]),
    )
    report: dict[str, object] = {}
    for operation in operations:
        done, failures = rounds(folder, durability, operation, [KILL_BEFORE, KILL_AFTER, KILL_HALF], every)
        report[operation] = {"rounds": done, "failures": failures}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
