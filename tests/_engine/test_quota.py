"""Quotas on the engine: what the suite can't ask for."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness.alone import alone, processes_together
from harness.changed_rows import changed_rows
from harness.gathered import Call, Gathered, Put
from harness.index_rows import Rows, check_store, rows_of
from harness.opened import opened

from trove import BucketNotFoundError, InvalidArgumentError, Quota, QuotaExceededError, UnsupportedOptionError
from trove.drivers.engine import EngineDriver

STORE = b"\0"
LARGE = random.Random(5).randbytes(300_000)


def used(rows: Rows, key: bytes = b"b") -> tuple[int, int]:
    """What the index says is used of a quota: (bytes, objects)."""
    row = rows["quotas"][key]
    return int.from_bytes(row[16:24], "little"), int.from_bytes(row[24:32], "little")


def checked(folder: Path) -> Rows:
    return check_store(folder / "store", folder / "scratch")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The folder of a store with a bucket for 1,000 bytes and 10 objects, with 2 of them, of 600 bytes."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.create_bucket("other")
        driver.put("b", "one", bytes(200))
        driver.set_quota("b", max_bytes=1000, max_objects=10)
        driver.put("b", "two", bytes(400))
    return tmp_path


def refused(driver: EngineDriver, size: int, bucket: str = "b") -> bool:
    try:
        driver.put(bucket, "more", bytes(size))
    except QuotaExceededError:
        return True
    driver.delete(bucket, "more")
    return False


def exact(driver: EngineDriver, room: int) -> bool:
    return refused(driver, room + 1) and not refused(driver, room)


# What is used is right, however it came about.


def every_change(driver: EngineDriver) -> None:
    """All that adds and takes away, in a bucket with versions, ``kept``, and in one without, ``b``."""
    driver.create_bucket("kept")
    driver.set_versioning("kept", True)
    for bucket in ("b", "kept"):
        driver.put(bucket, "large", LARGE)
        driver.put(bucket, "large", LARGE[:200_000])
        driver.copy(bucket, "large", bucket, "copy")
        driver.put(bucket, "gone", b"gone")
        driver.delete(bucket, "gone")
        driver.put_many(bucket, {f"many-{number}": bytes(number) for number in range(50)})
        for key in ("left open", "completed", "aborted"):
            upload = driver.initiate_multipart(bucket, key)
            parts = [driver.upload_part(bucket, key, upload, 1 + at, LARGE[at:90_000]) for at in range(3)]
            driver.upload_part(bucket, key, upload, 9, b"9")
            if key == "completed":
                driver.complete_multipart(bucket, key, upload, parts)
            elif key == "aborted":
                driver.abort_multipart(bucket, key, upload)
    for number in range(4):
        driver.put("kept", "versions", bytes(100 + number))
    driver.delete("kept", "versions")
    ids = [version.version_id for version in driver.list_versions("kept", "versions")]
    driver.delete_version("kept", "versions", ids[2])
    driver.restore_version("kept", "versions", ids[3])
    driver.set_versioning("kept", False)
    for size in (10, 20):
        driver.put("kept", "versions", bytes(size))
    driver.delete("kept", "large")


@pytest.mark.parametrize("before", [True, False])
def test_every_change_is_counted(tmp_path: Path, before: bool) -> None:
    """By a quota that was there before, and by one that is set afterwards."""
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")

        def limit(*buckets: str | None) -> None:
            for bucket in buckets:
                driver.set_quota(bucket, max_bytes=1 << 40)

        if before:
            limit("b", None)
        every_change(driver)
        if not before:
            limit("b", None)
        limit("kept")
        driver.put("kept", "last", b"last")
        assert driver.verify().problems == ()
    rows = checked(tmp_path)
    sizes = [used(rows, key) for key in (b"b", b"kept", STORE)]
    assert sizes[2] == (sizes[0][0] + sizes[1][0], sizes[0][1] + sizes[1][1])


def test_a_bucket_with_much_in_it_is_counted(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        for name in ("a", "b", "b-more"):
            driver.create_bucket(name)
            driver.put_many(name, {f"{number:04d}": bytes(number % 7) for number in range(1000)})
        driver.set_quota("b", max_objects=1000)
        with pytest.raises(QuotaExceededError):
            driver.put("b", "1000", b"")
    assert used(checked(tmp_path)) == (sum(number % 7 for number in range(1000)), 1000)


# It stays.


def reopened(store: Path) -> None:
    pass


def rebuilt(store: Path) -> None:
    shutil.rmtree(store / "store" / "index")
    shutil.rmtree(store / "store" / "snapshots")


def from_a_snapshot(store: Path) -> None:
    with opened(store) as driver:
        driver.snapshot()
        driver.put("b", "two", bytes(401))
        driver.put("b", "two", bytes(400))
    shutil.rmtree(store / "store" / "index")


def repaired(store: Path) -> None:
    EngineDriver().repair(f"trove://{store}/store")


@pytest.mark.parametrize("way", [reopened, rebuilt, from_a_snapshot, repaired])
def test_it_outlives(store: Path, way: Callable[[Path], None]) -> None:
    way(store)
    with opened(store) as driver:
        assert driver.get_quota("b") == Quota(1000, 10)
        assert driver.get_quota("other") == driver.get_quota(None) == Quota()
        assert exact(driver, 400)
        assert driver.verify().problems == ()
    assert used(checked(store)) == (600, 2)


def test_a_repair_takes_it_from_the_index_where_the_log_lost_it(store: Path) -> None:
    pack = store / "store" / "packs" / "0000000001.pack"
    with opened(store) as driver:
        driver.set_quota(None, max_objects=7)
        driver.put("other", "needle", b"needle in the log")
    data = bytearray(pack.read_bytes())
    # All but the last commit is beyond a hole: the quotas too.
    data[data.index(b"other") + 1] ^= 1
    pack.write_bytes(data)
    report = EngineDriver().repair(f"trove://{store}/store")
    assert any("from the index" in each for each in report.done), report
    with opened(store) as driver:
        assert (driver.get_quota("b"), driver.get_quota(None)) == (Quota(1000, 10), Quota(max_objects=7))
        assert exact(driver, 400)
        assert driver.verify().problems == ()
    rows = checked(store)
    assert (used(rows), used(rows, STORE)) == ((600, 2), (617, 3))


def test_it_goes_with_the_bucket_in_a_rebuild_too(store: Path) -> None:
    with opened(store) as driver:
        driver.delete("b", "one")
        driver.delete("b", "two")
        driver.delete_bucket("b")
        driver.create_bucket("b")
        assert driver.get_quota("b") == Quota()
        driver.put("b", "large", LARGE)
    assert checked(store)["quotas"] == {}


def test_a_read_only_store_shows_it(store: Path) -> None:
    with opened(store, mode="r") as driver:
        assert driver.get_quota("b") == Quota(1000, 10)
        with pytest.raises(UnsupportedOptionError):
            driver.set_quota("b")
    shutil.rmtree(store / "store" / "index")
    with opened(store, mode="r") as driver:
        assert driver.get_quota("b") == Quota(1000, 10)


def test_what_does_not_change_it_is_no_commit(store: Path) -> None:
    with opened(store) as driver:
        before = driver.stats().sequence
        driver.set_quota("b", max_bytes=1000, max_objects=10)
        driver.set_quota("other")
        for bucket, limits, error in (
            ("missing", {"max_bytes": 1}, BucketNotFoundError),
            ("b", {"max_bytes": -1}, InvalidArgumentError),
            (None, {"max_objects": "1"}, InvalidArgumentError),
        ):
            with pytest.raises(error):
                driver.set_quota(bucket, **limits)
        assert driver.stats().sequence == before
        assert driver.get_quota("b") == Quota(1000, 10)


# What is refused changes nothing.


@pytest.mark.parametrize("data", [bytes(401), LARGE, "pieces"], ids=["small", "large", "stream"])
def test_a_refused_put_is_absent_everywhere(store: Path, data: Any) -> None:
    if data == "pieces":
        data = iter([LARGE[at : at + 10_000] for at in range(0, 300_000, 10_000)])
    with opened(store) as driver:
        before = driver.stats()
        with pytest.raises(QuotaExceededError):
            driver.put("b", "large", data)
        assert driver.stats().sequence == before.sequence
        assert driver.stats().chunks == before.chunks
        assert [info.key for info in driver.list("b")] == ["one", "two"]
    assert used(checked(store)) == (600, 2)


def test_a_stream_is_not_read_on_when_it_is_too_long(store: Path) -> None:
    """It would fill the log."""
    given = 0

    def endless() -> Any:
        nonlocal given
        while True:
            given += 1
            yield bytes(1 << 20)

    with opened(store) as driver:
        with pytest.raises(QuotaExceededError):
            driver.put("b", "endless", endless())
        upload = driver.initiate_multipart("b", "endless")
        with pytest.raises(QuotaExceededError):
            driver.upload_part("b", "endless", upload, 1, endless())
        assert driver.list_parts("b", "endless", upload) == []
    assert given < 20


@pytest.mark.parametrize("data", [bytes(900), random.Random(2).randbytes(9000)], ids=["small", "large"])
def test_what_a_put_replaces_need_not_be_what_was_current(tmp_path: Path, data: bytes) -> None:
    """While versions are not kept, the one without an id goes, wherever it stands."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", data)
        driver.set_versioning("b", True)
        driver.put("b", "k", b"with an id")
        driver.set_versioning("b", False)
        driver.set_quota("b", max_bytes=len(data) + 10, max_objects=2)
        for source in (data, iter([data[:100], data[100:]])):
            driver.put("b", "k", source)
        with pytest.raises(QuotaExceededError):
            driver.put("b", "k", data + b"1")
    assert used(checked(tmp_path)) == (len(data) + 10, 2)


def test_a_batch_is_held_against_it_as_a_whole(store: Path) -> None:
    with opened(store) as driver:
        with driver.batch() as batch:
            batch.put("b", "large", random.Random(1).randbytes(3000))
            batch.delete("b", "large")
            batch.delete("b", "one")
            batch.delete("b", "two")
            batch.put("b", "three", bytes(1000))
        with pytest.raises(QuotaExceededError):
            driver.put_many("b", {"three": bytes(999), "four": b"44"})
        batch = driver.batch()
        batch.put("other", "not this either", b"x")
        batch.put("b", "four", b"4")
        with pytest.raises(QuotaExceededError):
            batch.__exit__(None, None, None)
        assert [info.key for info in driver.list("b")] == ["three"]
        assert list(driver.list("other")) == []
    assert used(checked(store)) == (1000, 1)


@pytest.mark.parametrize("batches", [True, False])
def test_who_is_refused_in_a_group_takes_nobody_along(
    store: Path, monkeypatch: pytest.MonkeyPatch, batches: bool
) -> None:
    """They share one commit, in which each is held against what those before it left."""
    with opened(store) as driver:
        group = Gathered(driver, monkeypatch)

        def put(number: int) -> Call:
            key, data = f"k{number}", bytes(150)
            return Call(lambda: driver.put_many("b", {key: data})) if batches else Put(driver, key, data)

        calls = [put(number) for number in range(6)]
        group.join(calls)
        fates = [type(call.error) if call.error else None for call in calls]
        assert fates == [None] * 2 + [QuotaExceededError] * 4
    assert used(checked(store)) == (600 + len(b"data") + 300, 5)


def test_a_quota_that_is_set_beside_writers_counts_them_all(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")

        def write(number: int) -> Callable[[], object]:
            return lambda: [driver.put("b", f"{number}-{at}", b"data") for at in range(200)]

        def limit() -> None:
            for most in range(1000, 1020):
                driver.set_quota("b", max_objects=most)

        calls = [Call(call) for call in (write(1), write(2), limit)]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
            assert call.error is None
        assert driver.verify().problems == ()
    assert used(checked(tmp_path)) == (1600, 400)


# Processes.


@alone()
@pytest.mark.parametrize("whole", [True, False])
def test_processes_don_t_pass_it_together(tmp_path: Path, whole: bool) -> None:
    """Four write as fast as they can, and exactly as many succeed as there is room for."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.create_bucket("c")
        driver.set_quota(None if whole else "b", max_objects=100, max_bytes=1005)

    def write(which: int) -> None:
        done = 0
        with opened(tmp_path, durability="relaxed") as driver:
            for number in range(60):
                bucket = "bc"[number % 2] if whole else "b"
                try:
                    driver.put(bucket, f"{which}-{number}", bytes(10))
                    done += 1
                except QuotaExceededError:
                    pass
        (tmp_path / f"done-{which}").write_text(str(done))

    processes_together(*(lambda which=which: write(which) for which in range(4)))
    assert sum(int(path.read_text()) for path in tmp_path.glob("done-*")) == 100
    with opened(tmp_path) as driver:
        assert len(list(driver.list("b"))) + len(list(driver.list("c"))) == 100
        assert driver.verify().problems == ()
    assert used(checked(tmp_path), STORE if whole else b"b") == (1000, 100)


@alone()
def test_a_quota_that_one_process_sets_holds_for_the_next_write_of_any(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        driver.put("b", "one", b"1")

        def limit() -> None:
            with opened(tmp_path) as other:
                other.set_quota("b", max_bytes=5)

        processes_together(limit)
        assert refused(driver, 5)
        assert not refused(driver, 4)
        with pytest.raises(QuotaExceededError):
            driver.put("b", "large", LARGE)

        def lift() -> None:
            with opened(tmp_path) as other:
                other.set_quota("b")

        processes_together(lift)
        driver.put("b", "large", LARGE)
    assert rows_of(tmp_path / "store", tmp_path / "scratch")["quotas"] == {}


# What is wrong in the index.


@pytest.mark.parametrize("at", [16, 24])
def test_a_wrong_count_is_told_and_made_anew(store: Path, at: int) -> None:
    with changed_rows(store / "store" / "index" / "data.mdb", "quotas") as rows:
        row = bytearray(rows[b"b"])
        row[at] ^= 1
        rows[b"b"] = bytes(row)
    with opened(store) as driver:
        said = [problem.what for problem in driver.verify().problems]
        assert any("bucket 'b' is counted with" in each for each in said)
    EngineDriver().repair(f"trove://{store}/store")
    with opened(store) as driver:
        assert driver.verify().problems == ()
        assert exact(driver, 400)
