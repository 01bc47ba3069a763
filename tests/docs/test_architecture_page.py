"""docs/architecture.md says of each module of the engine which question it answers."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ENGINE = ROOT / "src" / "_engine"
MODULES = sorted({path.stem for ending in ("*.pyx", "*.py") for path in ENGINE.glob(ending)} - {"__init__"})


@pytest.mark.parametrize("module", MODULES)
def test_each_module_of_the_engine_has_its_question(module: str) -> None:
    part = PAGE.split("## The engine")[1].split("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("|")]
    assert [row for row in rows if f"`{module}`" in row.split("|")[1]], f"{module} is in no row of the table"
