"""Another process that looks twice: before something is done, and after it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def beside(twice: Callable[[], Iterator[None]]) -> Iterator[None]:
    """Run ``twice()`` in a forked process: up to its ``yield`` before the block, and the rest after it."""
    told, goes_on = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work = twice()
            next(work)
            os.write(told[1], b"x")
            os.read(goes_on[0], 1)
            next(work, None)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(told[1])
    assert os.read(told[0], 1) == b"x"  # or the end of it, where the process has ended
    yield
    os.write(goes_on[1], b"x")
    assert os.waitpid(child, 0)[1] == 0
    for fd in (told[0], *goes_on):
        os.close(fd)
