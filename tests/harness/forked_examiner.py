"""Answers the engine's examination of an index from a fork, in a fifth of a fresh interpreter's time.

It is still a process of its own, whose death is an answer; it is forked from one that never opened a store.
"""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Iterator
from typing import Any
from unittest import mock

from trove._engine import examine


@contextlib.contextmanager
def forked_examiner() -> Iterator[None]:
    """Within the block ``examine`` starts no interpreters. To be entered before any store is open."""
    theirs, requests = os.pipe()
    answers, ours = os.pipe()
    if os.fork() == 0:
        os.close(requests)
        os.close(answers)
        _serve(theirs, ours)
        os._exit(0)
    os.close(theirs)
    os.close(ours)

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        assert command[:2] == [sys.executable, "-c"]
        _send(requests, command[3:])
        code, out, err = _received(answers)
        return subprocess.CompletedProcess(command, code, out, err)

    with mock.patch.object(examine.subprocess, "run", run):  # type: ignore[attr-defined]
        try:
            yield
        finally:
            os.close(requests)
            os.close(answers)


def _send(fd: int, message: object) -> None:
    data = pickle.dumps(message)
    data = len(data).to_bytes(4, "little") + data
    while data:
        data = data[os.write(fd, data) :]


def _received(fd: int) -> Any:
    def read(length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = os.read(fd, length - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    return pickle.loads(read(int.from_bytes(read(4), "little")))


def _serve(requests: int, answers: int) -> None:
    with contextlib.suppress(EOFError):
        while True:
            arguments = _received(requests)
            ours, theirs = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(ours)
                _send(theirs, _examined(arguments))
                os._exit(0)
            os.close(theirs)
            try:
                answer = _received(ours)
            except EOFError:
                answer = None
            os.close(ours)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            _send(answers, answer if answer is not None else (status or 1, b"", b""))


def _examined(arguments: list[str]) -> tuple[int, bytes, bytes]:
    sys.argv = ["-c", *arguments]
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            examine.main()
    except SystemExit as end:
        return 1, b"", str(end.code).encode()
    except BaseException:
        return 1, b"", traceback.format_exc().encode()
    return 0, out.getvalue().encode(), b""
