"""The runner behind ``trove conformance``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import trove
from trove.testing import run

HOSTILE_SETTINGS = {
    "pytest.ini": "[pytest]\naddopts = --no-such-option\n",
    "conftest.py": "raise RuntimeError('the conftest of the caller was read')\n",
    "setup.cfg": "[tool:pytest]\naddopts = --no-such-option\n",
}
RUN = "from trove.testing import run; raise SystemExit(run({dsn!r}, pytest_args=['-k', {chosen!r}]))"
REGISTERED = """
import trove.driver
from trove.drivers.memory import MemoryDriver
from trove.testing import run

class Theirs(MemoryDriver):
    def open(self, dsn, **options):
        dsn, _, rest = str(dsn).partition("?")
        super().open("mem://" + ("?" + rest if rest else ""))
        self.dsn = dsn

    def head(self, bucket, key, **options):
        password = self.dsn
        info = super().head(bucket, key, **options)
        if BROKEN:
            raise RuntimeError(f"{self.dsn} is broken")
        return info

trove.driver.register("theirs", Theirs)
"""


def runner(folder: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_run_in_an_empty_folder_leaves_it_empty(tmp_path: Path) -> None:
    code = RUN.format(dsn="mem://", chosen="ping or histories")
    ran = runner(tmp_path, code)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout
    assert list(tmp_path.iterdir()) == []


def test_run_reads_no_settings_of_the_caller(tmp_path: Path) -> None:
    for name, text in HOSTILE_SETTINGS.items():
        (tmp_path / name).write_text(text)
    code = RUN.format(dsn="mem://", chosen="test_ping")
    ran = runner(tmp_path, code, PYTEST_ADDOPTS="--no-such-option", PYTEST_PLUGINS="no_such_plugin")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(HOSTILE_SETTINGS)


def test_run_on_a_broken_driver_fails(tmp_path: Path) -> None:
    code = (
        "BROKEN = True"
        + REGISTERED
        + "raise SystemExit(run('theirs://', pytest_args=['-k', 'head_existing']))"
    )
    ran = runner(tmp_path, code)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "test_head_existing" in ran.stdout


TALKATIVE = """
import logging, sys, warnings
from urllib.parse import unquote

def said(self, bucket, key, **options):
    told = f"{self.given} {unquote(self.given)}"
    print("printed", told)
    print("printed", told, file=sys.stderr)
    sys.stdout.writelines(["written ", told])
    warnings.warn(f"warned {told}")
    logging.getLogger("theirs").warning("logged %s", told)
    if HOW == "skips":
        import pytest
        pytest.skip(f"reason {told}")
    raise RuntimeError(f"raised {told}")

def opened(self, dsn, **options):
    self.given = str(dsn)
    MemoryDriver.open(self, "mem://")

Theirs.open, Theirs.head = opened, said
"""
WITH_SECRETS = "theirs://user:s3cr3t%21pass@host/path?region=here&Access_Token=s3cr3t%2Ftoken"


@pytest.mark.parametrize(
    ("how", "arguments"),
    [
        ("fails", []),
        ("skips", []),
        ("fails", ["--tb=long", "-l"]),
        ("fails", ["--tb=native"]),
        ("fails", ["-s"]),
        ("fails", ["--capture=tee-sys"]),
        ("fails", ["-o", "log_cli=true"]),
        ("fails", ["-W", "error"]),
    ],
)
def test_run_prints_no_secret(tmp_path: Path, how: str, arguments: list[str]) -> None:
    report = tmp_path / "report.xml"
    chosen = ["-k", "head_existing", f"--junitxml={report}", "-o", "junit_logging=all", *arguments]
    started = f"raise SystemExit(run({WITH_SECRETS!r}, pytest_args={chosen}))"
    code = f"BROKEN, HOW = False, {how!r}{REGISTERED}{TALKATIVE}{started}"
    ran = runner(tmp_path, code)
    assert ran.returncode == (1 if how == "fails" else 0), ran.stdout + ran.stderr
    for text in (ran.stdout, report.read_text()):
        assert "theirs://" in text
        assert "***" in text
    assert "s3cr3t" not in ran.stdout + ran.stderr + report.read_text()


@pytest.mark.parametrize(
    "arguments", [["--log-file=log"], ["-o", "log_file=log"], ["--pastebin=all"], ["--debug"]]
)
def test_run_refuses_to_write_where_it_can_hide_nothing(tmp_path: Path, arguments: list[str]) -> None:
    started = f"raise SystemExit(run({WITH_SECRETS!r}, pytest_args={arguments}))"
    code = f"BROKEN, HOW = False, ''{REGISTERED}{TALKATIVE}{started}"
    ran = runner(tmp_path, code)
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "leave it out" in ran.stderr
    assert "s3cr3t" not in ran.stdout + ran.stderr + "".join(path.read_text() for path in tmp_path.iterdir())


def test_run_writes_everywhere_when_there_is_nothing_to_hide(tmp_path: Path) -> None:
    chosen = ["-k", "test_ping", "--log-file=log"]
    ran = runner(
        tmp_path, f"from trove.testing import run; raise SystemExit(run('mem://', pytest_args={chosen}))"
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_run_explains_its_assertions(tmp_path: Path) -> None:
    code = (
        "BROKEN = False"
        + REGISTERED
        + (
            "Theirs.put = lambda self, bucket, key, data, **options: "
            "MemoryDriver.put(self, bucket, key, b'something else')\n"
            "raise SystemExit(run('theirs://', pytest_args=['-k', 'put_get_put_and_get']))"
        )
    )
    ran = runner(tmp_path, code)
    assert ran.returncode == 1
    assert "b'something else' == b'hello world'" in ran.stdout


def test_run_names_the_reasons_of_skips(tmp_path: Path) -> None:
    code = RUN.format(dsn="mem://", chosen="presign_gives")
    assert "is no PresignDriver" in runner(tmp_path, code).stdout


def test_run_of_a_dsn_that_can_not_be_opened_raises() -> None:
    with pytest.raises(trove.UnknownDriverError):
        run("no-such-scheme://")
    with pytest.raises(trove.InvalidDSNError):
        run("mem://?no_such_parameter=1")
