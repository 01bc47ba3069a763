"""Interrupts at a chosen step: what Ctrl-C does, as often as it takes to have been everywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from linecache import getline
from types import FrameType
from typing import Any


def interrupted_everywhere(file: str, call: Callable[[], object]) -> Iterator[int]:
    """Make ``call`` again and again, with a KeyboardInterrupt at the first line of ``file`` that it comes to,
    at the second, and so on, until it is done without; each time that it was interrupted is told."""
    step = 0
    while True:
        step += 1
        if not _interrupted(file, call, step):
            return
        yield step


def _interrupted(file: str, call: Callable[[], object], step: int) -> bool:
    left = step

    def inside_a_finalizer(frame: FrameType | None) -> bool:
        return frame is not None and (frame.f_code.co_name == "__del__" or inside_a_finalizer(frame.f_back))

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename != file or inside_a_finalizer(frame):
            return None
        # Signals come behind calls and at jumps: not where a ``try`` begins, nor before a ``with`` has let
        # go, which it does on its first line. What comes in a finalizer is told to nobody.
        if event == "line" and not getline(file, frame.f_lineno).lstrip().startswith(("with ", "try:")):
            left -= 1
            if not left:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False
