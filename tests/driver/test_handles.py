"""Handles: what a driver gave out ends with it, and is not kept alive by it."""

from __future__ import annotations

import gc
import os
import threading
import weakref

import pytest

from trove.driver import Handles


class Handle:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_every_handle_is_closed_once() -> None:
    handles = Handles()
    given = [handles.add(Handle()) for _ in range(3)]
    handles.close()
    handles.close()
    assert [each.closed for each in given] == [1, 1, 1]


def test_handle_added_after_closing_ends_with_the_next() -> None:
    handles = Handles()
    handles.close()
    late = handles.add(Handle())
    assert late.closed == 0
    handles.close()
    assert late.closed == 1


def test_forgotten_handle_goes() -> None:
    handles = Handles()
    gone = weakref.ref(handles.add(Handle()))
    gc.collect()
    assert gone() is None
    handles.close()


def test_handle_may_close_others_of_its_driver() -> None:
    handles = Handles()

    class Closing(Handle):
        def close(self) -> None:
            super().close()
            handles.add(Handle())
            handles.close()

    given = handles.add(Closing())
    handles.close()
    assert given.closed == 1


def test_handles_are_added_by_many_threads() -> None:
    handles = Handles()
    given = [Handle() for _ in range(800)]
    start = threading.Barrier(8)

    def add(mine: list[Handle]) -> None:
        start.wait()
        for each in mine:
            handles.add(each)

    threads = [threading.Thread(target=add, args=(given[number::8],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handles.close()
    assert {each.closed for each in given} == {1}


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_child_forked_while_the_lock_was_held_can_close() -> None:
    handles = Handles()
    given = handles.add(Handle())
    with handles._lock:
        child = os.fork()
        if child == 0:
            handles.close()
            os._exit(given.closed)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    assert given.closed == 0
