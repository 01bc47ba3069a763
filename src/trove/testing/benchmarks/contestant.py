"""Contestant: the few verbs that are measured, the same for a driver and for anything beside it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO


class Durability(StrEnum):
    """What an acknowledged write has survived when the next one starts."""

    DURABLE = "durable"  # a loss of power
    RELAXED = "relaxed"  # the end of the process; a loss of power may take the last moments
    MEMORY = "memory"  # nothing


class Contestant(ABC):
    """One open store that is measured.

    ``put``, ``get``, ``delete`` and ``close`` are always there. The other verbs are measured for those who
    override them: only where the store has a way of its own, so that nobody is measured by a detour that
    its users would not take.
    """

    @abstractmethod
    def put(self, key: str, data: bytes) -> object:
        """Store ``data``, in place of what is there, as durable as the contestant's name says."""

    @abstractmethod
    def get(self, key: str) -> bytes | memoryview:
        """The whole content."""

    @abstractmethod
    def delete(self, key: str) -> object: ...

    @abstractmethod
    def close(self) -> None:
        """Close the store; what it holds stays."""

    def remove(self) -> None:  # noqa: B027  # most have nothing to remove
        """Remove what closing leaves outside of the folder that the contestant was given."""

    def head(self, key: str) -> object:
        """What is known of an object beside its content, its size at least."""
        raise NotImplementedError

    def get_range(self, key: str, offset: int, length: int) -> bytes | memoryview:
        raise NotImplementedError

    def list(self, after: str, count: int) -> int:
        """Read one page of ``count`` keys behind the key ``after``, in order; how many there were."""
        raise NotImplementedError

    def copy(self, source: str, target: str) -> object:
        raise NotImplementedError

    def put_batch(self, items: Sequence[tuple[str, bytes]]) -> object:
        """Store all ``items``; in one step, where the store has one."""
        raise NotImplementedError

    def put_stream(self, key: str, file: IO[bytes]) -> object:
        """Store what ``file`` holds, without having it in memory at once."""
        raise NotImplementedError

    def get_stream(self, key: str, block_size: int) -> int:
        """Read an object block by block; its size in bytes."""
        raise NotImplementedError


@dataclass(frozen=True, repr=False)
class Entry:
    """One contestant in the lists.

    ``family`` names the store and ``variant`` how it was set up; of each family one variant takes part in
    the groups that only read. ``open(folder)`` opens the store in that folder, again if it is there already.
    ``missing`` says why the contestant can't run here, where it can't. ``ours`` is true for drivers.
    """

    family: str
    variant: str
    durability: Durability
    kind: type[Contestant]
    open: Callable[[Path], Contestant]
    missing: str = ""
    ours: bool = False

    @property
    def name(self) -> str:
        return f"{self.family}-{self.variant}" if self.variant else self.family

    def __repr__(self) -> str:
        # Results name their parameters; a DSN with a password in it must not get there.
        return f"<Entry {self.name}>"

    def can(self, verb: str) -> bool:
        """Whether the contestant has the verb."""
        return getattr(self.kind, verb) is not getattr(Contestant, verb)


def readers(entries: Sequence[Entry]) -> list[Entry]:
    """One entry of each family, the first that needs no flushes, to read from: flushes don't matter there."""
    chosen: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.durability is Durability.DURABLE):
        chosen.setdefault(entry.family, entry)
    return [entry for entry in entries if chosen[entry.family] is entry]
