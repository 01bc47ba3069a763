"""Faults in the name and the end."""

from __future__ import annotations

import builtins
from typing import Any

from trove.store import MemoryStore

from .fault import caught_by


@caught_by(
    "test_close_by_the_with_statement",
    "test_close_ends_every_call",
)
class WorksWhenClosed(MemoryStore):
    """Listing goes on after close."""

    def list(self, **options: Any) -> builtins.list[str]:
        return [] if self._closed else super().list(**options)


@caught_by(
    "test_close_ends_every_call",
    "test_name",
)
class HasNoName(MemoryStore):
    """Its name is empty."""

    @property
    def name(self) -> str:
        return ""


@caught_by(
    "test_close_by_the_with_statement",
    "test_close_ends_a_scan",
    "test_close_ends_every_call",
    "test_close_twice",
)
class ClosesOnce(MemoryStore):
    """Closing it again is an error."""

    def close(self) -> None:
        self._check_open()
        super().close()
