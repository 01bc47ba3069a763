"""The suite for stores catches every planted fault, by the tests that name it and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from broken_stores import FAULTS

from trove.testing import StoreSuite

SHORT = 10
"""One fault of so many is planted always, all of them in the long form."""


@pytest.fixture(scope="module")
def store_failures(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, set[str]]:
    """The names of the tests that failed on each of the broken stores that were selected."""
    selected = [
        str(item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "store_failures" in item.fixturenames
    ]
    report = tmp_path_factory.mktemp("broken") / "report.json"
    program = Path(__file__).parent / "broken_stores" / "run.py"
    ran = subprocess.run(
        [sys.executable, str(program), str(report), *selected], capture_output=True, text=True, check=False
    )
    assert report.exists(), ran.stdout + ran.stderr
    return {name: set(failed) for name, failed in json.loads(report.read_text()).items()}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if number % SHORT else [])
        for number, name in enumerate(FAULTS)
    ],
)
def test_fault_fails_the_tests_that_name_it(store_failures: dict[str, set[str]], name: str) -> None:
    assert FAULTS[name].caught_by
    assert store_failures[name] == FAULTS[name].caught_by


def test_every_test_of_the_suite_catches_a_fault() -> None:
    caught = {test for fault in FAULTS.values() for test in fault.caught_by}
    assert caught == {name for name in dir(StoreSuite) if name.startswith("test_")}
