"""The states of one recording, each checked; run with the recorder preloaded. Prints a JSON report.

The checks are made in a forked child, which the worst of states can end without ending the search.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TextIO

from harness import low_thresholds

from . import forked
from .cuts import VARIATIONS, Checker, Cut, boundaries, some_cuts
from .planted import PLANTED, is_flush
from .recording import Recording, load, record
from .trace import Kind

LARGEST = 256 << 20  # bytes that a file may have: a store run wild must not fill the disk


@dataclass(frozen=True)
class Search:
    """What is looked for. Of every ``again_every``-th cut the recovery is cut, ``again`` times."""

    workload: str
    run: int = 0
    states: int = 50
    again_every: int = 10
    again: int = 5
    planted: str = ""
    enough: int = 0  # failures, to look no further; 0 for all
    clean: bool = False  # only from the moment on when the state says so for the last time
    only: int = 0  # the number of the one state that is checked
    kept: str = ""  # where the recording goes when something is wrong, and is then looked for

    def cuts(self, recording: Recording) -> list[Cut]:
        if self.only:
            return [Cut.of(self.only)]
        cuts = some_cuts(self.workload, self.run, recording.events, self.states)
        if self.clean:
            flushes = [is_flush(event, Kind.FLUSHED, "/state") for event in recording.events]
            last = len(flushes) - flushes[::-1].index(True)
            moments = [moment for moment in boundaries(recording.events) if moment >= last]
            rng = random.Random(f"{self}")
            cuts = [replace(cut, moment=rng.choice(moments)) for cut in cuts]
        cuts = sorted(set(cuts))
        if self.enough:
            random.Random(repr(self)).shuffle(cuts)
        return cuts


@dataclass
class Report:
    states: int = 0
    failures: dict[str, str] = field(default_factory=dict)  # what was wrong, by the number of the state


def searched(search: Search, place: Path) -> Report:
    """The report of a search, which has the folder ``place`` for itself."""
    folder = Path(search.kept)
    if not search.only or not search.kept or not folder.exists():
        folder = place / "recording"
        record(search.workload, search.run, folder)
    recording = load(folder)
    if search.planted:
        recording = replace(recording, events=PLANTED[search.planted](recording.events))
    report = Report()
    todo = search.cuts(recording)
    while todo:
        todo = todo[in_child(search, recording, todo, place, report) :]
    if report.failures and search.kept and folder != Path(search.kept):
        shutil.rmtree(search.kept, ignore_errors=True)
        shutil.copytree(folder, search.kept)
    return report


def in_child(search: Search, recording: Recording, cuts: list[Cut], place: Path, report: Report) -> int:
    """Check cuts in a child, for as long as it lives; with how many it is done."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        status = 1
        try:
            forked.use()
            if search.workload == "compacting":
                low_thresholds.lower()  # and who opens the store afterwards compacts it, too
            resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, LARGEST))
            with open(writer, "w", buffering=1) as output:
                check(search, Checker(recording, place), cuts, output)
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    os.close(writer)
    done, current = 0, cuts[0].number
    with open(reader) as lines:
        for line in lines:
            at, number, wrong = json.loads(line)
            done, current = at + 1, number
            if wrong is not None:
                report.states += 1
            if wrong:
                report.failures[str(number)] = wrong
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        report.failures.setdefault(str(current), f"the process that looked at it ended with {status}")
        return max(done, 1)
    return len(cuts)


def check(search: Search, checker: Checker, cuts: list[Cut], output: TextIO) -> None:
    """Write a line for each state before it is looked at, and one with what is wrong."""
    failures = 0
    for at, first in enumerate(cuts):
        for cut, wrong in states_of(search, checker, first):
            output.write(json.dumps([at, cut.number, wrong]) + "\n")
            failures += bool(wrong)
            if search.enough and failures >= search.enough:
                return


def states_of(search: Search, checker: Checker, first: Cut) -> Iterator[tuple[Cut, str | None]]:
    """The state after a cut and, of some, those after another in its recovery: announced, then checked."""
    seed = f"{first.workload} {first.run}"
    if not first.again:
        yield first, None
        wrong = checker.wrong(first.moment, seed, first.variation)
        yield first, wrong
        rng = random.Random(f"again {first.number}")
        if wrong or search.only or rng.random() * search.again_every >= 1:
            return
    yield first, None
    with checker.recovered(first.moment, seed, first.variation) as recovery:
        if first.again:
            seconds = [first]
        else:
            moments = boundaries(recovery.events)
            chosen = [(rng.choice(moments), rng.randrange(VARIATIONS)) for _ in range(search.again)]
            seconds = [replace(first, again=again, again_variation=each) for again, each in sorted(chosen)]
        for cut in seconds:
            yield cut, None
            yield cut, recovery.wrong(cut.again, seed, cut.again_variation)


def main() -> None:
    search = Search(**json.loads(sys.argv[1]))
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="trove-power-cuts-", dir=memory) as place:
        tempfile.tempdir = place  # for ``verify``, too
        report = searched(search, Path(place))
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    main()
