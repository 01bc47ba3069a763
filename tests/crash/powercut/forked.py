"""``verify`` without an interpreter started anew each time: its examination of the index is forked instead.

It has a process of its own because a damaged index can end it. A forked one will do for that, and takes
milliseconds, of which thousands of states have fewer to give.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from trove._engine import examine


class _Forking:
    """Stands in for the module ``subprocess`` in ``trove._engine.examine``."""

    DEVNULL, PIPE = subprocess.DEVNULL, subprocess.PIPE

    @staticmethod
    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[bytes]:
        outputs = [os.memfd_create(name) for name in ("stdout", "stderr")]
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                for number, output in enumerate(outputs, 1):
                    os.dup2(output, number)
                sys.stdout = os.fdopen(1, "w", closefd=False)
                sys.argv = command[2:]
                examine.main()
                sys.stdout.flush()
                status = 0
            except SystemExit as end:
                if isinstance(end.code, str):
                    os.write(2, end.code.encode())
            except BaseException as error:
                os.write(2, f"{type(error).__name__}: {error}".encode())
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        stdout, stderr = map(_read, outputs)
        return subprocess.CompletedProcess(command, status, stdout, stderr)


def _read(fd: int) -> bytes:
    with open(fd, "rb") as file:
        file.seek(0)
        return file.read()


def use() -> None:
    """From now on, in this process."""
    setattr(examine, "subprocess", _Forking)  # noqa: B010 - the stub does not tell of its imports
