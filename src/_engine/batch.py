"""Batch: several changes in one atomic commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, Unpack

from trove.errors import InvalidArgumentError

if TYPE_CHECKING:
    from trove.driver import Data, ObjectInfo, PutOptions

    from .engine import Engine


class Batch:
    """Collects puts, copies and deletes; leaving the ``with`` block commits all of them, or none.

    Data is read, and large data is in the log, when ``put`` returns; nobody sees any of it before the
    commit. An exception in the block, or a condition that does not hold, leaves the store as it was.
    After the block ``results`` has what each call would have returned: infos, and ``None`` for deletes.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._changes: list[object] | None = []
        self.results: list[ObjectInfo | None] = []

    def put(self, bucket: str, key: str, data: Data, **options: Unpack[PutOptions]) -> None:
        """As the driver's ``put``."""
        self._add("put", (bucket, key, data), dict(options))

    def copy(
        self,
        src_bucket: str,
        src_key: str,
        dst_bucket: str,
        dst_key: str,
        *,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """As the driver's ``copy``; it sees what the batch did before."""
        self._add("copy", (src_bucket, src_key, dst_bucket, dst_key), {"metadata": metadata})

    def delete(self, bucket: str, key: str) -> None:
        """As the driver's ``delete``."""
        self._add("delete", (bucket, key), {})

    def _add(self, method: str, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        if self._changes is None:
            raise InvalidArgumentError("this batch is over; begin another with driver.batch()")
        self._changes.append(self._engine.staged(method, args, options))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        changes, self._changes = self._changes, None
        if kind is None and changes:
            self.results = self._engine.commit_staged(changes)
