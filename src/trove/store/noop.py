"""NoopStore: takes records and keeps none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from .base import Space, Store, Stored


class NoopStore(Store):
    """Takes every sound record, keeps nothing and finds nothing: ``noop://``."""

    @property
    def name(self) -> str:
        return "noop"

    def _load(self, space: Space, key: str) -> Stored | None:
        return None

    def _save(self, space: Space, key: str, stored: Stored) -> None:
        """Nothing is kept."""

    def _drop(self, space: Space, key: str) -> None:
        """Nothing was kept."""

    def _keys(self, space: Space, prefix: str, suffix: str, now: datetime) -> Iterator[str]:
        return iter(())
