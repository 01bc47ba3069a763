"""Reports: what housekeeping found and did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = [
    "BackupReport",
    "CompactReport",
    "Lost",
    "Problem",
    "Progress",
    "Quarantined",
    "RepairReport",
    "RestoreReport",
    "Snapshot",
    "Stats",
    "VerifyReport",
]

Progress = Callable[[int, int], None]
"""Called as ``progress(done, total)``, in bytes of work; the last call has ``done == total``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a store, and where, as far as it is known.

    ``file`` is relative to the store's folder; ``offset`` and ``length`` are bytes of that file.
    """

    what: str
    bucket: str | None = None
    key: str | None = None
    file: str | None = None
    offset: int | None = None
    length: int | None = None

    def __str__(self) -> str:
        where = "" if self.file is None else f" [{self.file}"
        if self.offset is not None:
            where += f", {self.length} bytes from {self.offset} on"
        who = "" if self.bucket is None else f"{self.bucket}/{self.key or ''}: "
        return f"{who}{self.what}{where}{']' if where else ''}"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What ``verify`` found; no problems means that all of the store was looked at and is whole."""

    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether the store is whole."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A damaged range of a file, in bytes, and where its bytes were kept.

    Both files are relative to the store's folder; ``kept`` is ``""`` where there was nothing to keep.
    """

    what: str
    file: str
    offset: int
    length: int
    kept: str


@dataclass(frozen=True, slots=True)
class Lost:
    """An object that could not be saved, or a change to it.

    Bucket and key are ``None`` where nobody knows.
    """

    why: str
    bucket: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What ``repair`` did. ``ok``: the store opens and is whole again, but for what ``lost`` names."""

    ok: bool
    quarantined: tuple[Quarantined, ...]
    lost: tuple[Lost, ...]
    done: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of the index: the commit that it is at, its size in bytes, its file."""

    sequence: int
    size: int
    path: str


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What ``compact`` did: bytes that it copied, bytes of files that it gave back, packs that it removed."""

    moved_bytes: int
    freed_bytes: int
    packs: int


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What ``backup`` did: the commit that it is at, its size in bytes, and how many of them were written."""

    sequence: int
    size: int
    copied: int


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What ``restore`` did: the commit that the store is at, and what is wrong with it.

    Problems are those of the store that was backed up: the backup itself is whole.
    """

    sequence: int
    size: int
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether the store is whole."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Stats:
    """What a store holds and takes; sizes in bytes.

    ``objects`` counts those that have expired and are not yet deleted too, ``versions`` what is behind them:
    older ones and delete markers; ``uploads`` the open ones and their parts. ``live_bytes`` is the data in
    packs that objects refer to, each chunk once; small objects live in the index and the log instead.
    """

    buckets: int
    objects: int
    versions: int
    uploads: int
    chunks: int
    live_bytes: int
    packs: int
    pack_bytes: int
    index_bytes: int
    snapshots: int
    snapshot_bytes: int
    sequence: int
