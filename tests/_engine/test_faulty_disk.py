"""A disk that fails: each call of a writer in turn, once or from then on, for want of space or otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import faults
from harness.failing_writer import KINDS, OPENINGS
from harness.failing_writer import OPERATIONS as CHANGES
from harness.kept_operations import CHANGED as KEPT

DURABILITIES = ("full", "relaxed")
OPERATIONS = (*CHANGES, *OPENINGS)


def failing(library: Path, folder: Path, durability: str, operation: str, every: int) -> None:
    dsn = f"trove://{{folder}}?durability={durability}"
    ran = faults.run(library, "failing_writer", folder, dsn, operation, ",".join(KINDS), every, timeout=600)
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert sum(kind["rounds"] for kind in report.values()) > 0
    assert [failure for kind in report.values() for failure in kind["failures"]] == [], ran.stderr


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("durability", DURABILITIES)
def test_some_call_that_fails_loses_nothing(
    fault_library: Path, tmp_path: Path, durability: str, operation: str
) -> None:
    # Those on versions and uploads end like puts and deletes, of which more calls are tried.
    every = 13 if operation in OPENINGS else 5 if operation in KEPT else 2
    failing(fault_library, tmp_path, durability, operation, every)


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("durability", DURABILITIES)
def test_no_call_that_fails_loses_anything(
    fault_library: Path, tmp_path: Path, durability: str, operation: str
) -> None:
    failing(fault_library, tmp_path, durability, operation, every=1)
