"""SVG charts: horizontal bars for a group, lines for growth. Both on logarithmic scales, which they say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from ..figures.turns import shown_time
from .results import Group

OURS, THEIRS = "#2f6fde", "#9aa3ad"
LINES = ("#2f6fde", "#d9822b", "#3d9a50", "#a1459b", "#c23b3b", "#5b6570")
INK, FAINT, PAPER = "#22262b", "#dfe3e8", "#ffffff"
WIDTH = 760
LEFT, RIGHT, TOP, BOTTOM = 150, 90, 44, 30
BAR, GAP = 18, 6


def bars(group: Group) -> str:
    """The time for one operation of every contestant, the fastest on top."""
    low, high = _decades([result.seconds for result in group.results])
    height = TOP + len(group.results) * (BAR + GAP) + BOTTOM
    parts = [_text(10, 22, f"{group.name}: time for one operation, logarithmic", size=14, bold=True)]
    parts += _grid(low, high, height)
    for row, result in enumerate(group.results):
        y = TOP + row * (BAR + GAP)
        end = _x(result.seconds, low, high)
        fill = OURS if result.ours else THEIRS
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" height="{BAR}" fill="{fill}"/>')
        parts.append(_text(LEFT - 8, y + 13, result.contestant, anchor="end", bold=result.ours))
        parts.append(_text(end + 6, y + 13, shown_time(result.seconds)))
    return _document(height, parts)


def lines(title: str, series: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """Seconds by number of objects, one line for each name."""
    height = 320
    points = [point for line in series.values() for point in line]
    low, high = _decades([seconds for _, seconds in points])
    first, last = min(count for count, _ in points), max(count for count, _ in points)
    across = math.log(last / first) or 1.0

    def place(count: int, seconds: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * math.log(count / first) / across
        y = height - BOTTOM - (height - TOP - BOTTOM) * math.log(seconds / low) / math.log(high / low)
        return x, y

    parts = [
        _text(10, 22, f"{title}: time for one call by objects in the store, logarithmic", size=14, bold=True)
    ]
    for decade in _powers(low, high):
        _, y = place(first, decade)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{FAINT}"/>')
        parts.append(_text(LEFT - 8, y + 4, shown_time(decade), anchor="end"))
    for count in sorted({count for count, _ in points}):
        x, _ = place(count, low)
        parts.append(_text(x, height - 10, f"{count:,}", anchor="middle"))
    for number, (name, line) in enumerate(series.items()):
        colour = LINES[number % len(LINES)]
        placed = [place(*point) for point in line]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed]
        parts.append(_text(placed[-1][0] + 8, placed[-1][1] + 4, name, colour=colour))
    return _document(height, parts)


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """The powers of ten around ``values``, with room to see the smallest."""
    low = 10.0 ** math.floor(math.log10(min(values) * 0.8))
    high = 10.0 ** math.ceil(math.log10(max(values)))
    return low, max(high, low * 10)


def _powers(low: float, high: float) -> list[float]:
    return [low * 10**step for step in range(round(math.log10(high / low)) + 1)]


def _x(seconds: float, low: float, high: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(seconds / low) / math.log(high / low)


def _grid(low: float, high: float, height: int) -> Iterator[str]:
    for decade in _powers(low, high):
        x = _x(decade, low, high)
        yield f'<path d="M{x:.1f} {TOP - 6}V{height - BOTTOM}" stroke="{FAINT}"/>'
        yield _text(x, height - 12, shown_time(decade), anchor="middle")


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    anchor: str = "start",
    bold: bool = False,
    colour: str = INK,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"{weight}>'
        f"{escape(text)}</text>"
    )


def _document(height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )
