"""Calls to the medium, counted, so that each of them in turn can fail or be the last."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

CHANGING = ("copy_file_range", "fsync", "link", "mkdir", "rename", "rmdir", "unlink", "utime", "write")


@contextmanager
def intercepted(before: Callable[[str, tuple[Any, ...]], None]) -> Iterator[None]:
    """Call ``before(name, arguments)`` ahead of every call of :mod:`os` that changes the medium."""

    def wrapped(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if name != "open" or args[1] & os.O_CREAT:
                before(name, args)
            return real(*args, **kwargs)

        return call

    with ExitStack() as patches:
        for name in (*CHANGING, "open"):
            if hasattr(os, name):
                patches.enter_context(mock.patch.object(os, name, wrapped(name)))
        yield


@contextmanager
def failing_at(number: int, error: int) -> Iterator[list[str]]:
    """The call of that number, from 1 on, fails once with ``error``; gives the calls so far."""
    calls: list[str] = []

    def before(name: str, args: tuple[Any, ...]) -> None:
        calls.append(name)
        if len(calls) == number:
            raise OSError(error, os.strerror(error))

    with intercepted(before):
        yield calls


def dies_at(number: int, operation: Callable[[], object]) -> bool:
    """Run ``operation`` in a child that dies ahead of its call of that number; whether it died.

    A call that writes is done by half first.
    """
    child = os.fork()
    if child == 0:
        count = 0

        def before(name: str, args: tuple[Any, ...]) -> None:
            nonlocal count
            count += 1
            if count == number:
                if name == "write":
                    half = bytes(args[1])[: len(args[1]) // 2]
                    os.pwrite(args[0], half, os.lseek(args[0], 0, os.SEEK_CUR))
                os._exit(9)

        try:
            with intercepted(before):
                operation()
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9
