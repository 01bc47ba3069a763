"""Tests that run in a process of their own: they fork, and want no threads of a test runner around.

Decorated with :func:`alone`, a test's body runs in a fresh interpreter, with the same arguments. In there
:class:`Child` forks, and what goes wrong in a child is the test's failure.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent
PRELOADED = "fault_library"  # the fixture whose library is preloaded into the process
PATHS = (PRELOADED, "tmp_path")


def alone(timeout: float = 60) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the body of a test in a process of its own, which has ``timeout`` seconds.

    Its arguments are the fixtures ``tmp_path`` and ``fault_library``, which is preloaded then, and
    parameters that JSON can hold.
    """

    def decorate(body: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(body)
        def test(**arguments: Any) -> None:
            environment = {**os.environ, "PYTHONPATH": str(TESTS)}
            if PRELOADED in arguments:
                environment["LD_PRELOAD"] = str(arguments[PRELOADED])
            given = json.dumps({name: str(v) if name in PATHS else v for name, v in arguments.items()})
            command = [sys.executable, "-m", __name__, body.__code__.co_filename, body.__name__, given]
            said = ""
            with tempfile.TemporaryFile() as errors:
                process = subprocess.Popen(command, env=environment, stderr=errors, start_new_session=True)
                try:
                    process.wait(timeout)
                except subprocess.TimeoutExpired:
                    # All of them say where they stand.
                    said = f"not over after {timeout} seconds\n"
                    signal_group(process.pid, signal.SIGABRT)
                finally:
                    process.wait()
                    # Whatever it forked and forgot goes with it.
                    signal_group(process.pid, signal.SIGKILL)
                errors.seek(0)
                said += errors.read().decode(errors="replace")
            assert process.returncode == 0, f"ended with {process.returncode}:\n{said}"

        return test

    return decorate


def signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)


class Child:
    """A forked child that does ``work()`` and ends; what that raises is printed, and is status 1."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.pid = os.fork()
        if self.pid:
            return
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stderr.flush()
        os._exit(status)

    def wait(self) -> int:
        """Its exit code; the negative number of the signal that killed it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def wait_stopped(self) -> None:
        """Wait until it is stopped by a signal."""
        assert os.WIFSTOPPED(os.waitpid(self.pid, os.WUNTRACED)[1])

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, and wait until it is dead."""
        self.signal(signal.SIGKILL)
        assert self.wait() == -signal.SIGKILL


def processes_together(*works: Callable[[], object]) -> None:
    """Do each of ``works`` in a child of its own, at once; the first that does not end well is an error."""
    # Each holds an end of a pipe for as long as it lives: a signal could come to any thread, and be lost.
    running: dict[int, tuple[int, Child]] = {}
    for number, work in enumerate(works):
        ours, theirs = os.pipe()
        running[ours] = number, Child(work)
        os.close(theirs)
    try:
        while running:
            for ended in select.select(list(running), [], [])[0]:
                number, child = running.pop(ended)
                os.close(ended)
                code = child.wait()
                assert code == 0, f"child {number} of {len(works)} ended with {code}"
    finally:
        for ours in running:
            os.close(ours)


def main() -> None:
    file, name, given = sys.argv[1:]
    faulthandler.enable()
    spec = importlib.util.spec_from_file_location(Path(file).stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    arguments = {name: Path(v) if name in PATHS else v for name, v in json.loads(given).items()}
    getattr(module, name).__wrapped__(**arguments)


if __name__ == "__main__":
    main()
