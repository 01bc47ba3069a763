"""Peers: what people embed today, as contestants, one file each.

Every peer gets its library's defaults but for what its entries' names say. How durable a write is
decides which groups it takes part in: a peer that never flushes is not compared with one that does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from trove.testing.benchmarks import Contestant, Durability, Entry

PEERS = ("files", "diskcache", "sqlite", "rocksdict", "lmdb", "obstore", "fsspec")


class Absent(Contestant):
    """Stands for a peer whose library is not installed, so that the gap shows as a skip."""

    def put(self, key: str, data: bytes) -> NoReturn:
        raise NotImplementedError

    def get(self, key: str) -> NoReturn:
        raise NotImplementedError

    def delete(self, key: str) -> NoReturn:
        raise NotImplementedError

    def close(self) -> None: ...


def peers() -> list[Entry]:
    """The entries of all peers."""
    return found(__name__, PEERS)


def found(package: str, modules: Iterable[str]) -> list[Entry]:
    """The entries of these modules of a package, one that says why for each that can't be imported."""
    entries: list[Entry] = []
    for name in modules:
        try:
            listed: Callable[[], list[Entry]] = import_module(f"{package}.{name}").entries
        except ModuleNotFoundError as error:
            reason = f"{error.name} is not installed; pip install '.[bench]'"
            entries.append(Entry(name, "", Durability.RELAXED, Absent, partial(_refuse, reason), reason))
        else:
            entries += listed()
    return entries


def _refuse(reason: str, folder: Path) -> NoReturn:
    raise RuntimeError(f"nothing can be opened in {folder}: {reason}")
