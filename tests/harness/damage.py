"""A store with known content, and ways to damage its files."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from trove._engine.reports import RepairReport
from trove.drivers.engine import EngineDriver

SMALL = 60
LARGE = 8


def small(number: int) -> bytes:
    return random.Random(f"small {number}").randbytes(500)


def large(number: int) -> bytes:
    return random.Random(f"large {number}").randbytes(300_000)


class Damaged:
    """A closed store, its content, and its files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dsn = f"trove://{path}?durability=relaxed&chunk_size=16384"  # more than a few chunks, so lists
        with self.open() as driver:
            driver.create_bucket("b")
            driver.create_bucket("c")
            for number in range(SMALL):
                driver.put("b", f"small-{number:03d}", small(number))
            for number in range(LARGE):
                driver.put("c", f"large-{number}", large(number))
            # A list of chunks that two objects share, an overwrite, and a delete.
            driver.copy("c", "large-1", "c", "same-as-1")
            driver.put("b", "small-000", small(0))
            driver.put("b", "gone", b"x")
            driver.delete("b", "gone")

    def open(self, **options: str) -> EngineDriver:
        driver = EngineDriver()
        driver.open(self.dsn, **options)
        return driver

    @property
    def pack(self) -> Path:
        return min(self.path.glob("packs/*.pack"))

    def where(self, needle: bytes) -> int:
        """Where in the first pack ``needle`` stands."""
        return self.pack.read_bytes().index(needle)

    def flip(self, path: Path, offset: int) -> None:
        """Change one bit."""
        data = bytearray(path.read_bytes())
        data[offset] ^= 1
        path.write_bytes(data)

    def flip_commit(self, number: int) -> None:
        """Damage the record of the commit that put this small object."""
        self.flip(self.pack, self.where(small(number)) + 10)

    def flip_chunk(self, number: int) -> None:
        """Damage a chunk of this large object."""
        self.flip(self.pack, self.where(large(number)[1000:1100]))

    def drop_index(self) -> None:
        shutil.rmtree(self.path / "index")

    def content(self) -> Iterator[tuple[str, str]]:
        """What can be read, held against what it must be; buckets and keys."""
        with self.open() as driver:
            for bucket in ("b", "c"):
                for info in driver.list(bucket):
                    data = driver.get(bucket, info.key).read()
                    kind, _, number = info.key.partition("-")
                    if kind == "same":
                        assert data == large(1)
                    else:
                        assert data == (small if kind == "small" else large)(int(number))
                    yield bucket, info.key


ALL = {("b", f"small-{number:03d}") for number in range(SMALL)}
ALL |= {("c", f"large-{number}") for number in range(LARGE)} | {("c", "same-as-1")}


def problems(store: Damaged) -> list[str]:
    """What ``verify`` finds, in words."""
    with store.open() as driver:
        return [str(problem) for problem in driver.verify().problems]


def repaired(store: Damaged) -> RepairReport:
    """Repair the store as one that may not open."""
    return EngineDriver().repair(store.dsn)
