"""Model: what a driver should do, as plainly as it can be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ModelObject:
    """The content and attributes of one version of an object; ``etag`` is what the driver called it."""

    data: bytes
    etag: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""


@dataclass
class ModelBucket:
    """What a bucket holds: for each key its versions, oldest first; ``None`` is a delete marker.

    Without versioning there is at most one version, of the id ``""``.
    """

    versioning: bool = False
    keys: dict[str, dict[str, ModelObject | None]] = field(default_factory=dict)

    def current(self, key: str) -> ModelObject | None:
        versions = self.keys.get(key)
        return list(versions.values())[-1] if versions else None

    def size(self) -> int:
        """The bytes of all versions."""
        return sum(len(each.data) for versions in self.keys.values() for each in versions.values() if each)

    def write(self, key: str, version_id: str, written: ModelObject | None) -> None:
        if not self.versioning:
            self.keys.pop(key, None)
        if written is not None or self.versioning:
            self.keys.setdefault(key, {})[version_id] = written

    def remove(self, key: str, version_id: str) -> None:
        del self.keys[key][version_id]
        if not self.keys[key]:
            del self.keys[key]

    def listing(self, prefix: str = "", delimiter: str = "") -> list[tuple[bytes, bool]]:
        """The entries of a whole listing, in order: a name, and whether it is a common prefix."""
        found = set()
        for key in self.keys:
            if key.startswith(prefix) and self.current(key) is not None:
                at = key.find(delimiter, len(prefix)) if delimiter else -1
                found.add((key.encode(), False) if at < 0 else (key[: at + len(delimiter)].encode(), True))
        return sorted(found)

    def page(
        self, prefix: str, delimiter: str, last: bytes, max_keys: int
    ) -> tuple[list[tuple[bytes, bool]], bool]:
        """The entries of the page that follows the entry ``last``, and whether another page follows."""
        left = [entry for entry in self.listing(prefix, delimiter) if entry[0] > last]
        return left[:max_keys], len(left) > max_keys


def sliced(data: bytes, offset: int, length: int | None) -> bytes | None:
    """What a range of ``data`` reads, ``None`` where it begins past the end."""
    if offset < 0:
        return data[max(0, len(data) + offset) :]
    if offset > len(data):
        return None
    return data[offset:] if length is None else data[offset : offset + length]
