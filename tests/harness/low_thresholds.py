"""Thresholds of compaction so low that packs of a store of some hundred KiB are given up and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trove._engine import compact, moving

if TYPE_CHECKING:
    import pytest

KIB = 1 << 10
LOW = (
    (moving, "SLICE", 64 * KIB),
    (compact, "ACTIVE_DEAD", 16 * KIB),
    (compact, "LEAST_GAIN", KIB),
    (compact, "KEPT_LEAST", 8 * KIB),
    (compact, "KEPT_MOST", 32 * KIB),
)


def lower(until: pytest.MonkeyPatch | None = None) -> None:
    """Set them for this process, or for the test that ``until`` is of."""
    for module, name, value in LOW:
        if until is None:
            setattr(module, name, value)
        else:
            until.setattr(module, name, value)
