"""Several processes on one store: what one acknowledged the next read sees, and nobody waits for a reader."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.alone import Child, alone, processes_together
from harness.described import SIZES, described, name_of
from harness.faults import STOP_AFTER, Faults
from harness.index_rows import check_store
from harness.opened import opened

import trove
from trove.drivers.engine import EngineDriver
from trove.errors import ObjectNotFoundError, PreconditionFailedError

FORK = multiprocessing.get_context("fork")
KEYS = [f"k{number}" for number in range(4)]
WAIT = 30  # seconds that nothing here needs


def prepared(folder: Path, objects: dict[str, bytes] | None = None) -> None:
    with opened(folder) as driver:
        driver.create_bucket("b")
        driver.put_many("b", objects or {})


def cells(count: int) -> memoryview:
    """Numbers that forked processes share."""
    return memoryview(mmap.mmap(-1, 8 * count)).cast("q")


def contents(driver: trove.Driver) -> dict[str, bytes]:
    return {info.key: driver.get("b", info.key).read() for info in driver.list("b")}


@alone()
def test_what_one_process_acknowledged_the_next_read_of_any_sees(tmp_path: Path) -> None:
    """A writer numbers its versions; a reader looks at the number first, and must find it or a later one."""
    prepared(tmp_path)
    rounds = 150
    acknowledged = cells(2)

    def write(writer: int) -> None:
        with opened(tmp_path, durability="relaxed") as driver:
            draw = random.Random(writer)
            for number in range(1, rounds + 1):
                driver.put("b", f"k{writer}", described(f"{number}", draw.choice(SIZES[:4])))
                acknowledged[writer] = number

    def read() -> None:
        with opened(tmp_path) as driver:
            while min(acknowledged) < rounds:
                for writer in range(2):
                    least = acknowledged[writer]
                    if least:
                        assert int(name_of(driver.get("b", f"k{writer}").read())) >= least
                        assert driver.head("b", f"k{writer}").size in SIZES
                        assert f"k{writer}" in [info.key for info in driver.list("b")]

    processes_together(lambda: write(0), lambda: write(1), read, read)


@alone()
def test_a_number_that_goes_round_is_never_the_one_before(tmp_path: Path) -> None:
    """Three processes read, add one, write and pass the turn on: any stale read would lose a step."""
    prepared(tmp_path, {"n": b"0"})
    turns = [FORK.Semaphore(0) for _ in range(3)]
    rounds = 100

    def step(which: int) -> None:
        with opened(tmp_path, durability="relaxed") as driver:
            for number in range(rounds):
                assert turns[which].acquire(timeout=WAIT)
                found = int(driver.get("b", "n").read())
                assert found == 3 * number + which
                driver.put("b", "n", str(found + 1).encode())
                turns[(which + 1) % 3].release()

    turns[0].release()
    processes_together(*(lambda which=which: step(which) for which in range(3)))
    with opened(tmp_path) as driver:
        assert driver.get("b", "n").read() == str(3 * rounds).encode()


@alone()
@pytest.mark.parametrize("durability", ["full", "relaxed"])
def test_keys_that_all_write_end_as_somebody_left_them(tmp_path: Path, durability: str) -> None:
    prepared(tmp_path)
    last = [tmp_path / f"last-{writer}" for writer in range(3)]

    def write(writer: int) -> None:
        with opened(tmp_path, durability=durability) as driver:
            draw = random.Random(writer)
            mine = dict.fromkeys(KEYS, "")
            for number in range(60):
                key = draw.choice(KEYS)
                if draw.random() < 0.2:
                    driver.delete("b", key)
                    mine[key] = "-"
                elif draw.random() < 0.2:
                    # Whose content it will be is not known: it may be any that somebody left elsewhere.
                    with driver.batch() as batch:
                        batch.put("b", f"own-{writer}", described(f"{writer}.{number}", draw.choice(SIZES)))
                        batch.copy("b", f"own-{writer}", "b", key)
                    mine[key] = f"{writer}.{number}"
                else:
                    mine[key] = f"{writer}.{number}"
                    driver.put("b", key, described(mine[key], draw.choice(SIZES)))
            last[writer].write_text("\n".join(mine.values()))

    processes_together(*(lambda writer=writer: write(writer) for writer in range(3)))
    ends = dict(zip(KEYS, zip(*(each.read_text().split("\n") for each in last), strict=True), strict=True))
    with opened(tmp_path) as driver:
        found = {key: name_of(data) for key, data in contents(driver).items()}
        assert driver.verify().ok
    for key in KEYS:
        assert found.get(key, "-") in ends[key]
    check_store(tmp_path / "store", tmp_path / "scratch")


@alone()
def test_a_condition_lets_one_process_through(tmp_path: Path) -> None:
    prepared(tmp_path)
    rounds, processes = 25, 4
    start = FORK.Barrier(processes)
    created, replaced = cells(rounds * processes), cells(rounds * processes)

    def race(which: int) -> None:
        with opened(tmp_path, durability="relaxed") as driver:
            for number in range(rounds):
                start.wait(WAIT)
                try:
                    driver.put("b", f"r{number}", f"{which}".encode() * 3000, if_none_match="*")
                    created[number * processes + which] = 1
                except PreconditionFailedError:
                    pass
                start.wait(WAIT)
                etag = driver.head("b", f"r{number}").etag
                start.wait(WAIT)
                try:
                    driver.put("b", f"r{number}", f"{which}again".encode(), if_match=etag)
                    replaced[number * processes + which] = 1
                except PreconditionFailedError:
                    pass

    processes_together(*(lambda which=which: race(which) for which in range(processes)))
    with opened(tmp_path) as driver:
        for number in range(rounds):
            winners = [which for which in range(processes) if created[number * processes + which]]
            assert len(winners) == 1
            winners = [which for which in range(processes) if replaced[number * processes + which]]
            assert [f"{which}again".encode() for which in winners] == [driver.get("b", f"r{number}").read()]


@alone()
def test_counting_up_with_conditions_loses_no_step(tmp_path: Path) -> None:
    prepared(tmp_path, {"n": b"0"})

    def count() -> None:
        with opened(tmp_path, durability="relaxed") as driver:
            for _ in range(40):
                while True:
                    with driver.get("b", "n") as reader:
                        number = int(reader.read())
                    try:
                        driver.put("b", "n", str(number + 1).encode(), if_match=reader.info.etag)
                        break
                    except PreconditionFailedError:
                        continue

    processes_together(*[count] * 4)
    with opened(tmp_path) as driver:
        assert driver.get("b", "n").read() == b"160"


@alone()
@pytest.mark.parametrize("verify", ["first", "never"])
def test_a_read_is_one_whole_version_while_others_write_and_delete(tmp_path: Path, verify: str) -> None:
    prepared(tmp_path)
    writing = cells(2)
    writing[0] = writing[1] = 1

    def write(writer: int) -> None:
        with opened(tmp_path, durability="relaxed") as driver:
            draw = random.Random(writer)
            for number in range(120):
                key = draw.choice(KEYS)
                if draw.random() < 0.25:
                    driver.delete("b", key)
                else:
                    driver.put("b", key, described(f"{key}.{writer}.{number}", draw.choice(SIZES)))
        writing[writer] = 0

    def read() -> None:
        draw = random.Random(os.getpid())
        whole = 0
        with opened(tmp_path, verify=verify) as driver:
            while any(writing) or not whole:
                key = draw.choice(KEYS)
                ended = not any(writing)  # before the look: the last change may come right behind it
                try:
                    reader = driver.get("b", key)
                except ObjectNotFoundError:
                    assert not ended or key not in contents(driver)
                    whole += ended
                    continue
                # What comes after the first part is read when the object is gone, or another one.
                data = reader.read(draw.choice([1, 30, 70_000]))
                driver.list("b")
                data += reader.read()
                assert len(data) == reader.info.size
                assert name_of(data).split(".")[0] == key
                whole += 1

    processes_together(lambda: write(0), lambda: write(1), read, read)
    with opened(tmp_path) as driver:
        assert driver.verify().ok


@alone()
def test_a_reader_keeps_its_version_whatever_others_do(tmp_path: Path) -> None:
    prepared(tmp_path, {f"k{size}": described(f"old.{size}", size) for size in SIZES})

    def change() -> None:
        with opened(tmp_path) as driver:
            for size in SIZES:
                driver.put("b", f"k{size}", described(f"new.{size}", size))
                driver.delete("b", f"k{size}")
            driver.delete_bucket("b")

    with opened(tmp_path) as driver:
        readers = {size: driver.get("b", f"k{size}") for size in SIZES}
        parts = {size: driver.get("b", f"k{size}", range=(size // 2, None)) for size in SIZES}
        processes_together(change)
        for size in SIZES:
            data = described(f"old.{size}", size)
            assert readers[size].read() == data
            assert parts[size].read() == data[size // 2 :]
            assert bytes(readers[size].view()) == data
        assert driver.list_buckets() == []


@alone()
def test_a_listing_is_of_one_moment(tmp_path: Path) -> None:
    """All objects get a new number in one commit, and one of them moves to and fro between two keys."""
    keys = [f"{number:03d}" for number in range(300)]
    prepared(tmp_path, {**dict.fromkeys(keys, b""), "left": b""})
    done = cells(1)

    def write() -> None:
        with opened(tmp_path, durability="relaxed") as driver:
            sides = ["left", "right"]
            for number in range(60):
                with driver.batch() as batch:
                    for key in keys:
                        batch.put("b", key, b"", metadata={"n": str(number)})
                    batch.copy("b", sides[0], "b", sides[1], metadata={"n": str(number)})
                    batch.delete("b", sides[0])
                sides.reverse()
        done[0] = 1

    def read() -> None:
        with opened(tmp_path) as driver:
            while not done[0]:
                page = list(driver.list("b"))
                assert [info.key for info in page[:-1]] == keys
                assert len({info.metadata.get("n") for info in page}) == 1
                many = driver.get_many("b", ["left", "right"])
                assert len(many) == 1

    processes_together(write, read, read)


# A writer that stands still, or dies, at any step of its commit.

STEPS = ("pwrite", "fdatasync", "unlock")


def stopped_writer(folder: Path, call: str, work: Callable[[EngineDriver], object]) -> Child:
    """A child that does ``work`` and is stopped by a signal right after its first ``call`` in there."""

    def write() -> None:
        faults = Faults(folder / "store")
        driver = opened(folder)
        driver.put("b", "before", b"")
        faults.arm(call, STOP_AFTER)
        work(driver)
        driver.close()

    child = Child(write)
    child.wait_stopped()
    return child


@alone()
@pytest.mark.parametrize("call", STEPS)
def test_a_writer_that_stands_still_keeps_no_reader_waiting(
    tmp_path: Path, fault_library: Path, call: str
) -> None:
    large = described("large", 300_000)
    prepared(tmp_path, {"small": b"s", "large": large})

    def look(driver: EngineDriver) -> None:
        assert driver.get("b", "small").read() == b"s"
        assert driver.get("b", "large").read() == large
        assert driver.head("b", "before").size == 0
        assert {info.key for info in driver.list("b", prefix="l")} == {"large"}
        assert [info.name for info in driver.list_buckets()] == ["b"]
        assert driver.get_many("b", ["small"]) == {"small": b"s"}
        driver.ping()

    def look_anew() -> None:
        # Not closed: a close flushes, and waits for its turn to do so.
        look(opened(tmp_path))

    with opened(tmp_path) as driver:
        writer = stopped_writer(tmp_path, call, lambda other: other.put("b", "new", b"n"))
        look(driver)
        processes_together(look_anew, lambda: look(opened(tmp_path, mode="r")))
        # Over a fork the index is opened anew, in the parent and in the child.
        processes_together(lambda: look(driver))
        look(driver)
        writer.signal(signal.SIGCONT)
        assert writer.wait() == 0
        assert driver.get("b", "new").read() == b"n"


@alone()
@pytest.mark.parametrize("call", STEPS)
def test_a_writer_that_is_killed_lets_the_next_one_in(tmp_path: Path, fault_library: Path, call: str) -> None:
    prepared(tmp_path)
    begun, acknowledged = FORK.Event(), FORK.Event()

    def wait_and_write() -> None:
        with opened(tmp_path) as driver:
            begun.set()
            driver.put("b", "waited", b"w")
            acknowledged.set()

    writer = stopped_writer(tmp_path, call, lambda other: other.put("b", "new", b"n" * 100))
    waiting = Child(wait_and_write)
    assert begun.wait(WAIT)
    if call != "unlock":  # there it has let go of the lock
        assert not acknowledged.is_set()
    writer.kill()
    assert waiting.wait() == 0
    assert acknowledged.is_set()
    with opened(tmp_path) as driver:
        found = contents(driver)
    assert found.pop("new", b"n" * 100) == b"n" * 100
    assert found == {"before": b"", "waited": b"w"}
    check_store(tmp_path / "store", tmp_path / "scratch")
