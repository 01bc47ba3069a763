"""Calls that come at a bad moment: from a finalizer inside a commit, or on what another thread lets go of."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import pytest
from harness.alone import alone

import trove
from trove.errors import InvalidArgumentError


@alone()
def test_a_call_from_inside_a_commit_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    """It would wait for itself: the garbage collection runs a finalizer anywhere."""
    driver = trove.open(f"trove://{tmp_path}/store?durability=relaxed")
    driver.create_bucket("b")
    outcomes: list[type[BaseException] | None] = []

    class Finalized:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            try:
                driver.put("b", "from a finalizer", b"x")
                outcomes.append(None)
            except BaseException as error:
                outcomes.append(type(error))

    gc.set_threshold(50)
    for n in range(5000):
        Finalized()
        driver.put("b", f"k{n}", b"v", metadata={"a": "b"})
    assert set(outcomes) <= {None, InvalidArgumentError}
    assert InvalidArgumentError in outcomes, "no finalizer ran inside a commit"
    assert driver.get("b", "k4999").read() == b"v"
    driver.close()


def test_a_reader_that_is_closed_while_it_reads_ends_well(tmp_path: Path) -> None:
    data = os.urandom(4 << 20)
    with trove.open(f"trove://{tmp_path}/store?verify=always&chunk_size=4096&durability=relaxed") as driver:
        driver.create_bucket("b")
        driver.put("b", "k", data)
        for n in range(100):
            reader = driver.get("b", "k")
            found: list[bytes] = []
            started = threading.Event()

            def read(
                reader: trove.ObjectReader = reader,
                found: list[bytes] = found,
                started: threading.Event = started,
            ) -> None:
                started.set()
                try:
                    found.append(reader.read())
                except ValueError:
                    found.append(b"")

            thread = threading.Thread(target=read)
            thread.start()
            started.wait()
            for _ in range(n):
                os.sched_yield()
            reader.close()
            thread.join()
            assert found in ([data], [b""])


@pytest.mark.parametrize("size", [1 << 20, 20 << 20])
def test_a_buffer_that_changes_while_it_is_put_is_stored_as_it_was_at_some_moment(
    tmp_path: Path, size: int
) -> None:
    data = bytearray(os.urandom(size))
    over = threading.Event()

    def change() -> None:
        at = 0
        while not over.is_set():
            at = (at + 4097) % size
            data[at] ^= 1

    with trove.open(f"trove://{tmp_path}/store?durability=relaxed&verify=always") as driver:
        driver.create_bucket("b")
        thread = threading.Thread(target=change)
        thread.start()
        try:
            for n in range(5):
                driver.put("b", f"k{n}", data)
        finally:
            over.set()
            thread.join()
        for n in range(5):
            assert len(driver.get("b", f"k{n}").read()) == size
