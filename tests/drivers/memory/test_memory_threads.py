"""A hundred threads at once on one memory store: nothing is lost, nothing is torn."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from trove import BucketExistsError, DriverClosedError, PreconditionFailedError
from trove.drivers import MemoryDriver

THREADS = 100


def together(work: Callable[[int], None]) -> None:
    """Run ``work`` in all threads at once; raises what one of them raised."""
    start = threading.Barrier(THREADS)
    failed: list[BaseException] = []

    def run(number: int) -> None:
        start.wait()
        try:
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def test_every_put_is_kept_and_is_one_event_and_one_version(driver: MemoryDriver) -> None:
    driver.set_versioning("b", True)
    watcher = driver.watch("b")

    def work(number: int) -> None:
        driver.put("b", "shared", b"%d" % number)
        driver.put("b", f"own/{number:03}", b"x" * number)

    together(work)
    versions = driver.list_versions("b", "shared")
    contents = {driver.get_version("b", "shared", each.version_id).read() for each in versions}
    assert contents == {b"%d" % number for number in range(THREADS)}
    assert [each.version_id for each in versions] == sorted(
        {each.version_id for each in versions}, reverse=True
    )
    assert [each.size for each in driver.list("b", prefix="own/")] == list(range(THREADS))
    events = list(iter(lambda: watcher.get(0), None))
    assert [event.sequence for event in events] == list(range(1, 2 * THREADS + 1))


def test_counter_under_a_condition_counts_every_thread(driver: MemoryDriver) -> None:
    driver.put("b", "count", b"0")

    def work(number: int) -> None:
        while True:
            with driver.get("b", "count") as reader:
                count, etag = int(reader.read()), reader.info.etag
            try:
                driver.put("b", "count", b"%d" % (count + 1), if_match=etag)
            except PreconditionFailedError:
                continue
            return

    together(work)
    assert driver.get("b", "count").read() == b"%d" % THREADS


def test_one_thread_creates_what_all_want_to(driver: MemoryDriver) -> None:
    won: list[int] = []

    def work(number: int) -> None:
        try:
            driver.put("b", "k", b"%d" % number, if_none_match="*")
        except PreconditionFailedError:
            return
        won.append(number)

    together(work)
    assert [driver.get("b", "k").read()] == [b"%d" % number for number in won]


def test_one_thread_creates_a_bucket(driver: MemoryDriver) -> None:
    refused: list[int] = []

    def work(number: int) -> None:
        try:
            driver.create_bucket("new")
        except BucketExistsError:
            refused.append(number)

    together(work)
    assert len(refused) == THREADS - 1


def test_parts_of_all_threads_make_one_object(driver: MemoryDriver) -> None:
    upload = driver.initiate_multipart("b", "k")
    together(lambda number: [driver.upload_part("b", "k", upload, number + 1, b"%03d" % number)].clear())
    parts = driver.list_parts("b", "k", upload)
    assert [part.part_number for part in parts] == list(range(1, THREADS + 1))
    driver.complete_multipart("b", "k", upload, parts)
    assert driver.get("b", "k").read() == b"".join(b"%03d" % number for number in range(THREADS))


def test_reader_never_sees_a_mixture(driver: MemoryDriver) -> None:
    contents = {bytes([number]) * 10_000 for number in range(THREADS)}
    driver.put("b", "k", next(iter(contents)))
    seen: list[bytes] = []

    def work(number: int) -> None:
        driver.put("b", "k", bytes([number]) * 10_000)
        with driver.get("b", "k") as reader:
            content = reader.read()
            assert len(content) == reader.info.size
            seen.append(content)

    together(work)
    assert len(seen) == THREADS
    assert set(seen) <= contents


def test_closing_under_load_ends_every_thread_with_a_typed_error(driver: MemoryDriver) -> None:
    ended: list[int] = []

    def work(number: int) -> None:
        if number == 0:
            driver.close()
        try:
            while True:
                driver.put("b", f"k{number}", b"x")
        except DriverClosedError:
            ended.append(number)

    together(work)
    assert len(ended) == THREADS
    with pytest.raises(DriverClosedError):
        driver.ping()
