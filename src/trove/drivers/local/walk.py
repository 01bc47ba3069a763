"""Walking the keys of a bucket in the order of their UTF-8 bytes, folder by folder, as far as is asked.

The names in a folder are in no order, and a folder's place among the keys is not that of its name (``a.b``
comes between the keys ``a`` and ``a/b``). So the walk keeps a heap of what it knows of: keys, and folders
not yet read, under the lowest text that a key in them can begin with. The least of them is either the next
key, or the next folder to read.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from ...driver.options import MAX_KEY_BYTES
from .folder import Folder
from .names import CONTINUED, DISPLACED, component_of, folder_path, fragment_of

_SCANS = 3


class _Place(NamedTuple):
    """A folder: its path, the keys' prefix up to its component, and the pieces of that so far."""

    path: tuple[bytes, ...]
    prefix: str
    pieces: tuple[bytes, ...] = ()


_Item = tuple[str, int, _Place | None]


class Walk:
    """One walk over the keys that begin with ``prefix``, which goes forward only."""

    def __init__(self, bucket: Folder, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._start = prefix
        self._numbers = count(1)
        top = prefix[: prefix.rfind("/") + 1]
        place = _Place(tuple(folder_path(top)), top)
        self._heap: list[_Item] = [(top, next(self._numbers), place)]

    def keys_from(self, start: str) -> Iterator[str]:
        """The keys from ``start`` on, which is not before any that was given already."""
        self._start = max(self._start, start)
        last = None
        while self._heap:
            lowest, _, place = heapq.heappop(self._heap)
            if place is not None:
                if self._wanted(lowest):
                    self._read(place)
            # A key can have two files, when another program copied one to its displaced name.
            elif lowest >= self._start and lowest != last:
                last = lowest
                yield lowest

    def _wanted(self, lowest: str) -> bool:
        """Whether keys that begin with ``lowest`` can be asked for."""
        reaches_start = lowest >= self._start or self._start.startswith(lowest)
        return reaches_start and (lowest.startswith(self._prefix) or self._prefix.startswith(lowest))

    def _read(self, place: _Place) -> None:
        folder = self._bucket.descend(place.path)
        if folder is None:
            return
        with folder:
            found: dict[bytes, tuple[bool, bool]] = {}
            for _ in range(_SCANS):
                # A name that changes during a scan may be left out of it: then look again.
                before = folder.status().st_mtime_ns
                found.update((name, (is_folder, is_file)) for name, is_folder, is_file in folder.entries())
                if folder.status().st_mtime_ns == before:
                    break
        for name, (is_folder, is_file) in found.items():
            if is_folder:
                item = self._folder(place, name)
            elif is_file:
                item = self._file(place, name)
            else:
                continue
            if item is not None and len(item[0].encode()) <= MAX_KEY_BYTES and self._wanted(item[0]):
                heapq.heappush(self._heap, item)

    def _folder(self, place: _Place, name: bytes) -> _Item | None:
        pieces = (*place.pieces, name)
        path = (*place.path, name)
        if name.endswith(CONTINUED):
            fragment = fragment_of(pieces)
            if fragment is None:
                return None
            return place.prefix + fragment, next(self._numbers), _Place(path, place.prefix, pieces)
        component = component_of(pieces)
        if component is None:
            return None
        prefix = f"{place.prefix}{component}/"
        return prefix, next(self._numbers), _Place(path, prefix)

    def _file(self, place: _Place, name: bytes) -> _Item | None:
        component = component_of((*place.pieces, name.removesuffix(DISPLACED)))
        return None if component is None else (place.prefix + component, 0, None)
