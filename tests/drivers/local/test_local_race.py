"""Threads, processes and forks that write the same keys."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from trove import DriverClosedError, ObjectNotFoundError, PreconditionFailedError, StorageIOError
from trove.drivers import LocalDriver
from trove.drivers.local.bucket import Bucket, Found
from trove.drivers.local.folder import Folder
from trove.drivers.local.locks import Held, locked

Opener = Callable[..., LocalDriver]

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")

ROUNDS = 40


@pytest.fixture
def two_processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def open_relaxed(root: str) -> LocalDriver:
    driver = LocalDriver()
    driver.open(f"file://{root}", durability="relaxed")
    return driver


def create_all(root: str, writer: str) -> set[str]:
    """The keys that this process was the one to create."""
    won = set()
    with open_relaxed(root) as driver:
        for number in range(ROUNDS):
            try:
                driver.put("b", f"k{number}", writer.encode(), if_none_match="*")
                won.add(f"k{number}")
            except PreconditionFailedError:
                pass
    return won


def count_up(root: str) -> None:
    with open_relaxed(root) as driver:
        for _ in range(ROUNDS):
            while True:
                with driver.get("b", "count") as reader:
                    count = int(reader.read())
                try:
                    driver.put("b", "count", b"%d" % (count + 1), if_match=reader.info.etag)
                    break
                except PreconditionFailedError:
                    pass


def churn(root: str, name: str) -> None:
    """Make and remove folders that another process makes and removes too."""
    with open_relaxed(root) as driver:
        for number in range(ROUNDS):
            driver.put("b", f"a/b/c/{name}", b"%d" % number, metadata={"n": str(number)})
            driver.put("b", "a/b", b"b")
            assert driver.head("b", f"a/b/c/{name}").metadata == {"n": str(number)}
            driver.delete("b", f"a/b/c/{name}")


def test_race_of_processes_to_create_has_one_winner_each(
    driver: LocalDriver, root: Path, two_processes: ProcessPoolExecutor
) -> None:
    one, two = two_processes.map(create_all, [str(root)] * 2, ["one", "two"])
    assert one | two == {f"k{number}" for number in range(ROUNDS)}
    assert not one & two
    for key in one:
        assert driver.get("b", key).read() == b"one"


def test_race_of_processes_to_replace_loses_no_update(
    driver: LocalDriver, root: Path, two_processes: ProcessPoolExecutor
) -> None:
    driver.put("b", "count", b"0")
    list(two_processes.map(count_up, [str(root)] * 2))
    assert driver.get("b", "count").read() == b"%d" % (2 * ROUNDS)


def test_race_of_processes_over_folders(
    driver: LocalDriver, root: Path, two_processes: ProcessPoolExecutor
) -> None:
    list(two_processes.map(churn, [str(root)] * 2, ["one", "two"]))
    assert [info.key for info in driver.list("b")] == ["a/b"]


def test_race_of_readers_with_writers_shows_whole_versions(driver: LocalDriver) -> None:
    done = threading.Event()

    def write(number: int) -> None:
        for version in range(ROUNDS):
            text = f"{number}.{version}"
            driver.put("b", "k", text.encode() * 100, metadata={"text": text}, content_type=f"x/{text}")

    def read() -> int:
        reads, ended = 0, False
        while not ended:
            ended = done.is_set()  # then once more, for who came too late to see anything before
            try:
                with driver.get("b", "k") as reader:
                    text = reader.info.metadata["text"]
                    assert reader.read() == text.encode() * 100
                    assert reader.info.content_type == f"x/{text}"
            except ObjectNotFoundError:
                assert reads == 0
            else:
                reads += 1
            for info in driver.list("b"):
                assert info.content_type == "x/" + info.metadata["text"]
        return reads

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(write, number) for number in range(4)]
        try:
            for writer in writers:
                writer.result()
        finally:
            done.set()
        assert all(reader.result() for reader in readers)


def test_race_of_a_key_with_keys_below_it_hides_none(driver: LocalDriver) -> None:
    """A file that makes way for a folder is there all the time, for readers and listings."""

    def move() -> None:
        for number in range(ROUNDS):
            driver.put("b", f"{number}/below", b"")

    for number in range(ROUNDS):
        driver.put("b", str(number), b"%d" % number)
    with ThreadPoolExecutor(1) as pool:
        mover = pool.submit(move)
        while not mover.done():
            assert len([info for info in driver.list("b") if "/" not in info.key]) == ROUNDS
            assert driver.get("b", str(ROUNDS - 1)).read() == b"%d" % (ROUNDS - 1)
        mover.result()


def test_hundred_threads_lose_nothing(driver: LocalDriver) -> None:
    def put(number: int) -> None:
        driver.put("b", f"{number % 10}/{number}", b"%d" % number)

    with ThreadPoolExecutor(100) as pool:
        list(pool.map(put, range(300)))
    assert len(driver.list("b").all()) == 300
    assert all(driver.get("b", f"{n % 10}/{n}").read() == b"%d" % n for n in range(300))


def test_lock_whose_file_was_removed_is_taken_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waited for the lock of a deleted bucket must not hold a lock that nobody else sees."""
    lock_file = Folder.lock_file
    opened = []

    def removed_at_first(self: Folder, name: bytes) -> int:
        opened.append(lock_file(self, name))
        if len(opened) == 1:
            self.remove_file(name)
        return opened[-1]

    monkeypatch.setattr(Folder, "lock_file", removed_at_first)
    with (
        Folder.at(str(tmp_path)) as folder,
        locked(folder, b"lock"),
        Held(folder.lock_file(b"lock")) as held,
    ):
        assert not held.lock(wait=False)
    assert len(opened) == 3


def test_reader_that_was_opened_while_the_driver_closed_is_refused(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.put("b", "k", b"x")
    find = Bucket.find

    def closing(self: Bucket, folder: Folder, key: str) -> Found | None:
        driver.close()
        return find(self, folder, key)

    monkeypatch.setattr(Bucket, "find", closing)
    with pytest.raises(DriverClosedError):
        driver.get("b", "k")


# Forks.


def in_child(work: Callable[[], object]) -> int:
    """Fork a child that does ``work``; its process id. It is killed when that takes 20 seconds."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child


def exit_code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_child_can_write_after_a_fork_under_the_lock(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread stands in the middle of a commit while another one forks."""
    inside, forked = threading.Event(), threading.Event()
    rename, parent = os.rename, os.getpid()

    def stopping(*args: object, **kwargs: object) -> None:
        if os.getpid() == parent and not forked.is_set():
            inside.set()
            assert forked.wait(20)
        rename(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "rename", stopping)
    writer = threading.Thread(target=driver.put, args=("b", "k", b"parent"))
    writer.start()
    assert inside.wait(20)

    def work() -> None:
        driver.put("b", "child", b"child")
        with driver.get("b", "child") as reader:
            assert reader.read() == b"child"
        driver.delete("b", "child")
        driver.close()

    child = in_child(work)
    forked.set()
    writer.join()
    assert exit_code(child) == 0
    assert driver.get("b", "k").read() == b"parent"


def wait_to_close(wait_for_end: int, end: int) -> None:
    """Wait until the other process closes the writing end of a pipe."""
    os.close(end)
    os.read(wait_for_end, 1)


def test_child_keeps_no_lock_of_its_parent(tmp_path: Path) -> None:
    wait_for_end, end = os.pipe()
    with Folder.at(str(tmp_path)) as folder:
        with locked(folder, b"lock"):
            child = in_child(lambda: wait_to_close(wait_for_end, end))
        with Held(folder.lock_file(b"lock")) as held:
            assert held.lock(wait=False)
    os.close(end)
    os.close(wait_for_end)
    assert exit_code(child) == 0


def test_child_of_a_dead_parent_keeps_no_lock(tmp_path: Path) -> None:
    """The lock's holder dies with a child left behind, which has a copy of every open file."""
    started, start = os.pipe()
    wait_for_end, end = os.pipe()

    def holder() -> None:
        with Folder.at(str(tmp_path)) as folder, locked(folder, b"lock"):
            if os.fork() == 0:
                os.write(start, b"x")
                wait_to_close(wait_for_end, end)
            os._exit(0)

    assert exit_code(in_child(holder)) == 0
    assert os.read(started, 1) == b"x"
    with Folder.at(str(tmp_path)) as folder, Held(folder.lock_file(b"lock")) as held:
        assert held.lock(wait=False)
    for each in (started, start, wait_for_end, end):
        os.close(each)


def test_child_that_leaves_a_put_by_an_exception_takes_nothing_along(driver: LocalDriver, root: Path) -> None:
    """The data forks: the child's way out must not remove what the parent is writing."""

    def data() -> Iterator[bytes]:
        yield b"one"
        child = os.fork()
        if child == 0:
            raise SystemExit
        assert exit_code(child) == 7
        yield b"two"

    parent = os.getpid()
    try:
        driver.put("b", "k", data())
    except BaseException:
        if os.getpid() != parent:
            os._exit(7)
        raise
    assert driver.get("b", "k").read() == b"onetwo"


def test_child_that_goes_on_with_a_put_writes_into_no_other_file(driver: LocalDriver, tmp_path: Path) -> None:
    """The data forks, and the child has files of its own in the numbers of its parent's."""
    parent = os.getpid()

    def data() -> Iterator[bytes]:
        yield b"a" * 400_000
        child = os.fork()
        if child == 0:
            files = [(tmp_path / str(number)).open("xb") for number in range(3)]
            driver.put("b", "child's own", iter([b"b" * 400_000, b"b"]))
            yield b"b" * 400_000
            yield b"b"
            os._exit(len(files))  # not reached
        assert exit_code(child) == 7
        yield b"c" * 400_000

    try:
        driver.put("b", "k", data())
    except StorageIOError as error:
        if os.getpid() == parent:
            raise
        files = [(tmp_path / str(number)).read_bytes() for number in range(3)]
        os._exit(7 if files == [b""] * 3 and "forked" in str(error) else 8)
    assert driver.get("b", "k").read() == b"a" * 400_000 + b"c" * 400_000
    assert driver.get("b", "child's own").read() == b"b" * 400_001


def test_child_that_goes_on_with_a_small_put_changes_nothing(driver: LocalDriver) -> None:
    parent = os.getpid()

    def data() -> Iterator[bytes]:
        yield b"a"
        child = os.fork()
        assert child == 0 or exit_code(child) == 7
        yield b"b" if child == 0 else b"c"

    try:
        driver.put("b", "k", data())
    except StorageIOError:
        if os.getpid() == parent:
            raise
        os._exit(7)
    except BaseException:
        os._exit(8)
    if os.getpid() != parent:
        os._exit(9)
    assert driver.get("b", "k").read() == b"ac"


def test_child_can_close_and_read_what_a_thread_was_reading(
    driver: LocalDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.put("b", "k", b"0123456789" * 10_000)
    reader = driver.get("b", "k")
    assert reader.read(4) == b"0123"
    other = driver.get("b", "k")
    inside, forked = threading.Event(), threading.Event()
    pread, parent = os.pread, os.getpid()

    def stopping(fd: int, size: int, offset: int) -> bytes:
        if os.getpid() == parent and not forked.is_set():
            inside.set()
            assert forked.wait(20)
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", stopping)
    reading = threading.Thread(target=other.read)
    reading.start()
    assert inside.wait(20)

    def work() -> None:
        assert reader.read(6) == b"456789"
        assert reader.read() == b"0123456789" * 9_999
        driver.close()
        assert (reader.closed, other.closed) == (True, True)

    child = in_child(work)
    forked.set()
    reading.join()
    assert exit_code(child) == 0
    assert reader.read(6) == b"456789"


def test_reader_closed_while_it_reads_keeps_its_descriptor_until_then(
    driver: LocalDriver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the number could be another file's, and its bytes be taken for the object's."""
    driver.put("b", "k", b"mine" * 50_000)
    reader = driver.get("b", "k")
    pread = os.pread
    (tmp_path / "other").write_bytes(b"else" * 50_000)
    opened = []

    def closing(fd: int, size: int, offset: int) -> bytes:
        driver.close()
        opened.append((tmp_path / "other").open("rb"))
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", closing)
    assert reader.read() == b"mine" * 50_000
    assert reader.closed
    (other,) = opened
    other.close()


def test_child_forked_while_the_driver_is_opened_can_open_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = LocalDriver()
    make = Folder.make

    def forking(self: Folder, name: bytes, *, durable: bool) -> Folder:
        monkeypatch.undo()
        # As another thread's fork would find it.
        assert exit_code(in_child(lambda: open_and_put(driver, root))) == 0
        return make(self, name, durable=durable)

    monkeypatch.setattr(Folder, "make", forking)
    driver.open(f"file://{root}")
    assert driver.get("b", "child").read() == b"child"
    driver.close()


def open_and_put(driver: LocalDriver, root: Path) -> None:
    driver.open(f"file://{root}")
    driver.create_bucket("b")
    driver.put("b", "child", b"child")
