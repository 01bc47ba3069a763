"""``python -m benches.figures``: measure the figures, print the table, keep it as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from trove.errors import TroveError
from trove.testing.benchmarks.machine import describe

from . import ageing, chunking, cold, compacting, expiring, keeping, large, many, records, small, streaming
from .bench import GIB, QUICK, Amount, Bench, UnavailableError
from .figure import Figure, table

DSN = "trove://{folder}?durability={durability}"

MEASURED: tuple[tuple[str, Callable[[Bench], Iterator[Figure]]], ...] = (
    ("put 1 KiB, relaxed", small.put_relaxed),
    ("put 1 KiB, full", small.put_full),
    ("put 1 KiB, full, threads", small.put_full_threads),
    ("get 1 KiB", small.get),
    ("head and delete", small.head_and_delete),
    ("put of large objects", large.put_large),
    ("put of what is stored already", large.put_known),
    ("get of large objects", large.get_large),
    ("view", large.view),
    ("copy of a huge object", large.copy_huge),
    ("streaming", streaming.streaming),
    ("many objects", many.many),
    ("versions", keeping.versions),
    ("uploads in parts", keeping.parts),
    ("events", keeping.events),
    ("lifecycle rules", ageing.rules),
    ("write records", records.write),
    ("read records", records.read),
    ("list records", records.listing),
    ("expiry of records", expiring.expiry),
    ("compaction", compacting.compaction),
    ("cold objects", cold.cold),
    ("chunker", chunking.chunking),
)


def measure(bench: Bench, only: str, say: Callable[[str], object]) -> list[Figure]:
    """All figures whose title holds ``only``; ``say`` is told what is being measured."""
    figures: list[Figure] = []
    for title, function in MEASURED:
        if only not in title:
            continue
        say(title)
        begin = time.perf_counter()
        try:
            # One by one: what was measured stays when the next line can't be.
            for figure in function(bench):
                figures.append(figure)
        except (UnavailableError, TroveError) as error:
            figures.append(Figure(title, "", 0.0, None, note=str(error)))
        bench.close()
        say(f"  {time.perf_counter() - begin:.1f} s")
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.figures", description=__doc__)
    parser.add_argument("--dsn", default=DSN, help="the driver, with {folder} and {durability} in it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()), metavar="FOLDER")
    parser.add_argument("--only", default="", metavar="TEXT", help="only lines with this in their title")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs")
    parser.add_argument("--many", type=int, metavar="N", help="objects in the large store")
    parser.add_argument("--stream", type=float, metavar="GIB", help="size of the streamed object")
    given = parser.parse_args()

    amount = QUICK if given.quick else Amount()
    if given.many:
        amount = replace(amount, many=given.many)
    if given.stream:
        amount = replace(amount, stream=int(given.stream * GIB))
    with Bench(given.dsn, given.dir, amount) as bench:
        figures = measure(bench, given.only, lambda text: print(text, file=sys.stderr, flush=True))
    print("\n".join(table(figures)))
    if given.json:
        document = {
            "machine": describe(given.dir),
            "dsn": given.dsn,
            "quick": given.quick,
            "figures": [figure.to_json() for figure in figures],
        }
        given.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
