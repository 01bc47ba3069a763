"""ScopedStore: a store in a part of another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from ..errors import InvalidArgumentError, shown
from .arguments import check_affix
from .base import Space, Store, Stored
from .record import Record


class ScopedStore(Store):
    """The records of ``store`` whose keys begin with ``scope`` and a ``/``, under what follows these.

    Scopes nest: the scope ``b`` of the scope ``a`` is the scope ``a/b``, and ``a`` sees its records as those
    that begin with ``b/``. A scope is text without empty parts between its ``/``. Options are put between the
    scope and the key, and leave ``store`` as it is; a namespace is one within the namespace of ``store``.

    It goes by the clock of ``store``, and ``close`` leaves ``store`` open.
    """

    def __init__(self, store: Store, scope: str, **options: Any) -> None:
        if not isinstance(store, Store):
            raise InvalidArgumentError(f"{shown(store)} is no store; give a trove.store.Store")
        if "" in check_affix("scope", scope).split("/"):
            raise InvalidArgumentError(
                f"scope is {shown(scope)}; give text that neither is empty nor begins or ends with '/', nor "
                "has two of them together"
            )
        self._store = store
        self._scope = scope + "/"
        self._batch = store._batch
        super().__init__(clock=store._clock, **options)

    @property
    def name(self) -> str:
        return f"scope {self._scope[:-1]} of {self._store.name}"

    def _inner(self, space: Space, key: str) -> tuple[Space, str]:
        return self._store._space + space, self._store._around(self._scope + key)

    def _check_whole(self, key: str, space: Space, whole: str) -> None:
        super()._check_whole(key, space, whole)
        self._store._check_whole(key, *self._inner(space, whole))

    def _room(self, space: Space) -> int:
        inner, scope = self._inner(space, "")
        return min(super()._room(space), self._store._room(inner) - len(scope))

    def _prepare(self) -> None:
        self._store._be_ready()

    def _read_one(self, key: str) -> Record | None:
        if not self._is_plain(key):
            return super()._read_one(key)
        record = self._store._read_one(self._scope + self._before + key + self._behind)
        return None if record is None else Record(key, record.value, record.expiry)

    def _write_one(self, key: str, value: bytes, expires_at: datetime | None) -> None:
        if not self._is_plain(key):
            super()._write_one(key, value, expires_at)
        else:
            self._store._write_one(self._scope + self._before + key + self._behind, value, expires_at)

    def _is_plain(self, key: str) -> bool:
        """Whether it is a matter of the store below alone, which may have a shorter way."""
        return (
            self._ready
            and not self._closed
            and not self._space
            and type(key) is str
            and 0 < len(key) <= self._fits
            and key.isascii()
        )

    def _load(self, space: Space, key: str) -> Stored | None:
        self._store._be_ready()
        return self._store._load(*self._inner(space, key))

    def _load_many(self, space: Space, keys: Sequence[str]) -> Iterable[Stored | None]:
        self._store._be_ready()
        whole = [self._store._around(self._scope + key) for key in keys]
        return self._store._load_many(self._store._space + space, whole)

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        self._store._be_ready()
        self._store._save(*self._inner(space, key), stored)

    def _drop(self, space: Space, key: str) -> None:
        self._store._be_ready()
        self._store._drop(*self._inner(space, key))

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        self._store._be_ready()
        for key in self._store._within(space, self._scope + prefix, suffix, now):
            own = key[len(self._scope) :]
            if own.endswith(suffix):  # and not only together with the scope
                yield own
