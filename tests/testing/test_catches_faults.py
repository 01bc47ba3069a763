"""The suite catches every planted fault, by the tests that name it and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from broken import FAULTS, RACES

SESSIONS = 2
SHORT = 5
"""One fault of so many is planted always, all of them in the long form."""


@pytest.fixture(scope="module")
def failures(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The names of the tests that failed on each of the broken drivers that were selected."""
    selected: list[str] = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "failures" in item.fixturenames
    ]
    folder = tmp_path_factory.mktemp("broken")
    program = Path(__file__).parent / "broken" / "run.py"
    sessions = []
    for number in range(SESSIONS):
        report = folder / f"{number}.json"
        command = [sys.executable, str(program), str(report), *selected[number::SESSIONS]]
        log = (folder / f"{number}.log").open("w+")
        sessions.append((report, log, subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)))
    found: dict[str, set[str]] = {}
    for report, log, session in sessions:
        with log:
            session.wait()
            log.seek(0)
            assert report.exists(), log.read()
        found |= {name: set(failed) for name, failed in json.loads(report.read_text()).items()}
    return found


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if number % SHORT else [])
        for number, name in enumerate(FAULTS)
    ],
)
def test_fault_fails_the_tests_that_name_it(failures: dict[str, set[str]], name: str) -> None:
    expected = FAULTS[name].caught_by
    assert failures[name] - (RACES - expected) == expected


def test_there_are_faults_of_every_kind() -> None:
    caught = {test for fault in FAULTS.values() for test in fault.caught_by}
    groups = {test.split("_")[1] for test in caught}
    assert groups >= {
        *("arguments", "atomicity", "bucket", "close", "conditional", "copy", "cursor", "data", "delete"),
        *("expires", "get", "head", "info", "keys", "lifecycle", "list", "messages", "multipart", "open"),
        *("put", "quota", "range", "reader", "server", "versioning", "watch"),
    }
