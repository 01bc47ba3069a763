"""What a bucket of the memory driver holds: for each key a chain of versions, oldest first."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from ...driver import Attributes, BucketInfo, Conditions, LifecycleRule, ObjectInfo, PartInfo, Quota


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or a delete marker: then ``data`` is ``None``."""

    info: ObjectInfo
    data: bytes | None
    expires_at: datetime | None = None

    def readable(self, now: datetime) -> bool:
        """Whether this version, as the newest of its key, is an object at ``now``."""
        return self.data is not None and not self.expired(now)

    def expired(self, now: datetime) -> bool:
        """Whether its ``expires_at`` is over at ``now``, as :meth:`Attributes.expired` has it."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(slots=True)
class Upload:
    """An open multipart upload with the parts sent so far."""

    key: str
    attributes: Attributes
    conditions: Conditions
    initiated: datetime
    parts: dict[int, tuple[PartInfo, bytes]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The bytes of its parts."""
        return sum(part.size for part, _ in self.parts.values())


class Bucket:
    """The chains of one bucket. Not thread-safe: the driver's lock is held around every call."""

    def __init__(self, info: BucketInfo) -> None:
        self.info = info
        self.versioning = False
        self.rules: list[LifecycleRule] = []
        self.uploads: dict[str, Upload] = {}
        self.quota = Quota()
        self.used_bytes = 0  # of versions and parts
        self.used_objects = 0  # versions that are no delete markers
        self._chains: dict[str, list[Version]] = {}
        self._keys: list[str] = []  # those of _chains, in order

    def __len__(self) -> int:
        return len(self._keys)

    def keys_from(self, start: str) -> Iterator[str]:
        """The keys from ``start`` on, in order; those behind a delete marker too."""
        for index in range(bisect_left(self._keys, start), len(self._keys)):
            yield self._keys[index]

    def all_keys(self) -> list[str]:
        return list(self._keys)

    def chain(self, key: str) -> tuple[Version, ...]:
        """The versions of ``key``, oldest first."""
        return tuple(self._chains.get(key, ()))

    def newest(self, key: str) -> Version | None:
        chain = self._chains.get(key)
        return chain[-1] if chain else None

    def current(self, key: str, now: datetime) -> Version | None:
        """The version that ``get`` reads, ``None`` when there is no object at ``now``."""
        newest = self.newest(key)
        return newest if newest is not None and newest.readable(now) else None

    def find(self, key: str, version_id: str) -> Version | None:
        for version in self._chains.get(key, ()):
            if version.info.version_id == version_id:
                return version
        return None

    def push(self, key: str, version: Version) -> None:
        """Make ``version`` the newest one; one without an id takes the place of the other without."""
        if not version.info.version_id:
            self.remove(key, "")
        if key not in self._chains:
            insort(self._keys, key)
            self._chains[key] = []
        self._chains[key].append(version)
        self._count(version, 1)

    def replace_newest(self, key: str, version: Version) -> None:
        self._chains[key][-1] = version

    def remove(self, key: str, version_id: str) -> None:
        """Take one version out, if it is there."""
        chain = []
        for each in self._chains.get(key, ()):
            if each.info.version_id == version_id:
                self._count(each, -1)
            else:
                chain.append(each)
        if chain:
            self._chains[key] = chain
        elif self._chains.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def _count(self, version: Version, sign: int) -> None:
        if version.data is not None:
            self.used_bytes += sign * version.info.size
            self.used_objects += sign


def content_of(version: Version) -> bytes:
    """The data of a version that is no delete marker."""
    if version.data is None:
        raise ValueError("a delete marker has no data")
    return version.data
