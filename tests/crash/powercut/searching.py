"""Searches for states that are wrong, in processes that have the recorder preloaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from .states import Report, Search

TESTS = Path(__file__).parents[2]
KEPT = Path(tempfile.gettempdir(), "trove-power-cuts")


def kept(workload: str, run: int) -> str:
    """Where the recording of a state that was wrong is kept, for it to be seen again."""
    return str(KEPT / f"{workload}-{run}")


class Searching:
    """A search that is under way."""

    def __init__(self, library: Path, search: Search) -> None:
        self.search = search
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.states", json.dumps(asdict(search))],
            env={**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(TESTS)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def report(self) -> Report:
        """Wait for what it finds. Raises AssertionError when it can't go on itself."""
        stdout, stderr = self._process.communicate()
        assert self._process.returncode == 0, f"{self.search}:\n{stderr}"
        report = Report(**json.loads(stdout))
        if report.failures:
            report.failures = {number: wrong + stderr[-2000:] for number, wrong in report.failures.items()}
        return report

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


def searched(library: Path, searches: Iterable[Search], at_once: int = 2) -> Iterator[tuple[Search, Report]]:
    """The reports of ``searches``, so many of them at once."""
    running: list[Searching] = []
    try:
        for search in searches:
            running.append(Searching(library, search))
            if len(running) == at_once:
                yield running[0].search, running[0].report()
                del running[0]
        while running:
            yield running[0].search, running[0].report()
            del running[0]
    finally:
        for rest in running:
            rest.stop()


def in_words(report: Report) -> str:
    """The failures, and how to see each again."""
    return "\n".join(
        f"PYTHONPATH=tests {Path(sys.executable).name} -m {__package__} {number}\n{wrong}\n"
        for number, wrong in report.failures.items()
    )
