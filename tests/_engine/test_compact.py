"""Compaction: the space of what is gone comes back, and nothing else changes for anybody."""

from __future__ import annotations

import os
import random
import shutil
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from harness import low_thresholds
from harness.gathered import Call, Gathered, wait_for, waiting
from harness.log_records import CUT_LOG, Commit, read_pack
from harness.neighbour import Neighbour
from harness.opened import opened

from trove._engine import shrink, snapshots
from trove._engine.compact import compact
from trove._engine.reports import CompactReport
from trove.drivers.engine import EngineDriver
from trove.errors import (
    CorruptStoreError,
    DriverClosedError,
    EventsLostError,
    ObjectNotFoundError,
    UnsupportedOptionError,
)

MIB = 1 << 20


def data_of(name: object, size: int) -> bytes:
    return random.Random(f"{name}").randbytes(size)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[EngineDriver]:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        yield driver


def fill(driver: EngineDriver, count: int = 60, size: int = 200_000) -> dict[str, bytes]:
    """Put objects of all kinds and delete two of three; what is left."""
    held = {}
    for number in range(count):
        key = f"key-{number:03d}"
        held[key] = data_of(key, (100, size, 5_000)[number // 3 % 3])
        driver.put("b", key, held[key])
    for number in range(count):
        if number % 3:
            driver.delete("b", f"key-{number:03d}")
            del held[f"key-{number:03d}"]
    return held


def age(driver: EngineDriver) -> None:
    """Make the log longer by more than what is kept of it for watchers."""
    for number in range(400):
        driver.put("b", "aged", data_of(number, 2000))
    driver.delete("b", "aged")


def packs(driver: EngineDriver) -> list[Path]:
    return sorted((store_of(driver) / "packs").iterdir())


def held_open() -> list[str]:
    """The files that this process has open."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # of the listing itself
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
    return found


def store_of(driver: EngineDriver) -> Path:
    return Path(driver.opened().path)


def content(driver: EngineDriver) -> dict[str, bytes]:
    return {info.key: driver.get("b", info.key).read() for info in driver.list("b")}


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


def whole(driver: EngineDriver) -> bool:
    report = driver.verify()
    assert report.problems == ()
    return report.ok


# Space.


def test_the_space_of_what_was_deleted_comes_back(driver: EngineDriver) -> None:
    held = fill(driver, count=300)
    before = driver.stats()
    report = driver.compact()
    after = driver.stats()
    assert before.live_bytes == after.live_bytes == report.moved_bytes
    assert report.freed_bytes > 2 * report.moved_bytes
    assert report.packs == 1
    assert after.pack_bytes <= 1.1 * after.live_bytes + 2 * MIB
    assert content(driver) == held
    assert whole(driver)


def test_where_everything_was_deleted_almost_nothing_is_left(driver: EngineDriver) -> None:
    for key in fill(driver):
        driver.delete("b", key)
    driver.compact()
    assert driver.stats().pack_bytes < 2 * MIB
    assert whole(driver)


def test_a_second_run_finds_nothing_to_do(driver: EngineDriver) -> None:
    fill(driver)
    driver.compact()
    report = driver.compact()
    assert (report.moved_bytes, report.freed_bytes, report.packs) == (0, 0, 0)


def test_nothing_is_moved_where_nothing_was_deleted(driver: EngineDriver) -> None:
    for number in range(20):
        driver.put("b", f"{number}", data_of(number, 100_000))
    before = packs(driver)
    assert driver.compact().moved_bytes == 0
    assert packs(driver) == before


def test_overwrites_and_compactions_in_turn_hold_the_space(driver: EngineDriver) -> None:
    held = {}
    for number in range(12):
        for key in range(10):
            held[f"{key}"] = data_of((number, key), 400_000)
            driver.put("b", f"{key}", held[f"{key}"])
        driver.compact()
        stats = driver.stats()
        assert stats.pack_bytes <= 1.1 * stats.live_bytes + 2 * MIB
    assert content(driver) == held
    assert whole(driver)


def test_no_number_is_given_to_two_packs(driver: EngineDriver) -> None:
    numbers = []
    for number in range(4):
        driver.put("b", "key", data_of(number, 3 * MIB))
        driver.compact()
        numbers += [path.name for path in packs(driver) if path.name not in numbers]
    assert numbers == sorted(numbers)
    assert len(numbers) > 2


def test_a_number_that_others_had_and_gave_up_since_it_was_looked_for_is_not_taken(
    driver: EngineDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        driver.put("b", f"{number}", data_of(number, 5000))
        driver.opened().writer.retire()
    gone = packs(driver)[1]
    gone.unlink()
    listed = os.listdir
    late: list[str] = []

    def listdir(path: str) -> list[str]:
        names = listed(path)
        if path == str(gone.parent) and not late:
            late.append(path)
            return [name for name in names if name < gone.name]
        return names

    monkeypatch.setattr(os, "listdir", listdir)
    driver.put("b", "later", data_of("later", 5000))
    assert late
    assert not gone.exists()


def test_the_number_of_a_pack_in_which_nothing_was_committed_is_not_given_again(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        for number in range(4):
            yield data_of(number, 5 * MIB)
        os._exit(0)

    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "key", data_of("key", MIB))
        child = os.fork()
        if child == 0:
            with opened(tmp_path) as driver:
                driver.put("b", "broken", broken())
        os.waitpid(child, 0)
        highest = packs(driver)[-1]
        assert highest.stat().st_size > 4 * MIB
        driver.compact()
        driver.put("b", "key", data_of("other", MIB))
        assert packs(driver)[-1] > highest or highest.stat().st_size > 4 * MIB
        driver.compact()
        assert not highest.exists()
        assert driver.get("b", "key").read() == data_of("other", MIB)


def test_it_ends_where_chunks_are_so_small_that_what_stands_beside_them_is_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    low_thresholds.lower(monkeypatch)
    told = []

    def progress(done: int, total: int) -> None:
        told.append(done)
        assert len(told) < 1000, "it goes on for ever"

    with opened(tmp_path, durability="relaxed", chunk_size="512") as driver:
        driver.create_bucket("b")
        held = fill(driver, count=40)
        assert driver.compact(progress=progress).packs > 0
        # And by itself it does not begin anew.
        assert driver.compact(progress=progress) == CompactReport(0, 0, 0)
        assert content(driver) == held


def test_it_ends_though_more_is_deleted_all_the_time(driver: EngineDriver) -> None:
    held = fill(driver)
    told = []

    def progress(done: int, total: int) -> None:
        told.append(done)
        assert len(told) < 20, "it goes on for ever"
        driver.put("b", "more", data_of(len(told), 3 * MIB))
        driver.delete("b", "more")

    assert driver.compact(progress=progress).packs == 1
    assert content(driver) == held


def test_progress_is_told_and_ends_with_all_of_it(driver: EngineDriver) -> None:
    fill(driver, count=300)
    told: list[tuple[int, int]] = []
    driver.compact(progress=lambda done, total: told.append((done, total)))
    assert len(told) > 1
    assert told[-1][0] == told[-1][1]
    assert all(done <= total for done, total in told)


def test_a_store_that_is_only_read_is_not_compacted(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with opened(tmp_path, mode="r") as driver, pytest.raises(UnsupportedOptionError):
        driver.compact()


@pytest.fixture
def bulky(driver: EngineDriver) -> EngineDriver:
    """A store whose index has become much larger than it need be."""
    for number in range(15):
        driver.put_many("b", [(f"{number}-{at}", data_of(at, 2000)) for at in range(1000)])
    driver.put("b", "kept", b"kept")
    for number in range(15):
        with driver.batch() as batch:
            for at in range(1000):
                batch.delete("b", f"{number}-{at}")
    return driver


def test_the_index_gives_its_space_back(bulky: EngineDriver) -> None:
    assert bulky.stats().index_bytes > 16 * MIB
    bulky.compact()
    assert bulky.stats().index_bytes < 4 * MIB
    assert content(bulky) == {"kept": b"kept"}
    bulky.put("b", "later", b"later")
    assert content(bulky) == {"kept": b"kept", "later": b"later"}
    assert whole(bulky)
    assert sum(path.stat().st_size for path in store_of(bulky).rglob("*") if path.is_file()) < 16 * MIB


def test_the_index_stays_as_it_is_while_another_process_has_it_open(bulky: EngineDriver) -> None:
    before = bulky.stats().index_bytes
    other = Neighbour(f"trove://{store_of(bulky)}?durability=relaxed")
    bulky.compact()
    assert bulky.stats().index_bytes >= before
    other.put("b", "other", b"other")
    assert content(bulky) == {"kept": b"kept", "other": b"other"}
    other.close()
    bulky.compact()
    assert bulky.stats().index_bytes < before
    assert content(bulky) == {"kept": b"kept", "other": b"other"}
    assert whole(bulky)


def test_who_comes_after_the_index_was_exchanged_shares_it(bulky: EngineDriver) -> None:
    bulky.compact()
    other = Neighbour(f"trove://{store_of(bulky)}?durability=relaxed")
    for number in range(20):
        other.put("b", "theirs", b"%d" % number)
        bulky.put("b", "ours", b"%d" % number)
        assert bulky.get("b", "theirs").read() == b"%d" % number
    other.close()
    assert whole(bulky)


def test_threads_read_and_write_on_while_the_index_is_exchanged(bulky: EngineDriver) -> None:
    stop = threading.Event()
    wrong: list[object] = []

    def work(name: int) -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                bulky.put("b", f"{name}", b"%d" % number)
                if bulky.get("b", f"{name}").read() != b"%d" % number:
                    wrong.append((name, number))
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    bulky.compact()
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert bulky.stats().index_bytes < 8 * MIB
    assert whole(bulky)


def test_a_reader_with_mode_r_follows_to_the_exchanged_index(bulky: EngineDriver, tmp_path: Path) -> None:
    def twice() -> Iterator[None]:
        with opened(tmp_path, mode="r") as reading:
            assert content(reading) == {"kept": b"kept"}
            yield
            assert content(reading) == {"kept": b"kept", "later": b"later"}

    with beside(twice):
        bulky.compact()
        assert bulky.stats().index_bytes < 4 * MIB
        bulky.put("b", "later", b"later")


# Whoever reads and writes meanwhile.


def test_a_reader_goes_on_where_its_pack_was_removed(driver: EngineDriver) -> None:
    held = fill(driver)
    reader = driver.get("b", "key-003")
    start = reader.read(1000)
    gone = packs(driver)
    driver.compact()
    assert not any(path.exists() for path in gone)
    assert start + reader.read() == held["key-003"]


def test_an_object_is_read_in_another_process_that_knew_the_old_place(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        held = fill(driver)

        def twice() -> Iterator[None]:
            assert content(driver) == held
            yield
            assert content(driver) == held
            # Packs that are gone are not held open either.
            assert not [path for path in held_open() if ".pack (deleted)" in path]

        with beside(twice):
            driver.compact()


def test_a_reader_with_mode_r_beside_it_reads_on(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        held = fill(driver)

        def twice() -> Iterator[None]:
            with opened(tmp_path, mode="r") as reading:
                assert content(reading) == held
                yield
                assert content(reading) == held

        with beside(twice):
            driver.compact()


def test_a_view_of_a_removed_pack_stays_readable(driver: EngineDriver) -> None:
    held = fill(driver)
    view = driver.get("b", "key-003").view()
    driver.compact()
    assert bytes(view) == held["key-003"]


def test_an_object_of_one_extent_is_still_one_piece_of_memory(driver: EngineDriver) -> None:
    held = data_of("large", 10 * MIB)
    driver.put("b", "large", held)
    driver.put("b", "gone", data_of("gone", 10 * MIB))
    driver.delete("b", "gone")
    driver.compact()
    reader = driver.get("b", "large")
    first, second = reader.view(), reader.view()
    assert bytes(first) == held
    assert first.obj is second.obj  # the mapping, not a copy


def test_a_batch_that_began_before_commits_after(driver: EngineDriver) -> None:
    fill(driver)
    late = data_of("late", 3 * MIB)
    shared = driver.get("b", "key-003").read()
    with driver.batch() as batch:
        batch.put("b", "late", late)
        batch.put("b", "shared", shared)
        driver.delete("b", "key-003")
        gone = packs(driver)
        driver.compact()
        assert not any(path.exists() for path in gone)
    assert driver.get("b", "late").read() == late
    assert driver.get("b", "shared").read() == shared
    assert whole(driver)


def after_the_cut(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Have ``do()`` done when the log has been cut, right before packs are removed."""
    compaction: Any = vars(sys.modules[compact.__module__])["Compaction"]
    cut = compaction._cut

    def then(run: object, commits: object) -> object:
        done = cut(run, commits)
        do()
        return done

    monkeypatch.setattr(compaction, "_cut", then)


@pytest.fixture
def late(driver: EngineDriver) -> Iterator[Call]:
    """The commit of a put whose bytes are in a pack that nothing lives in."""
    driver.put("b", "gone", data_of("gone", 5 * MIB))
    driver.delete("b", "gone")
    with ExitStack() as left:
        left.enter_context(driver.batch()).put("b", "late", data_of("late", 3 * MIB))
        yield Call(left.pop_all().close)


def test_a_put_that_is_committed_together_with_the_removal_keeps_its_bytes(
    driver: EngineDriver, late: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[threading.Thread] = []

    def gather() -> None:
        gathered = Gathered(driver, monkeypatch)
        gathered.queue(late)

        def go_on() -> None:
            wait_for(lambda: waiting(driver) > 1)  # behind the put
            gathered.go.set()

        begun.extend((gathered.first, late, threading.Thread(target=go_on)))
        begun[-1].start()

    after_the_cut(monkeypatch, gather)
    driver.compact()
    for thread in begun:
        thread.join()
    assert late.error is None
    assert driver.get("b", "late").read() == data_of("late", 3 * MIB)
    assert whole(driver)


def test_a_pack_that_something_came_to_and_went_from_meanwhile_is_flushed_before_it_goes(
    driver: EngineDriver, late: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def come_and_go() -> None:
        late.run()
        driver.delete("b", "late")

    after_the_cut(monkeypatch, come_and_go)
    assert driver.compact().packs == 1
    assert late.error is None
    driver.opened().flush_now()  # which finds no pack missing
    assert whole(driver)


def test_the_index_of_a_store_that_is_closed_meanwhile_stays_as_it_is(
    driver: EngineDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = driver.opened()

    def closed(_: object) -> bool:
        driver.close()
        return True

    monkeypatch.setattr(shrink, "is_wasteful", closed)
    with pytest.raises(DriverClosedError):
        shrink.shrink(core)


def test_a_stream_goes_on_when_what_it_has_written_was_taken_from_under_it(driver: EngineDriver) -> None:
    fill(driver)
    pieces = [data_of(number, 5 * MIB) for number in range(4)]

    def stream() -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            driver.compact()

    driver.put("b", "stream", stream())
    assert driver.get("b", "stream").read() == b"".join(pieces)
    assert whole(driver)


def test_a_put_that_commits_just_before_its_pack_is_removed_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = data_of("late", 3 * MIB)
    since = snapshots.since
    with opened(tmp_path) as driver, ExitStack() as writing:
        driver.create_bucket("b")
        held = fill(driver)
        writing.enter_context(driver.batch()).put("b", "late", late)

        def commit(store: str, sequence: int) -> list[Path]:
            # By then nothing lives in the pack, and it is not removed yet.
            writing.close()
            return since(store, sequence)

        monkeypatch.setattr(snapshots, "since", commit)
        driver.compact()
        assert content(driver) == {**held, "late": late}
        assert whole(driver)
    shutil.rmtree(tmp_path / "store" / "index")
    with opened(tmp_path) as driver:
        assert content(driver) == {**held, "late": late}


def test_a_copy_of_a_moved_object_outlives_it(driver: EngineDriver) -> None:
    held = fill(driver)
    driver.compact()
    driver.copy("b", "key-003", "b", "copy")
    driver.delete("b", "key-003")
    driver.compact()
    assert driver.get("b", "copy").read() == held["key-003"]
    assert whole(driver)


def test_content_that_was_moved_is_stored_once(driver: EngineDriver) -> None:
    held = fill(driver)
    driver.compact()
    before = driver.stats().live_bytes
    driver.put("b", "again", held["key-003"])
    assert driver.stats().live_bytes == before


def test_older_versions_and_parts_move_too(driver: EngineDriver) -> None:
    driver.set_versioning("b", True)
    first = driver.put("b", "key", data_of(1, MIB))
    driver.put("b", "key", data_of(2, MIB))
    upload = driver.initiate_multipart("b", "upload")
    part = driver.upload_part("b", "upload", upload, 1, data_of(3, MIB))
    gone = driver.put("b", "gone", data_of(4, 5 * MIB))
    driver.delete_version("b", "gone", gone.version_id)
    assert driver.compact().packs == 1
    assert driver.get_version("b", "key", first.version_id).read() == data_of(1, MIB)
    driver.complete_multipart("b", "upload", upload, [part])
    driver.restore_version("b", "key", first.version_id)
    driver.compact()
    assert driver.get("b", "key").read() == data_of(1, MIB)
    assert driver.get("b", "upload").read() == data_of(3, MIB)
    assert whole(driver)


def test_a_pack_that_somebody_appends_to_is_left_until_he_has_begun_another(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        other = Neighbour(f"trove://{tmp_path}/store?durability=relaxed")
        for number in range(3):
            other.put("b", "key", data_of(number, MIB))
        driver.delete("b", "key")
        driver.put("b", "ours", data_of("ours", MIB))
        assert driver.compact().packs == 0
        other.put("b", "key", data_of("last", MIB))
        assert driver.compact().packs == 1
        assert driver.get("b", "key").read() == data_of("last", MIB)
        other.close()
        assert whole(driver)


def test_writers_of_all_threads_go_on(driver: EngineDriver) -> None:
    stop = threading.Event()
    wrong: list[object] = []

    def write(name: int) -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                driver.put("b", f"{name}", data_of((name, number), 300_000))
                if driver.get("b", f"{name}").read() != data_of((name, number), 300_000):
                    wrong.append((name, number))
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        driver.compact()
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert whole(driver)


def test_who_comes_while_somebody_compacts_waits_or_is_told(driver: EngineDriver) -> None:
    fill(driver, count=300)
    inside, go_on = threading.Event(), threading.Event()

    def progress(done: int, total: int) -> None:
        inside.set()
        go_on.wait(60)

    first = threading.Thread(target=driver.compact, kwargs={"progress": progress})
    first.start()
    assert inside.wait(60)
    assert compact(driver.opened(), wait=False) is None
    go_on.set()
    assert driver.compact().moved_bytes == 0
    first.join()


def test_what_stops_it_half_way_leaves_the_store_whole_and_the_next_run_to_do_the_rest(
    driver: EngineDriver,
) -> None:
    held = fill(driver, count=300)

    def progress(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        driver.compact(progress=progress)
    assert content(driver) == held
    assert whole(driver)
    assert driver.compact().packs >= 1
    assert content(driver) == held
    assert driver.stats().pack_bytes <= 1.1 * driver.stats().live_bytes + 2 * MIB


# What is left to recover from.


def test_the_index_is_made_anew_without_the_packs_that_are_gone(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        held = fill(driver)
        age(driver)
        driver.compact()
        driver.put("b", "later", data_of("later", 300_000))
    shutil.rmtree(tmp_path / "store" / "index")
    with opened(tmp_path) as driver:
        assert content(driver) == {**held, "later": data_of("later", 300_000)}
        assert whole(driver)


@pytest.mark.parametrize("newest", [True, False])
def test_one_damaged_snapshot_costs_nothing(tmp_path: Path, newest: bool) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        held = fill(driver)
        age(driver)
        driver.compact()
    shutil.rmtree(tmp_path / "store" / "index")
    kept = snapshots.found(str(tmp_path / "store"))
    assert len(kept) == 2
    kept[0 if newest else 1].write_bytes(b"garbage")
    with opened(tmp_path) as driver:
        assert content(driver) == held
    EngineDriver().repair(f"trove://{tmp_path}/store")
    with opened(tmp_path) as driver:
        assert content(driver) == held
        assert whole(driver)


def test_without_index_and_snapshots_the_store_is_refused_and_repair_says_what_is_lost(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        fill(driver)
        age(driver)
        driver.compact()
        driver.put("b", "later", b"later")
    shutil.rmtree(tmp_path / "store" / "index")
    shutil.rmtree(tmp_path / "store" / "snapshots")
    with pytest.raises(CorruptStoreError):
        opened(tmp_path)
    report = EngineDriver().repair(f"trove://{tmp_path}/store")
    assert any("not known" in lost.why for lost in report.lost)
    with opened(tmp_path) as driver:
        assert whole(driver)


def test_the_index_alone_is_enough_to_repair_from(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        held = fill(driver)
        age(driver)
        driver.compact()
    shutil.rmtree(tmp_path / "store" / "snapshots")
    with opened(tmp_path) as driver:
        assert content(driver) == held
        assert [problem.what for problem in driver.verify().problems if "no snapshot" in problem.what]
    report = EngineDriver().repair(f"trove://{tmp_path}/store")
    assert report.lost == ()
    shutil.rmtree(tmp_path / "store" / "index")
    with opened(tmp_path) as driver:
        assert content(driver) == held
        assert whole(driver)


def test_where_the_commit_that_cut_the_log_is_damaged_a_repair_says_again_that_it_is_cut(
    tmp_path: Path,
) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        held = fill(driver)
        age(driver)
        driver.compact()
    ((damaged, offset),) = (
        (path, record.offset)
        for path in tmp_path.glob("store/packs/*")
        for record in read_pack(path)[1]
        if isinstance(record, Commit) and any(operation == CUT_LOG for operation, *_ in record.operations)
    )
    raw = bytearray(damaged.read_bytes())
    raw[offset + 40] ^= 1
    damaged.write_bytes(raw)
    EngineDriver().repair(f"trove://{tmp_path}/store")
    with opened(tmp_path) as driver:
        assert content(driver) == held
        assert whole(driver)
        # And it does so for good.
        driver.snapshot()
        driver.put("b", "later", b"later")
        driver.snapshot()
        assert whole(driver)
    shutil.rmtree(tmp_path / "store" / "index")
    with opened(tmp_path) as driver:
        assert content(driver) == {**held, "later": b"later"}
        assert whole(driver)


def test_a_damaged_chunk_is_not_moved_and_its_pack_stays(driver: EngineDriver) -> None:
    held = fill(driver)
    (pack,) = packs(driver)
    raw = bytearray(pack.read_bytes())
    raw[raw.index(held["key-003"][1000:1100])] ^= 1
    pack.write_bytes(raw)
    driver.compact()
    assert pack.exists()
    assert len(driver.verify().problems) > 0
    del held["key-003"]
    for key, data in held.items():
        assert driver.get("b", key).read() == data


def test_a_moved_chunk_that_is_damaged_is_found_and_repaired_away(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        held = fill(driver)
        driver.compact()
        (pack,) = packs(driver)
    raw = bytearray(pack.read_bytes())
    raw[raw.index(held["key-003"][1000:1100])] ^= 1
    pack.write_bytes(raw)
    report = EngineDriver().repair(f"trove://{tmp_path}/store")
    assert [(lost.bucket, lost.key) for lost in report.lost] == [("b", "key-003")]
    with opened(tmp_path) as driver:
        del held["key-003"]
        assert content(driver) == held
        with pytest.raises(ObjectNotFoundError):
            driver.get("b", "key-003")
        assert whole(driver)


def test_who_asks_for_events_that_are_gone_is_told(driver: EngineDriver) -> None:
    driver.put("b", "first", b"1")
    with driver.watch("b", since=0) as watcher:
        first = watcher.get(1)
    assert first is not None
    fill(driver)
    age(driver)
    driver.compact()
    with pytest.raises(EventsLostError):
        driver.watch("b", since=first.sequence)
    with driver.watch("b") as watcher:
        driver.put("b", "later", b"2")
        later = watcher.get(5)
        assert later is not None
        assert later.key == "later"


def test_a_watcher_that_has_read_on_sees_everything_once(driver: EngineDriver) -> None:
    fill(driver)
    with driver.watch("b") as watcher:
        for number in range(5):
            driver.put("b", f"seen-{number}", b"x")
            driver.compact()
        keys = []
        while event := watcher.get(0):
            keys.append(event.key)
    assert keys == [f"seen-{number}" for number in range(5)]
