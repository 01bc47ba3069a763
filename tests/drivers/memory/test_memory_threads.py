"""A hundred threads at once on one memory store: nothing is lost, nothing is torn."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

import pytest

from trove import BucketExistsError, DriverClosedError, PreconditionFailedError
from trove.drivers import MemoryDriver
from trove.drivers.memory.bucket import Bucket, Version

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


def forked_child(work: Callable[[], object]) -> int:
    """The exit code of a child that does ``work``: 0, unless it raises or takes 20 seconds."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_fork_waits_for_the_change_that_a_thread_is_making(
    driver: MemoryDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the child would have the lock held for ever, and half of the change."""
    watcher = driver.watch("b")
    inside, go_on = threading.Event(), threading.Event()
    push = Bucket.push

    def stopping(self: Bucket, key: str, version: Version) -> None:
        inside.set()
        assert go_on.wait(20)
        push(self, key, version)

    monkeypatch.setattr(Bucket, "push", stopping)
    writer = threading.Thread(target=driver.put, args=("b", "k", b"parent"))
    writer.start()
    assert inside.wait(20)
    releaser = threading.Timer(0.2, go_on.set)
    releaser.start()

    def work() -> None:
        assert driver.get("b", "k").read() == b"parent"
        event = watcher.get(0)
        assert event is not None
        driver.put("b", "child", b"child")
        assert watcher.get(20) is not None
        assert watcher.get(0.01) is None
        driver.close()

    assert forked_child(work) == 0
    assert go_on.is_set()
    writer.join()
    releaser.join()
    driver.put("b", "k", b"after")
    assert [info.key for info in driver.list("b")] == ["k"]


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_fork_under_load_leaves_the_child_a_store_that_works(driver: MemoryDriver) -> None:
    done = threading.Event()

    def change() -> None:
        number = 0
        while not done.is_set():
            number += 1
            driver.put("b", f"{number % 7}", b"x")
            driver.delete("b", f"{number % 5}")
            driver.list("b")

    threads = [threading.Thread(target=change) for _ in range(4)]
    for thread in threads:
        thread.start()

    def work() -> None:
        driver.put("b", "child", b"child")
        keys = [info.key for info in driver.list("b")]
        assert keys == sorted(set(keys))
        assert "child" in keys
        driver.close()

    codes = [forked_child(work) for _ in range(20)]
    done.set()
    for thread in threads:
        thread.join()
    assert codes == [0] * 20


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_signal_handler_may_fork_while_its_thread_changes_the_store(
    driver: MemoryDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    push = Bucket.push
    codes: list[int] = []

    def interrupted(self: Bucket, key: str, version: Version) -> None:
        monkeypatch.undo()
        codes.append(forked_child(lambda: driver.put("b", "child", b"child")))
        push(self, key, version)

    monkeypatch.setattr(Bucket, "push", interrupted)
    driver.put("b", "k", b"parent")
    assert codes == [0]
    assert [info.key for info in driver.list("b")] == ["k"]
