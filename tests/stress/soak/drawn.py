"""The charts of a soak, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from .soak import Soak

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 240, 80, 130, 40, 30
COLOURS = ("#2f6fde", "#d9822b", "#3d9a50", "#a1459b", "#c23b3b")


def chart(title: str, unit: str, series: Mapping[str, Sequence[float]]) -> str:
    """Lines over the samples, from zero up."""
    most = max((value for line in series.values() for value in line), default=0.0) or 1.0
    parts = [_text(10, 22, f"{title}, {unit}", "start")]
    for part in (0.0, 0.5, 1.0):
        y = HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#dfe3e8"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{part * most:,.3g}", "end"))
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [
            (
                LEFT + (WIDTH - LEFT - RIGHT) * at / max(1, len(line) - 1),
                HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / most,
            )
            for at, value in enumerate(line)
        ]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(WIDTH - RIGHT + 8, TOP + 16 * number, name, "start", colour))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#22262b") -> str:
    style = f'font-size="12" text-anchor="{anchor}" fill="{colour}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'


def draw(soak: Soak, folder: Path) -> list[Path]:
    """Write the charts of ``soak`` into ``folder``; their paths."""
    mib = 1 << 20
    charts = {
        "memory": chart(
            "Memory of each process",
            "MiB",
            {
                f"worker {number}": [sample["memory"] / mib for sample in samples]
                for number, samples in enumerate(soak.workers)
            },
        ),
        "space": chart(
            "Space",
            "MiB",
            {part: [sample[part] / mib for sample in soak.store] for part in ("live", "packs", "index")},
        ),
        "latencies": chart(
            "Latency, 99 of 100 calls",
            "ms",
            {
                kind: [1000 * value for value in soak.quantile(kind, "p99")]
                for kind in ("put", "get", "delete", "list", "stream")
            },
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, drawn in charts.items():
        paths.append(folder / f"{name}.svg")
        paths[-1].write_text(drawn, encoding="utf-8")
    return paths
