"""Compaction beside readers, writers and batches: nothing changes for anybody."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from harness.compacted import content, fill, packs, whole
from harness.gathered import Call, Gathered, wait_for, waiting
from harness.neighbour import Neighbour
from harness.noise import noise
from harness.opened import opened
from harness.twice import beside

from trove._engine import snapshots
from trove._engine.compact import compact
from trove.drivers.engine import EngineDriver

MIB = 1 << 20


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[EngineDriver]:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        yield driver


def held_open() -> list[str]:
    """The files that this process has open."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # of the listing itself
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
    return found


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
    held = noise("large", 10 * MIB)
    driver.put("b", "large", held)
    driver.put("b", "gone", noise("gone", 10 * MIB))
    driver.delete("b", "gone")
    driver.compact()
    reader = driver.get("b", "large")
    first, second = reader.view(), reader.view()
    assert bytes(first) == held
    assert first.obj is second.obj  # the mapping, not a copy


def test_a_batch_that_began_before_commits_after(driver: EngineDriver) -> None:
    fill(driver)
    late = noise("late", 3 * MIB)
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
    driver.put("b", "gone", noise("gone", 5 * MIB))
    driver.delete("b", "gone")
    with ExitStack() as left:
        left.enter_context(driver.batch()).put("b", "late", noise("late", 3 * MIB))
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
    assert driver.get("b", "late").read() == noise("late", 3 * MIB)
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


def test_a_stream_goes_on_when_what_it_has_written_was_taken_from_under_it(driver: EngineDriver) -> None:
    fill(driver)
    pieces = [noise(number, 5 * MIB) for number in range(4)]

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
    late = noise("late", 3 * MIB)
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
    first = driver.put("b", "key", noise(1, MIB))
    driver.put("b", "key", noise(2, MIB))
    upload = driver.initiate_multipart("b", "upload")
    part = driver.upload_part("b", "upload", upload, 1, noise(3, MIB))
    gone = driver.put("b", "gone", noise(4, 5 * MIB))
    driver.delete_version("b", "gone", gone.version_id)
    assert driver.compact().packs == 1
    assert driver.get_version("b", "key", first.version_id).read() == noise(1, MIB)
    driver.complete_multipart("b", "upload", upload, [part])
    driver.restore_version("b", "key", first.version_id)
    driver.compact()
    assert driver.get("b", "key").read() == noise(1, MIB)
    assert driver.get("b", "upload").read() == noise(3, MIB)
    assert whole(driver)


def test_a_pack_that_somebody_appends_to_is_left_until_he_has_begun_another(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        other = Neighbour(f"trove://{tmp_path}/store?durability=relaxed")
        for number in range(3):
            other.put("b", "key", noise(number, MIB))
        driver.delete("b", "key")
        driver.put("b", "ours", noise("ours", MIB))
        assert driver.compact().packs == 0
        other.put("b", "key", noise("last", MIB))
        assert driver.compact().packs == 1
        assert driver.get("b", "key").read() == noise("last", MIB)
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
                driver.put("b", f"{name}", noise((name, number), 300_000))
                if driver.get("b", f"{name}").read() != noise((name, number), 300_000):
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
