"""What the planted faults change is there to be changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mutants.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_it_changes_stands_once_in_the_engine(mutant: Mutant) -> None:
    text = (ROOT / "src" / "_engine" / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1
    assert mutant.new != mutant.old
    assert all((ROOT / test).exists() for test in mutant.tests)
