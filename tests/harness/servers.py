"""What tests of a real server need: a free port, and a process that is waited for and ended."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

PATIENCE = 30.0
"""Seconds after which a server that should be ready, or gone, counts as broken."""

NEEDED = "TROVE_NEED_SERVERS"
"""The environment variable with which a server that is not installed is a failure."""


def program(name: str, package: str) -> str:
    """The path of ``name``; without it the test is skipped, or fails where servers are needed."""
    path = shutil.which(name)
    if path is not None:
        return path
    reason = f"{name} is not installed: apt-get install {package}"
    if os.environ.get(NEEDED):
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A server as a process of its own, whose output goes to ``log``."""

    def __init__(self, command: Sequence[str], log: Path, ready: Callable[[], bool]) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            wait_for(ready, lambda: self._process.poll() is None)
        except BaseException as error:
            self.stop()
            error.add_note(log.read_text(errors="replace")[-2000:])
            raise

    def stop(self) -> None:
        """End it, and wait until it is gone."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def wait_for(happens: Callable[[], bool], goes_on: Callable[[], bool] = lambda: True) -> None:
    """Ask again and again until it ``happens``; fails when that takes too long or nothing ``goes_on``."""
    end = time.monotonic() + PATIENCE
    while not happens():
        assert goes_on(), "what was waited for has ended"
        assert time.monotonic() < end, f"nothing happened in {PATIENCE:.0f} seconds"
        time.sleep(0.02)
