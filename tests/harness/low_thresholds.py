"""Thresholds of compaction so low that packs of a store of some hundred KiB are given up and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trove._engine import compact

if TYPE_CHECKING:
    import pytest

KIB = 1 << 10
LOW = {
    "SLICE": 64 * KIB,
    "ACTIVE_DEAD": 16 * KIB,
    "LEAST_GAIN": KIB,
    "KEPT_LEAST": 8 * KIB,
    "KEPT_MOST": 32 * KIB,
}


def lower(until: pytest.MonkeyPatch | None = None) -> None:
    """Set them for this process, or for the test that ``until`` is of."""
    for name, value in LOW.items():
        if until is None:
            setattr(compact, name, value)
        else:
            until.setattr(compact, name, value)
