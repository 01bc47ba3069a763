"""Servers that tests start: that none is left of tests that are gone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

import pytest

from harness.servers import PATIENCE, ending_with_us, missing

STARTS_ONE = """
import sys
from harness.servers import Process

# What it is there for is to run: it ends by itself, long after the test.
server = Process(["sh", "-c", "echo up >&2; exec sleep 600"], "up")
print(server.pid, flush=True)
sys.stdin.read()
"""


class Started(NamedTuple):
    """A process that has started a server; the server is told by its pidfd."""

    process: subprocess.Popen[str]
    output: IO[str]
    server: int


@pytest.fixture
def started() -> Iterator[Started]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    command = [sys.executable, "-c", STARTS_ONE]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        server = os.pidfd_open(int(process.stdout.readline()))
        try:
            yield Started(process, process.stdout, server)
        finally:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(server, signal.SIGKILL)
            os.close(server)


def test_server_ends_when_the_process_that_started_it_is_killed(started: Started) -> None:
    if not ending_with_us():
        missing("a setpriv that knows --pdeathsig", "util-linux")
    started.process.kill()
    assert select.select([started.server], [], [], PATIENCE)[0]


def test_server_does_not_keep_the_output_of_who_started_it_open(started: Started) -> None:
    signal.pidfd_send_signal(started.server, signal.SIGSTOP)  # whatever it is told, it stays
    started.process.kill()
    assert select.select([started.output], [], [], PATIENCE)[0]
    assert started.output.read() == ""
