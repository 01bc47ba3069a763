"""Figure: one target, what was measured, and whether that meets it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    ``value`` is in ``unit`` and meets the target when it is at most ``bound`` (``at_least``: at least); it is
    ``None`` when there was nothing to measure, and ``note`` says why.
    """

    what: str
    target: str
    bound: float
    value: float | None
    unit: str = "x"
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    @property
    def measured(self) -> str:
        if self.value is None:
            return "-"
        number = f"{self.value:,.0f}" if self.value >= 1000 else f"{self.value:.3g}"
        return f"{number}{self.unit}" if self.unit in ("x", "/s") else f"{number} {self.unit}"

    @property
    def verdict(self) -> str:
        return {True: "met", False: "missed", None: "not measured"}[self.met]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


def table(figures: list[Figure]) -> Iterator[str]:
    """The lines of a table for the terminal."""
    rows = [("figure", "target", "measured", "", "")]
    rows += [(f.what, f.target, f.measured, f.verdict, f.note) for f in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)]
        yield "  ".join([*cells, row[4]]).rstrip()
        if number == 0:
            yield "  ".join("-" * width for width in widths[:4])
