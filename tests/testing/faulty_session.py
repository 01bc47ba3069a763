"""A pytest session on planted faults: what it runs, and which tests failed on which of them.

A program that is run as ``python PROGRAM REPORT FAULT...`` runs itself in one. It is a program of its own, so
that what a fault leaves behind stays there.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest

_CHOSEN = "TROVE_PLANTED_FAULTS"
"""The environment variable with the names of the faults of this session."""


def chosen() -> list[str]:
    """The names of the faults of this session: for each ``NAME`` the program has a class ``TestNAME``."""
    return os.environ.get(_CHOSEN, "").split()


class _Recorder:
    def __init__(self) -> None:
        self.failed: dict[str, set[str]] = defaultdict(set)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            _, fault, test = report.nodeid.split("::", 2)
            self.failed[fault.removeprefix("Test")].add(test.partition("[")[0])


def run(program: str, report: str, *names: str, plugins: tuple[object, ...] = ()) -> None:
    """Run the tests of ``program``, and write to ``report``, as JSON, those that failed on each fault."""
    os.environ[_CHOSEN] = " ".join(names)
    recorder = _Recorder()
    options = ["-q", "-s", "--tb=no", "--no-header", "--no-summary"]
    for plugin in ("cacheprovider", "xdist", "logging", "warnings", "unraisableexception", "threadexception"):
        options += ["-p", f"no:{plugin}"]
    with tempfile.TemporaryDirectory() as folder:
        places = ["-c", os.devnull, "--noconftest", "--basetemp", f"{folder}/pytest"]
        pytest.main([*options, *places, program], plugins=[recorder, *plugins])
    Path(report).write_text(json.dumps({name: sorted(recorder.failed[name]) for name in names}))
