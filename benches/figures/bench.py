"""Bench: the driver that is measured, the folders it works in, and how much is done."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from trove.driver import Driver
from trove.testing.benchmarks import Contestant, DriverContestant, Entry
from trove.testing.benchmarks.workload import SEED

from ..peers import peers
from ..records import keepers
from ..records.contestant import Keeper
from ..records.ours import EngineRecords

D = TypeVar("D", bound=Driver)

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True)
class Amount:
    """How much is done; sizes in bytes."""

    rounds: int = 9
    large_rounds: int = 3
    puts: int = 1000
    """Small writes in a round, when they are not flushed."""
    durable_puts: int = 200
    gets: int = 5000
    library: int = 10_000
    """Objects in a store of ordinary size."""
    parts: int = 10_000
    """Parts of an upload of which there are many."""
    versions: int = 1000
    """Old versions of a key that has many."""
    many: int = 1_000_000
    """Objects in a large store."""
    large: int = 10 * MIB
    huge: int = GIB
    stream: int = 10 * GIB


QUICK = Amount(
    rounds=1,
    large_rounds=1,
    puts=20,
    durable_puts=5,
    gets=20,
    library=100,
    parts=20,
    versions=20,
    many=300,
    large=256 * KIB,
    huge=MIB,
    stream=4 * MIB,
)


class Bench:
    """Opens stores in folders of their own and removes them all at the end."""

    def __init__(self, dsn: str, root: Path, amount: Amount) -> None:
        self._dsn = dsn
        self.amount = amount
        self._peers = {entry.name: entry for entry in peers()}
        self._keepers = {entry.name: entry for entry in keepers()}
        self.folder = Path(tempfile.mkdtemp(prefix="trove-figures-", dir=root))
        self._open: list[Contestant] = []
        self._numbers = 0
        self._generator = random.Random(SEED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        finally:
            shutil.rmtree(self.folder)

    def close(self) -> None:
        """Close and remove every store, for the next figure to begin with an empty disk."""
        while self._open:
            self._open.pop().close()
        for folder in self.folder.iterdir():
            shutil.rmtree(folder)
        os.sync()

    def need(self, size: int) -> None:
        """Raise UnavailableError unless twice ``size`` bytes are free: filling the disk harms others."""
        free = shutil.disk_usage(self.folder).free
        if free < 2 * size:
            wanted = f"{2 * size / GIB:.1f} GiB must be free in {self.folder.parent}"
            raise UnavailableError(f"{wanted}, and there are {free / GIB:.1f} GiB; give another --dir")

    def new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))

    def dsn(self, durability: str) -> str:
        """The DSN of the driver, with ``{folder}`` in it."""
        return self._dsn.replace("{durability}", durability)

    def ours(self, durability: str = "relaxed") -> DriverContestant:
        """The driver on a new store."""
        return self.reopened(self.new_folder(), durability)

    def reopened(self, folder: Path, durability: str = "relaxed") -> DriverContestant:
        """The driver on the store in ``folder``."""
        contestant = DriverContestant(self.dsn(durability), folder)
        self._open.append(contestant)
        return contestant

    def peer(self, name: str) -> Contestant:
        """A peer on a new store. Raises UnavailableError when its library is not there."""
        return self._opened(self._peers.get(name), name)

    def records(self, durability: str = "relaxed") -> EngineRecords:
        """The store of records on the driver, in a new folder."""
        keeper = EngineRecords(self.dsn(durability), self.new_folder())
        self._open.append(keeper)
        return keeper

    def keeper(self, name: str) -> Keeper:
        """A peer that keeps records, on a new store. Raises UnavailableError as :meth:`peer` does."""
        opened = self._opened(self._keepers.get(name), name)
        if not isinstance(opened, Keeper):
            raise UnavailableError(f"the peer {name} keeps no records")
        return opened

    def _opened(self, entry: Entry | None, name: str) -> Contestant:
        if entry is None or entry.missing:
            raise UnavailableError(entry.missing if entry else f"the peer {name} is not installed")
        contestant = entry.open(self.new_folder())
        self._open.append(contestant)
        return contestant

    @contextmanager
    def alone(self, settings: str = "") -> Iterator[DriverContestant]:
        """The driver on a new store, which is gone after the block; ``settings`` are added to its DSN."""
        folder = self.new_folder()
        contestant = DriverContestant(self.dsn("relaxed") + settings, folder)
        try:
            yield contestant
        finally:
            contestant.close()
            shutil.rmtree(folder)

    def objects(self, count: int, size: int = KIB) -> list[tuple[str, bytes]]:
        """``count`` new keys, ascending, with contents that never came before."""
        first = self._numbers
        self._numbers += count
        return [(f"object-{first + n:010d}", self._generator.randbytes(size)) for n in range(count)]

    def content(self, size: int) -> bytes:
        """A content that never came before, of any size."""
        content = bytearray(size)
        for at in range(0, size, MIB):
            length = min(MIB, size - at)
            content[at : at + length] = self._generator.randbytes(length)
        return bytes(content)

    def chosen(self, keys: list[str], count: int) -> list[tuple[str]]:
        """``count`` of ``keys`` in an order that nobody can foresee."""
        return [(self._generator.choice(keys),) for _ in range(count)]


def having(store: DriverContestant, capability: type[D]) -> D:
    """The driver of ``store`` as one that has ``capability``. Raises UnavailableError where it has not."""
    if not isinstance(store.driver, capability):
        raise UnavailableError(f"driver {store.driver.name!r} is no {capability.__name__}")
    return store.driver


class UnavailableError(Exception):
    """Something that a figure needs is not there; the message says what."""
