"""``python -m benches.report results.json``: make docs/benchmarks.md and its charts out of results."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from .page import page, scale_chart
from .results import groups
from .svg import bars, lines

CHARTS = "benchmarks"
"""The folder of the charts, beside the page."""


def write(
    docs: Path, results: dict[str, Any], figures: dict[str, Any] | None, scale: dict[str, Any] | None
) -> None:
    """Write the page and its charts into ``docs``; charts of an earlier page go."""
    listed = groups(results)
    charts = docs / CHARTS
    charts.mkdir(parents=True, exist_ok=True)
    for chart in charts.glob("*.svg"):
        chart.unlink()
    for group in listed:
        (charts / f"{group.name}.svg").write_text(bars(group), encoding="utf-8")
    for verb in dict.fromkeys(cost["verb"] for cost in scale["costs"]) if scale else ():
        series: dict[str, list[tuple[int, float]]] = {}
        for cost in scale["costs"] if scale else ():
            if cost["verb"] == verb:
                series.setdefault(cost["contestant"], []).append((cost["objects"], cost["seconds"]))
        (charts / scale_chart(verb)).write_text(lines(verb, series), encoding="utf-8")
    text = page(results, listed, figures, scale, CHARTS)
    (docs / "benchmarks.md").write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.report", description=__doc__)
    parser.add_argument("results", type=Path, help="what --benchmark-json wrote")
    parser.add_argument("--figures", type=Path, metavar="FILE", help="what benches.figures --json wrote")
    parser.add_argument("--scale", type=Path, metavar="FILE", help="what benches.scale --json wrote")
    parser.add_argument("--docs", type=Path, default=Path("docs"), metavar="FOLDER")
    given = parser.parse_args()

    def read(path: Path | None) -> dict[str, Any] | None:
        return None if path is None else dict(json.loads(path.read_text(encoding="utf-8")))

    try:
        results = read(given.results) or {}
        write(given.docs, results, read(given.figures), read(given.scale))
    except (OSError, ValueError) as error:
        print(f"no report: {error}", file=sys.stderr)
        return 1
    print(f"wrote {given.docs / 'benchmarks.md'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
