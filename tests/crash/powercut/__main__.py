"""Cut the power, from the project's folder:

``PYTHONPATH=tests python -m crash.powercut --seconds 600`` looks at as many states as it can, and names those
that are wrong by a number; ``PYTHONPATH=tests python -m crash.powercut NUMBER`` looks at that one again, in
the recording that was kept of it, or else in a new one of the same seed.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from . import recorder
from .cuts import Cut
from .searching import in_words, kept, searched
from .states import Search
from .workloads import WORKLOADS


def many(seconds: float, seed: int, states: int, workloads: list[str]) -> Iterator[Search]:
    started = time.monotonic()
    for run in itertools.count(seed):
        for workload in workloads:
            if time.monotonic() - started > seconds:
                return
            yield Search(workload, run, states, kept=kept(workload, run))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m crash.powercut", description=__doc__)
    parser.add_argument("number", type=int, nargs="?", help="one state, to see it again")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to go on (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed of the workloads (%(default)s)")
    parser.add_argument("--states", type=int, default=100, help="cuts of each recording (%(default)s)")
    parser.add_argument("--workload", choices=WORKLOADS, action="append", help="only this one, or these")
    said = parser.parse_args()
    searches: Iterator[Search]
    if said.number is None:
        searches = many(said.seconds, said.seed, said.states, said.workload or list(WORKLOADS))
    else:
        cut = Cut.of(said.number)
        print(cut)
        searches = iter([Search(cut.workload, cut.run, only=said.number, kept=kept(cut.workload, cut.run))])
    states = failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for search, report in searched(recorder.build(Path(folder)), searches):
            states += report.states
            failures += len(report.failures)
            print(f"{search.workload} {search.run}: {report.states} states, {len(report.failures)} wrong")
            print(in_words(report), end="", flush=True)
    print(f"{states} states, {failures} wrong")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
