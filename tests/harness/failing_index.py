"""An index whose commits fail, or are the last thing that their process does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import lmdb

if TYPE_CHECKING:
    import pytest

Step = Callable[[], None]


class FailingIndex:
    """Every environment that LMDB opens from now on: ``commit`` and ``begin_write`` come before its own.

    What the first one raises is what LMDB gives when it can't commit: nothing of the transaction is left.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commit: Step | None = None
        self.begin_write: Step | None = None
        self.after_abort: Step | None = None  # of a transaction that could not be committed
        real = lmdb.open

        def opened(*args: Any, **options: Any) -> Environment:
            return Environment(real(*args, **options), self)

        monkeypatch.setattr(lmdb, "open", opened)


class Environment:
    def __init__(self, real: Any, faults: FailingIndex) -> None:
        self._real, self._faults = real, faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def begin(self, db: Any = None, parent: Any = None, write: bool = False, buffers: bool = False) -> Any:
        if not write:
            return self._real.begin(db, parent, write, buffers)
        if self._faults.begin_write is not None:
            self._faults.begin_write()
        return Transaction(self._real.begin(db, parent, write, buffers), self._faults)


class Transaction:
    def __init__(self, real: Any, faults: FailingIndex) -> None:
        self._real, self._faults = real, faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def commit(self) -> None:
        if self._faults.commit is not None:
            try:
                self._faults.commit()
            except BaseException:
                self._real.abort()
                if self._faults.after_abort is not None:
                    self._faults.after_abort()
                raise
        self._real.commit()
