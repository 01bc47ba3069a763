"""EngineDriver: the embedded store, ``trove:///path``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Unpack

from trove._engine.batch import Batch
from trove._engine.engine import Engine

from ..driver import Data, ObjectInfo, PutOptions, RangeDriver, ServerCopyDriver


class EngineDriver(Engine, RangeDriver, ServerCopyDriver):
    """A store in a folder: ``trove:///absolute/path`` or ``trove://./relative``, made when it is not there.

    Settings, in the DSN or as options of ``open``:

    - ``durability``: ``full`` (the default) flushes every write to the disk before it returns,
      ``relaxed`` about once a second; either way no write is lost when a process dies;
    - ``verify``: chunks are held against their ids the ``first`` time this process reads them (the
      default), ``always`` or ``never``;
    - ``mode``: ``rw`` (the default), or ``r``, which writes nothing;
    - for a new store: ``chunk_size``, the average in bytes, and ``hash``, ``xxh3`` or ``blake3``.

    Any number of threads and processes may have a store open at once, and a fork may use it on. Its
    readers have ``view()`` too: the range as read-only memory, without a copy where it is contiguous.
    """

    def batch(self) -> Batch:
        """Several puts, copies and deletes in one atomic commit, at the end of a ``with`` block."""
        return Batch(self)

    def put_many(
        self,
        bucket: str,
        items: Mapping[str, Data] | Iterable[tuple[str, Data]],
        **options: Unpack[PutOptions],
    ) -> list[ObjectInfo]:
        """Put all of ``items``, pairs of key and data, in one atomic commit; their infos, in order."""
        with self.batch() as batch:
            for key, data in items.items() if isinstance(items, Mapping) else items:
                batch.put(bucket, key, data, **options)
        return [info for info in batch.results if info is not None]
