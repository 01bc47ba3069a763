"""Servers that tests start: on a free port of 127.0.0.1, and ended by whoever started them.

Where one is not installed its tests skip and say what to install; with TROVE_NEED_SERVERS in the environment
they fail.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import IO, NoReturn

import pytest

PATIENCE = 60.0
LINES_KEPT = 50
STOPS = signal.SIGINT
"""The signal at which a server ends in good order, without waiting for its clients."""


def missing(what: str, package: str) -> NoReturn:
    """Skip, or fail, as ``what`` is not there, which the Debian ``package`` has."""
    reason = f"{what} is not installed; on Debian: apt install {package}"
    if os.environ.get("TROVE_NEED_SERVERS"):
        pytest.fail(reason)
    pytest.skip(reason)


def program(name: str, package: str) -> str:
    """The path of ``name``, which the Debian ``package`` has. Skips, or fails, where it is not installed."""
    return shutil.which(name) or missing(name, package)


_BELOW_THOSE_OF_THE_SYSTEM = range(20_000, 30_000)
_given: set[int] = set()


def free_port() -> int:
    """A port of this machine that nobody listens on; not one that the system gives to whoever asks for any,
    so that a server can come back to it."""
    for port in random.sample(_BELOW_THOSE_OF_THE_SYSTEM, len(_BELOW_THOSE_OF_THE_SYSTEM)):
        with socket.socket() as listening, suppress(OSError):
            listening.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port
    raise AssertionError("every port is taken")


@contextmanager
def closed_port() -> Iterator[int]:
    """A port of this machine that refuses connections, and that nobody else gets meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def silent_port(*, takes: bool) -> Iterator[int]:
    """A port that ``takes`` connections and never says anything on them, or that does not even answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=10 if takes else 0) as listening:
        port: int = listening.getsockname()[1]
        with ExitStack() as waiting:
            # What does not fit into the queue of those that wait to be taken is passed over.
            for _ in range(0 if takes else 3):
                knocking = waiting.enter_context(socket.socket())
                knocking.setblocking(False)
                knocking.connect_ex(("127.0.0.1", port))
            yield port


@cache
def ending_with_us() -> tuple[str, ...]:
    """What goes before a command so that it is stopped when the thread that started it is no more, however
    that ended; nothing where this system has no such program."""
    found = shutil.which("setpriv")
    if found is None:
        return ()
    told = subprocess.run([found, "--help"], capture_output=True, text=True, check=False).stdout
    return (found, "--pdeathsig", STOPS.name, "--") if "--pdeathsig" in told else ()


class Process:
    """A server in the foreground, up when it has said ``ready`` in its log, its standard error.

    The thread that starts it has to be there as long as it is.
    """

    def __init__(self, command: Sequence[str], ready: str, user: str | None = None) -> None:
        self._ready = ready
        self._up = threading.Event()
        self._said: deque[str] = deque(maxlen=LINES_KEPT)
        self._process = subprocess.Popen(
            [*ending_with_us(), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # ours would stay open as long as it runs
            stderr=subprocess.PIPE,
            text=True,
            user=user,
            cwd="/",
        )
        self.pid = self._process.pid
        assert self._process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=[self._process.stderr], daemon=True)
        self._reader.start()
        if not self._up.wait(PATIENCE) or self._process.poll() is not None:
            self.stop()
            raise AssertionError(f"{command[0]} did not come up:\n{''.join(self._said)}")

    def _read(self, log: IO[str]) -> None:
        with log:
            for line in log:
                self._said.append(line)
                if self._ready in line:
                    self._up.set()
        self._up.set()  # it ended: nothing more will be said

    def stop(self, number: signal.Signals = STOPS) -> None:
        """End it, and wait until it has."""
        self._process.send_signal(number)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        self._reader.join(PATIENCE)


def wait_for(happens: Callable[[], bool]) -> None:
    """Ask again and again until it ``happens``: of what a server does by its own clock nobody is told."""
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, f"nothing happened in {PATIENCE:.0f} seconds"
        time.sleep(0.02)
