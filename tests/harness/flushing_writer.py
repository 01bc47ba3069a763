"""Run with the fault library preloaded: counts what a writer has flushed when it is told of success.

Each check is a process forked from this one; prints the names of those that failed, as JSON.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import trove

from .faults import Faults
from .killed_writer import CHANGED, LARGE, forked, prepare

SPANNING_MIB = 300
"""The size of an object that no pack alone takes."""


class Checks:
    def __init__(self, folder: Path) -> None:
        self.store = folder / "store"
        self.template = folder / "template"
        assert forked(lambda: prepare(f"trove://{self.template}")) == 0
        self.faults = Faults(self.store)

    def opened(self, durability: str) -> trove.Driver:
        return trove.open(f"trove://{self.store}?durability={durability}")

    def operation(self, name: str) -> None:
        """Whatever is acknowledged with full durability has been flushed, each byte of it."""
        with self.opened("full") as drv:
            CHANGED[name][0](drv)
            assert self.faults.dirty == 0
        assert self.faults.dirty == 0

    def relaxed(self) -> None:
        """Relaxed writes are flushed at close, at the latest."""
        with self.opened("relaxed") as drv:
            drv.put("b", "new", LARGE)
            assert self.faults.dirty > 0, "a relaxed write is not flushed at once"
        assert self.faults.dirty == 0

    def same_process(self) -> None:
        """A durable write flushes the relaxed ones before it, which it follows in the log."""
        with self.opened("relaxed") as relaxed, self.opened("full") as full:
            relaxed.put("b", "new", LARGE)
            full.put("b", "newer", b"small")
            assert self.faults.dirty == 0

    def neighbour(self) -> None:
        """And those of a process that is gone, whose packs are not its own."""

        def neighbour() -> None:
            self.opened("relaxed").put("b", "new", LARGE)

        before = set(self.packs())
        drv = self.opened("full")
        assert forked(neighbour) == 0
        (theirs,) = set(self.packs()) - before
        self.faults.arm("fdatasync", 0, path=theirs)
        drv.put("b", "newer", b"small")
        assert self.faults.count("fdatasync") == 1, "what the durable commit follows may be lost"
        drv.close()

    def spanning(self) -> None:
        """An object in several packs is in none of them unflushed."""
        with self.opened("full") as drv:
            before = len(self.packs())
            drv.put("b", "new", b"".join(map(random.Random(1).randbytes, [1 << 20] * SPANNING_MIB)))
            assert len(self.packs()) > before, "one pack took all of it"
            assert self.faults.dirty == 0

    def new_store(self) -> None:
        """The names of a new store and of its first pack are durable before the first success."""
        shutil.rmtree(self.store)
        self.faults.arm("fsync", 0)
        with self.opened("full") as drv:
            made = self.faults.count("fsync")
            assert made >= 2, "the STORE file and the folder"
            drv.create_bucket("b")
            assert self.faults.count("fsync") > made, "the folder of packs"
            assert self.faults.dirty == 0

    def packs(self) -> list[str]:
        return sorted(path.name for path in (self.store / "packs").iterdir())

    def passes(self, check: Callable[[], None]) -> bool:
        shutil.rmtree(self.store, ignore_errors=True)
        shutil.copytree(self.template, self.store)
        return forked(check) == 0


def main() -> None:
    checks = Checks(Path(sys.argv[1]))
    named: dict[str, Callable[[], None]] = {
        f"operation {name}": lambda name=name: checks.operation(name)  # type: ignore[misc]
        for name in CHANGED
        if name != "close"
    }
    for check in (checks.relaxed, checks.same_process, checks.neighbour, checks.spanning, checks.new_store):
        named[check.__name__] = check
    print(json.dumps({name: checks.passes(check) for name, check in named.items()}))


if __name__ == "__main__":
    main()
