"""The C loops of the engine under the sanitizers: no race, no byte outside a buffer, no undefined step."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ENGINE = HERE.parents[2] / "src" / "_engine"
SANITIZERS = ("thread", "address,undefined")


def run(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), *map(str, arguments)],
        env={**os.environ, "TSAN_OPTIONS": "halt_on_error=1", "ASAN_OPTIONS": "detect_leaks=1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def built(folder: Path, sanitizers: str) -> Path:
    """The program with those sanitizers; skips the test where the compiler or the system lacks them."""
    compiler = os.environ.get("CC") or shutil.which("cc") or "cc"
    flags = ["-g", "-O1", "-Wall", "-Wno-unused-function", f"-fsanitize={sanitizers}"]
    flags.append("-fno-sanitize-recover=all")

    def compiled(source: Path) -> Path:
        program = folder / source.stem
        command = [*compiler.split(), *flags, f"-I{ENGINE}", "-o", str(program), str(source), "-lpthread"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        return program

    least = folder / "least.c"
    least.write_text("int main(void) { return 0; }\n")
    try:
        subprocess.run([compiled(least)], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no program runs with -fsanitize={sanitizers} here: {error}")
    return compiled(HERE / "kernels.c")


@pytest.mark.parametrize("sanitizers", SANITIZERS)
@pytest.mark.parametrize("rounds", [4, pytest.param(200, marks=pytest.mark.slow)])
def test_kernels_cut_alike_and_touch_nothing_else(tmp_path: Path, sanitizers: str, rounds: int) -> None:
    ran = run(built(tmp_path, sanitizers), rounds)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 1000 * rounds


@pytest.mark.parametrize(
    ("sanitizers", "fault", "said"),
    [("thread", "race", "data race"), ("address,undefined", "beyond", "heap-buffer-overflow")],
)
def test_a_fault_on_purpose_is_found(tmp_path: Path, sanitizers: str, fault: str, said: str) -> None:
    ran = run(built(tmp_path, sanitizers), 4, fault)
    assert ran.returncode != 0
    assert said in ran.stderr
