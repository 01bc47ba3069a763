"""What is said where the benchmarks' extra is not installed, or only a part of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = ("-p", "trove.testing.pytest_plugin", "--benchmark-only", "--pyargs", "trove.testing.benchmarks")


def python(
    folder: Path, environment: dict[str, str], missing: tuple[str, ...], *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Python with ``-m`` and ``arguments``, where some modules are not installed."""
    module, *rest = arguments
    program = (
        "import runpy, sys; "
        f"sys.modules.update(dict.fromkeys({missing!r})); "
        f"sys.argv = {['', *rest]!r}; "
        f"runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    # pytest loads what is installed as its plugin: what is not there must not be found so.
    settings = {**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} if missing else environment
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=settings, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "missing", [("pytest_benchmark",), ("pytest", "_pytest"), ("pytest", "hypothesis", "pytest_benchmark")]
)
def test_the_command_names_the_extra(
    tmp_path: Path, environment: dict[str, str], missing: tuple[str, ...]
) -> None:
    ran = python(tmp_path, environment, missing, "trove.testing.benchmarks", "mem://")
    first = "pytest" if "pytest" in missing else "pytest_benchmark"
    assert ran.stderr == (
        f"a benchmark of trove.testing needs {first}; install it with: pip install 'trove-engine[bench]'\n"
    )
    assert ran.returncode == 2


def test_the_commands_help_needs_no_extra(tmp_path: Path, environment: dict[str, str]) -> None:
    ran = python(tmp_path, environment, ("pytest", "hypothesis"), "trove.testing.benchmarks", "--help")
    assert ran.returncode == 0
    assert "usage: python -m trove.testing.benchmarks" in ran.stdout


def test_pytest_with_the_plugin_names_the_extra(tmp_path: Path, environment: dict[str, str]) -> None:
    ran = python(tmp_path, environment, ("pytest_benchmark",), "pytest", *PLUGIN, "--driver-dsn=mem://")
    assert "pip install 'trove-engine[bench]'" in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR


def test_pytest_in_a_clone_names_the_extra(root: Path, environment: dict[str, str]) -> None:
    ran = python(root, environment, ("pytest_benchmark",), "pytest", "benches", "--benchmark-only")
    assert "pip install 'trove-engine[bench]'" in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR


def test_the_benchmarks_do_without_hypothesis(tmp_path: Path, environment: dict[str, str]) -> None:
    options = ("--bench-quick", "-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider", "-k", "put")
    ran = python(tmp_path, environment, ("hypothesis",), "trove.testing.benchmarks", "mem://", *options)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "put-1KiB-memory" in ran.stdout


def test_a_benchmark_of_ones_own_names_the_extra(tmp_path: Path, environment: dict[str, str]) -> None:
    program = (
        "import sys; sys.modules['pytest_benchmark'] = None; from trove.testing.benchmarks import Benchmarks"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "pip install 'trove-engine[bench]'" in ran.stderr.splitlines()[-1]
