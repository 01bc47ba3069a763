"""The command as the tests run it: in this process, and as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import trove
from trove.cli.command import trove as command
from trove.driver import Driver, register
from trove.drivers.memory import MemoryDriver

Run = Callable[..., Result]
Spawn = Callable[..., "subprocess.CompletedProcess[bytes]"]


class KeptDriver(MemoryDriver):
    """A memory store that outlives ``close``, so that several runs of the command see the same one."""

    def open(self, dsn: str, **options: Any) -> None:
        if not self._kept_open:
            super().open("mem://")
            self._kept_open = True

    _kept_open = False

    def close(self) -> None:
        pass


_kept: list[KeptDriver] = []
register("kept", lambda: _kept[-1])


@pytest.fixture
def kept() -> Iterator[KeptDriver]:
    """The store behind ``kept://`` in this test; it keeps versions."""
    driver = KeptDriver()
    driver.open("kept://")
    _kept.append(driver)
    yield driver
    _kept.remove(driver)
    MemoryDriver.close(driver)


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    """The DSN of an empty store in a folder."""
    return f"file://{tmp_path}/store?durability=relaxed"


@pytest.fixture
def store(dsn: str) -> Iterator[Driver]:
    """The open store of ``dsn``, with an empty bucket ``b``."""
    with trove.open(dsn) as driver:
        driver.create_bucket("b")
        yield driver


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process, with TROVE_DSN set to ``dsn``."""
    monkeypatch.setenv("TROVE_DSN", dsn)
    monkeypatch.delenv("TROVE_DEBUG", raising=False)

    def invoke(*arguments: str, code: int = 0, **options: Any) -> Result:
        result = CliRunner().invoke(command, arguments, prog_name="trove", **options)
        assert result.exit_code == code, result.output
        return result

    return invoke


@pytest.fixture
def spawn(dsn: str) -> Spawn:
    """Run the command as a process of its own, with TROVE_DSN set to ``dsn``."""

    def start(*arguments: str, env: dict[str, str] | None = None, **options: Any) -> Any:
        return subprocess.run(
            [sys.executable, "-m", "trove", *arguments],
            env={**os.environ, "TROVE_DSN": dsn, **(env or {})},
            timeout=60,
            check=False,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    return start


def only_line(text: str) -> str:
    """The one line of an error message, without the command's name."""
    assert text.startswith("trove: "), text
    assert text.endswith("\n"), text
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    return text.removeprefix("trove: ").rstrip("\n")


@pytest.fixture(name="only_line")
def only_line_fixture() -> Callable[[str], str]:
    return only_line
