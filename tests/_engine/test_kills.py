"""A writer that is killed at any of its steps: what it had acknowledged is there, and nothing half done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import faults
from harness.killed_writer import CHANGED

DURABILITIES = ("full", "relaxed")


def killed(library: Path, folder: Path, durability: str, operation: str, every: int) -> None:
    ran = faults.run(library, "killed_writer", folder, durability, operation, every, timeout=300)
    assert ran.returncode == 0, ran.stderr
    (report,) = json.loads(ran.stdout).values()
    assert report["rounds"] > 3 // every, "the writer made fewer calls than it must"
    assert report["failures"] == [], ran.stderr


@pytest.mark.parametrize("operation", CHANGED)
@pytest.mark.parametrize("durability", DURABILITIES)
def test_writer_killed_at_some_steps(
    fault_library: Path, tmp_path: Path, durability: str, operation: str
) -> None:
    killed(fault_library, tmp_path, durability, operation, every=3)


@pytest.mark.slow
@pytest.mark.parametrize("operation", CHANGED)
@pytest.mark.parametrize("durability", DURABILITIES)
def test_writer_killed_at_every_step(
    fault_library: Path, tmp_path: Path, durability: str, operation: str
) -> None:
    killed(fault_library, tmp_path, durability, operation, every=1)
