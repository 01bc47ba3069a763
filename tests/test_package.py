"""The package as users meet it: typed, installed editable too, and refused where it can't run."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest

PROGRAM = """
import trove
from trove.drivers.engine import EngineDriver

with trove.open("mem://") as drv:
    reveal_type(drv.head("b", "k").size)
with EngineDriver() as engine:
    reveal_type(engine.get_many("b", ["k"]))
    reveal_type(engine.get("b", "k").view())
    reveal_type(engine.verify().ok)
    engine.put("b", 5, b"")
"""


def test_a_program_outside_of_the_tree_is_type_checked(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "program.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line.partition(": ")[2] for line in checked.stdout.splitlines()]
    assert said == [
        'note: Revealed type is "int"',
        'note: Revealed type is "dict[str, bytes]"',
        'note: Revealed type is "memoryview[int]"',
        'note: Revealed type is "bool"',
        'error: Argument 2 to "put" of "Engine" has incompatible type "int"; expected "str"  [arg-type]',
    ], checked.stdout + checked.stderr


def test_windows_is_refused_and_told_what_to_do() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", "import sys; sys.platform = 'win32'; import trove"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert ran.stderr.splitlines()[-1] == (
        "ImportError: Trove does not run on Windows; use it on Linux, or in WSL"
    )


@pytest.mark.parametrize("platform", ["win32", "freebsd14"])
def test_a_system_that_the_engine_can_not_be_built_on_is_named_before_a_compiler_runs(platform: str) -> None:
    root = Path(__file__).parents[1]
    program = f"import sys; sys.platform = {platform!r}; exec(open('setup.py').read())"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "Trove is for Linux so far" in ran.stderr.splitlines()[-1]


def test_the_metadata_claims_no_other_system() -> None:
    claimed = [each for each in metadata("trove-engine").get_all("Classifier", []) if "Operating" in each]
    assert claimed == ["Operating System :: POSIX :: Linux"]
