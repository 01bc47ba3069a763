"""Runs a piece of work in a forked process that may die, hang or take all memory; says how it ended."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import resource
import select
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

ROOM = 6 << 30  # addresses beyond those in use: an index under construction takes 1 GiB of them, beforehand
RESIDENT = 384 << 20  # bytes of memory that it may really use
LONGEST_FILE = 512 << 20


def outcome(work: Callable[[], object], seconds: float) -> str:
    """``""`` if ``work`` went well; else its error, what killed it, or that it was not over in time."""
    with tempfile.TemporaryFile() as said:
        ours, theirs = os.pipe()
        pid = os.fork()
        if pid == 0:
            _child(work, said.fileno())
        os.close(theirs)
        # Nobody but the child, and what it forks, holds the other end.
        over = bool(select.select([ours], [], [], seconds)[0])
        if not over:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGABRT)
            select.select([ours], [], [], 2)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        _, status, used = os.wait4(pid, 0)
        os.close(ours)
        said.seek(0)
        words = said.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    if not over:
        return f"not over after {seconds} seconds\n{words}"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}\n{words}"
    if code:
        return words
    if used.ru_maxrss * 1024 > RESIDENT:
        return f"used {used.ru_maxrss >> 10} MiB of memory"
    return ""


def limit() -> None:
    """Let this process have so much of everything, beyond what it has, and no more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    addresses = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LONGEST_FILE, LONGEST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _child(work: Callable[[], object], said: int) -> None:
    status = 1
    try:
        os.setpgid(0, 0)
        os.dup2(said, 2)
        faulthandler.enable()
        logging.disable()
        limit()
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)
