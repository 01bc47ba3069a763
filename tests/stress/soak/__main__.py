"""A soak by hand: ``python -m stress.soak --seconds 3600 --out FOLDER``."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from .drawn import draw
from .soak import soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stress.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long, in all (default: 60)")
    parser.add_argument("--each", type=float, default=300.0, help="how long one store is used (default: 300)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--threads", type=int, default=2, help="threads in each (default: 2)")
    parser.add_argument("--durability", choices=("full", "relaxed"), default="relaxed")
    parser.add_argument("--folder", help="where the stores are to be (default: a temporary folder)")
    parser.add_argument("--out", default=".soak", help="where the charts go (default: .soak)")
    given = parser.parse_args()
    end = time.monotonic() + given.seconds
    number, calls = 0, 0
    while (left := end - time.monotonic()) > 1:
        number += 1
        folder = Path(tempfile.mkdtemp(prefix="trove-soak-", dir=given.folder))
        try:
            seconds = min(left, given.each)
            seen = soak(
                folder,
                seconds,
                every=seconds / 60,
                workers=given.workers,
                threads=given.threads,
                durability=given.durability,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        calls += seen.calls()
        last = seen.store[-1]
        print(
            f"store {number}: {seen.calls():,} calls in {seconds:.0f} s, all answers right; "
            f"put p99 {1000 * max(seen.quantile('put', 'p99')):.2f} ms, "
            f"get p99 {1000 * max(seen.quantile('get', 'p99')):.2f} ms; "
            f"memory {max(samples[-1]['memory'] for samples in seen.workers) >> 20} MiB; "
            f"{last['packs'] >> 20} MiB of packs for {last['live'] >> 20} MiB",
            flush=True,
        )
        draw(seen, Path(given.out))
    print(f"{calls:,} calls on {number} stores; charts in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
