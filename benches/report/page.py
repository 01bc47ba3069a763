"""The page: docs/benchmarks.md, out of the results of one machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ..figures.turns import shown_time
from .results import Group

INTRODUCTION = """\
# Benchmarks

Trove's drivers beside what people embed today, in one run on one machine. This page is made by
`python -m benches.report`; to measure your own machine:

```sh
make report                                                     # all of it, and this page
```

or step by step:

```sh
pip install -e '.[bench]'
pytest benches --benchmark-only --benchmark-json=results.json   # every group, every contestant
python -m benches.figures --json figures.json                   # the project's own targets
python -m benches.scale --json scale.json                       # cost by number of objects
python -m benches.report results.json --figures figures.json --scale scale.json
```

How to read it:

- A group compares like with like, and its name says how durable an acknowledged write is: `durable` survives
  a loss of power, `relaxed` the end of the process, `memory` nothing. Reads don't depend on
  flushes and are measured once for each store, those of stores in memory apart.
- Times are medians for one operation, and *spread* is the range of the middle half of the rounds. Contents
  are random and all different, but for `put-known`. Stores are warm, in the page cache.
- Peers do what they do and no more: most keep no checksum, etag, content type or metadata, and a file that
  `fsspec` overwrites can be read half-written. `list` gives keys and sizes, but keys alone from rocksdict.
- Groups that begin with `record` are of records of 100 bytes in `trove.store`: `list` is of the 100 under a
  prefix, and `expire` frees 1,000 that are due.
"""

NOTES = Path(__file__).with_name("notes.md")
"""What explains the targets that were missed; written by hand."""

QUICK = """\
**This was a quick run, which only shows that everything works: its times say nothing.**
"""


def page(
    document: dict[str, Any],
    listed: Sequence[Group],
    figures: dict[str, Any] | None,
    scale: dict[str, Any] | None,
    charts: str,
) -> str:
    """The whole page in Markdown; ``charts`` is the folder of the charts as the page names it."""
    parts = [INTRODUCTION]
    if document["machine_info"]["quick"] or (figures and figures["quick"]):
        parts.append(QUICK)
    parts += _machine(document)
    if figures:
        parts += _figures(figures)
        parts.append(NOTES.read_text(encoding="utf-8"))
    parts += _losses(listed)
    for verb, members in groupby(listed, key=lambda group: group.verb):
        parts.append(f"## {verb}\n")
        for group in members:
            parts += _group(group, charts)
    if scale:
        parts += _scale(scale, charts)
    return "\n".join(parts)


def _machine(document: dict[str, Any]) -> Iterator[str]:
    machine = document["machine_info"]
    yield "## The machine\n"
    yield "| what | value |\n|---|---|"
    for name, value in (
        ("processor", f"{machine['processor']}, {machine['cores']} cores"),
        ("memory", f"{machine['memory_gib']} GiB"),
        ("kernel", machine["kernel"]),
        ("file system", machine["file_system"]),
        ("Python", machine["python"]),
        ("measured", document["datetime"][:10]),
    ):
        yield f"| {name} | {_cell(str(value))} |"
    yield ""


def _figures(figures: dict[str, Any]) -> Iterator[str]:
    yield "## Targets\n"
    yield "Ratios are of times or throughputs taken in turns within one run; a missed target says so.\n"
    yield "| figure | target | measured | | note |\n|---|---|---|---|---|"
    for figure in figures["figures"]:
        verdict = {True: "met", False: "**missed**", None: "not measured"}[figure["met"]]
        measured = _measured(figure["value"], figure["unit"])
        cells = (figure["what"], figure["target"], measured, verdict, figure["note"])
        yield "| " + " | ".join(_cell(cell) for cell in cells) + " |"
    yield ""


def _measured(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    number = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return f"{number} {unit}" if unit != "x" else f"{number}x"


def _losses(listed: Sequence[Group]) -> Iterator[str]:
    """Every group that a peer wins, the worst first."""
    lost = []
    for group in listed:
        ours = group.best_of_ours
        if ours is not None and not group.fastest.ours:
            lost.append((ours.seconds / group.fastest.seconds, group, ours))
    lost.sort(key=lambda loss: -loss[0])
    with_ours = sum(group.best_of_ours is not None for group in listed)
    yield "## Where Trove is not the fastest\n"
    yield f"{len(lost)} of {with_ours} groups are won by a peer:\n"
    if lost:
        yield "| group | fastest | time | Trove's best | time | slower by |\n|---|---|---:|---|---:|---:|"
    for factor, group, ours in lost:
        yield (
            f"| {group.name} | {group.fastest.contestant} | {shown_time(group.fastest.seconds)} "
            f"| {ours.contestant} | {shown_time(ours.seconds)} | {factor:.1f}x |"
        )
    yield ""


def _group(group: Group, charts: str) -> Iterator[str]:
    yield f"### {group.name}\n"
    yield f"![{group.name}]({charts}/{group.name}.svg)\n"
    rate = "MB/s" if group.size else "a second"
    yield f"| | time | spread | {rate} | to the fastest |\n|---|---:|---:|---:|---:|"
    for result in group.results:
        name = f"**{result.contestant}**" if result.ours else result.contestant
        speed = group.size / result.seconds / 1e6 if group.size else 1 / result.seconds
        factor = result.seconds / group.fastest.seconds
        yield (
            f"| {name} | {shown_time(result.seconds)} | {shown_time(result.spread)} "
            f"| {speed:,.1f} | {factor:.2f}x |"
        )
    yield ""


def _scale(scale: dict[str, Any], charts: str) -> Iterator[str]:
    steps = sorted({cost["objects"] for cost in scale["costs"]})
    seconds = {(c["verb"], c["contestant"], c["objects"]): c["seconds"] for c in scale["costs"]}
    yield "## How cost grows\n"
    yield "The median time for one call, by the number of 1 KiB objects in the store; writes are relaxed.\n"
    for verb in dict.fromkeys(cost["verb"] for cost in scale["costs"]):
        yield f"### {verb}\n"
        yield f"![{verb}]({charts}/{scale_chart(verb)})\n"
        yield "| | " + " | ".join(f"{step:,}" for step in steps) + " | growth |"
        yield "|---|" + "---:|" * (len(steps) + 1)
        for name in dict.fromkeys(c["contestant"] for c in scale["costs"] if c["verb"] == verb):
            times = [seconds[verb, name, step] for step in steps]
            cells = [shown_time(time) for time in times] + [f"{times[-1] / times[0]:.2f}x"]
            yield f"| {name} | " + " | ".join(cells) + " |"
        yield ""


def scale_chart(verb: str) -> str:
    """The file name of the chart that shows how the cost of ``verb`` grows."""
    return f"scale-{verb.replace(' ', '-')}.svg"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
