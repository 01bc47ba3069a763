"""Backups: consistent beside writers, the next one copies what is new, and a restored store is proved."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.backups import content, names, opened, restored
from harness.damage import ALL, Damaged
from harness.noise import noise

from trove._engine import compact
from trove._engine.backup_folder import BLOCK, BackupFolder
from trove._engine.folder_lock import FolderLock
from trove._engine.reports import RestoreReport
from trove.driver import LifecycleRule
from trove.drivers.engine import EngineDriver
from trove.errors import (
    CorruptStoreError,
    InvalidArgumentError,
    InvalidDSNError,
    NotFoundError,
    UnsupportedOptionError,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EngineDriver]:
    """An open store with an object of two blocks and a small one."""
    with opened(tmp_path / "store") as driver:
        driver.create_bucket("b")
        driver.put("b", "large", noise("large", BLOCK + 1000))
        driver.put("b", "small", b"small")
        yield driver


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


# What comes back.


def test_a_restored_store_has_all_that_the_store_had(tmp_path: Path, folder: Path) -> None:
    store = Damaged(tmp_path / "store")
    with store.open() as driver:
        sequence = driver.stats().sequence
        assert driver.backup(folder).sequence == sequence
    report = restored(folder, tmp_path / "restored")
    assert (report.ok, report.sequence) == (True, sequence)
    shutil.rmtree(store.path)
    (tmp_path / "restored").rename(store.path)
    assert set(store.content()) == ALL


def test_versions_uploads_rules_and_quotas_come_back(
    tmp_path: Path, store: EngineDriver, folder: Path
) -> None:
    store.set_versioning("b", True)
    store.put("b", "small", b"newer", metadata={"author": "alice"})
    store.set_lifecycle("b", [LifecycleRule("old", expiration_days=3)])
    store.set_quota("b", max_bytes=100 << 20)
    upload = store.initiate_multipart("b", "upload")
    part = store.upload_part("b", "upload", upload, 1, noise("part", 200_000))
    store.snapshot()
    store.put("b", "after the snapshot", b"x")
    store.backup(folder)
    assert restored(folder, tmp_path / "restored").ok
    with opened(tmp_path / "restored") as driver:
        assert driver.list_versions("b", "small") == store.list_versions("b", "small")
        assert driver.get_lifecycle("b") == store.get_lifecycle("b")
        assert driver.get_quota("b") == store.get_quota("b")
        assert driver.list_parts("b", "upload", upload) == [part]
        assert driver.head("b", "small") == store.head("b", "small")
        driver.complete_multipart("b", "upload", upload, [part])
        assert driver.get("b", "upload").read() == noise("part", 200_000)
        assert driver.verify().ok


def test_an_empty_store_comes_back_empty(tmp_path: Path, folder: Path) -> None:
    with opened(tmp_path / "store") as driver:
        assert driver.backup(folder).sequence == 0
    assert restored(folder, tmp_path / "restored").ok
    with opened(tmp_path / "restored", mode="r") as driver:
        assert list(driver.list_buckets()) == []


def test_a_restored_store_is_written_to_and_backed_up_on(
    tmp_path: Path, store: EngineDriver, folder: Path
) -> None:
    store.backup(folder)
    restored(folder, tmp_path / "restored")
    with opened(tmp_path / "restored") as driver:
        driver.put("b", "more", b"more")
        assert driver.backup(folder).copied < BLOCK
    assert restored(folder, tmp_path / "again").ok
    assert content(tmp_path / "again")["more"] == b"more"


def test_a_compacted_store_comes_back_whole(tmp_path: Path, store: EngineDriver, folder: Path) -> None:
    store.backup(folder)
    for number in range(3):
        store.put("b", "large", noise(number, 3 << 20))
    assert store.compact().packs
    report = store.backup(folder)
    assert {path.name for path in (folder / "packs").iterdir()} == {
        path.name for path in (tmp_path / "store" / "packs").iterdir()
    }
    assert report.size == sum(path.stat().st_size for path in folder.rglob("*-*"))
    assert restored(folder, tmp_path / "restored").ok
    assert content(tmp_path / "restored") == {"large": noise(2, 3 << 20), "small": b"small"}


def test_a_snapshot_is_taken_where_the_log_needs_one(
    tmp_path: Path, store: EngineDriver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "KEPT_LEAST", 0)
    monkeypatch.setattr(compact, "KEPT_MOST", 0)
    for number in range(3):
        store.put("b", "large", noise(number, 3 << 20))
    assert store.compact().packs
    for path in (tmp_path / "store" / "snapshots").iterdir():
        path.unlink()
    store.close()
    with (
        opened(tmp_path / "store", mode="r") as driver,
        pytest.raises(UnsupportedOptionError, match="snapshot"),
    ):
        driver.backup(folder)
    with opened(tmp_path / "store") as driver:
        driver.backup(folder)
    assert restored(folder, tmp_path / "restored").ok


def test_a_store_that_is_only_read_can_be_backed_up(
    tmp_path: Path, store: EngineDriver, folder: Path
) -> None:
    beside = "import sys; from trove.drivers.engine import EngineDriver as E\n"
    beside += "d = E(); d.open(sys.argv[1], mode='r'); d.backup(sys.argv[2])"
    subprocess.run(
        [sys.executable, "-c", beside, f"trove://{tmp_path}/store", folder], check=True, timeout=60
    )
    assert restored(folder, tmp_path / "beside").ok
    expected = {"large": noise("large", BLOCK + 1000), "small": b"small"}
    assert content(tmp_path / "beside") == expected
    store.close()
    with opened(tmp_path / "store", mode="r") as driver:
        driver.backup(folder)
    assert restored(folder, tmp_path / "alone").ok
    assert content(tmp_path / "alone") == expected


# Beside writers.


def write_on(path: Path, name: str, may: Callable[[], object], tell: Callable[[int], object]) -> None:
    """Put numbered objects as long as that is allowed, and tell the number of each."""
    with opened(path) as driver:
        number = 0
        while may():
            driver.put("b", f"{name}-{number:06d}", noise((name, number), 50 + number % 7 * 3000))
            tell(number)
            number += 1


WRITER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from test_backup import write_on
write_on(Path(sys.argv[1]), sys.argv[2], lambda: sys.stdin.read(1), lambda number: print(number, flush=True))
"""
AT_ONCE = 200


class ThreadThatWrites:
    def __init__(self, path: Path, name: str) -> None:
        self._allowed, self._told = threading.Semaphore(0), queue.SimpleQueue[int]()
        self._stop = False
        arguments = (path, name, self._may, self._told.put)
        self._thread = threading.Thread(target=write_on, args=arguments)
        self._thread.start()

    def _may(self) -> bool:
        self._allowed.acquire()
        return not self._stop

    def allow(self) -> None:
        self._allowed.release(AT_ONCE)

    def told(self) -> int:
        return self._told.get(timeout=60)

    def end(self) -> None:
        self._stop = True
        self._allowed.release()
        self._thread.join()


class ProcessThatWrites:
    def __init__(self, path: Path, name: str) -> None:
        places = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), name, *places],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def allow(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("." * AT_ONCE)
        self._process.stdin.flush()

    def told(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def test_beside_writers_it_has_what_was_acknowledged_before_and_no_holes(
    tmp_path: Path, store: EngineDriver, folder: Path
) -> None:
    path = tmp_path / "store"
    writers: dict[str, ThreadThatWrites | ProcessThatWrites] = {}
    try:
        for name in ("thread0", "thread1"):
            writers[name] = ThreadThatWrites(path, name)
        for name in ("process0", "process1"):
            writers[name] = ProcessThatWrites(path, name)
        for _ in range(3):
            for writer in writers.values():
                writer.allow()
            told = {name: [writer.told() for _ in range(5)][-1] for name, writer in writers.items()}
            report = store.backup(folder)
            assert restored(folder, tmp_path / "restored") == RestoreReport(report.sequence, report.size, ())
            check_prefixes(content(tmp_path / "restored"), told)
            shutil.rmtree(tmp_path / "restored")
    finally:
        for writer in writers.values():
            writer.end()


def check_prefixes(there: dict[str, bytes], told: dict[str, int]) -> None:
    for name, last in told.items():
        numbers = sorted(int(key.partition("-")[2]) for key in there if key.startswith(name + "-"))
        assert numbers == list(range(len(numbers)))
        assert len(numbers) > last
    for key, data in there.items():
        name, _, number = key.partition("-")
        if number:
            assert data == noise((name, int(number)), len(data))


def test_an_extent_that_is_half_written_is_no_hole_in_the_copy(
    tmp_path: Path, store: EngineDriver, folder: Path
) -> None:
    half, whole = threading.Event(), threading.Event()

    class Slow:
        def __init__(self) -> None:
            self.pieces = [noise("first", 9 << 20), noise("second", 9 << 20)]

        def read(self, size: int = -1) -> bytes:
            if len(self.pieces) == 1 and not half.is_set():
                half.set()
                whole.wait(30)
            return self.pieces.pop(0) if self.pieces else b""

    writer = threading.Thread(target=store.put, args=("b", "slow", Slow()))
    writer.start()
    assert half.wait(30)
    store.put("b", "behind it", b"x" * 100_000)
    store.backup(folder)
    whole.set()
    writer.join()
    restored(folder, tmp_path / "half")
    assert set(content(tmp_path / "half")) == {"large", "small", "behind it"}
    store.backup(folder)
    assert restored(folder, tmp_path / "whole").ok
    assert content(tmp_path / "whole")["slow"] == noise("first", 9 << 20) + noise("second", 9 << 20)


def test_compaction_waits_for_it(store: EngineDriver, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packs = os.path.join(store.opened().path, "packs")
    seen: list[bool] = []

    def add(self: BackupFolder, block: str, data: bytes) -> None:
        with FolderLock(packs, wait=False) as held:
            seen.append(held)
        adding(self, block, data)

    adding = BackupFolder.add
    monkeypatch.setattr(BackupFolder, "add", add)
    store.backup(folder)
    assert set(seen) == {False}


# What is copied.


def test_only_what_is_new_is_copied(tmp_path: Path, store: EngineDriver, folder: Path) -> None:
    first = store.backup(folder)
    assert first.copied == first.size
    assert store.backup(folder).copied == 0
    before = names(folder)
    store.put("b", "more", noise("more", 3 * BLOCK))
    report = store.backup(folder)
    assert report.size >= first.size + 3 * BLOCK
    assert report.copied <= 5 * BLOCK
    assert len(before - names(folder)) == 1, "the last block, which grew, and no other"
    assert report.size == sum(path.stat().st_size for path in folder.rglob("*-*"))
    assert restored(folder, tmp_path / "restored").ok


def test_a_file_that_did_not_change_is_not_read_again(
    store: EngineDriver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trove._engine.backup._YOUNG", 0)
    store.backup(folder)
    monkeypatch.setattr("trove._engine.backup._read", None)
    assert store.backup(folder).copied == 0


def test_a_block_that_is_gone_is_copied_again(
    tmp_path: Path, store: EngineDriver, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trove._engine.backup._YOUNG", 0)
    store.backup(folder)
    block = min(folder.rglob("*-*"))
    size = block.stat().st_size
    block.unlink()
    assert store.backup(folder).copied == size
    assert restored(folder, tmp_path / "restored").ok


def test_progress_ends_with_all_of_the_work(tmp_path: Path, store: EngineDriver, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    store.backup(folder, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > BLOCK
    seen.clear()
    EngineDriver().restore(
        folder, f"trove://{tmp_path}/restored", progress=lambda done, total: seen.append((done, total))
    )
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] > 2 * BLOCK


# What is refused.


def test_a_damaged_block_is_named_and_nothing_is_left(
    tmp_path: Path, store: EngineDriver, folder: Path
) -> None:
    store.backup(folder)
    block = max(folder.rglob("000000-*"))
    data = bytearray(block.read_bytes())
    data[-1] ^= 1
    block.write_bytes(data)
    before = set(tmp_path.iterdir())
    with pytest.raises(CorruptStoreError, match=block.name):
        restored(folder, tmp_path / "restored")
    block.unlink()
    with pytest.raises(CorruptStoreError, match=block.name):
        restored(folder, tmp_path / "restored")
    assert set(tmp_path.iterdir()) == before


def test_a_damaged_manifest_is_refused(tmp_path: Path, store: EngineDriver, folder: Path) -> None:
    store.backup(folder)
    manifest = folder / "BACKUP"
    data = bytearray(manifest.read_bytes())
    data[len(data) // 2] ^= 1
    manifest.write_bytes(data)
    with pytest.raises(CorruptStoreError, match="BACKUP is damaged"):
        restored(folder, tmp_path / "restored")
    with pytest.raises(CorruptStoreError, match="BACKUP is damaged"):
        store.backup(folder)
    manifest.write_bytes(data.replace(b"backup 1", b"backup 2"))


def test_damage_of_the_store_comes_back_and_is_told(tmp_path: Path, folder: Path) -> None:
    store = Damaged(tmp_path / "store")
    with store.open() as driver:
        driver.snapshot()
    store.flip_chunk(3)
    with store.open() as driver:
        driver.backup(folder)
    report = restored(folder, tmp_path / "restored")
    assert not report.ok
    assert {(each.bucket, each.key) for each in report.problems} == {("c", "large-3")}
    assert EngineDriver().repair(f"trove://{tmp_path}/restored").ok


def test_a_folder_of_other_things_is_refused(tmp_path: Path, store: EngineDriver, folder: Path) -> None:
    folder.mkdir()
    (folder / "letter").write_text("dear")
    with pytest.raises(InvalidArgumentError, match="letter"):
        store.backup(folder)
    assert names(folder) == {"letter"}
    with pytest.raises(InvalidArgumentError, match="is a file"):
        store.backup(folder / "letter")
    with opened(tmp_path / "other"), pytest.raises(InvalidArgumentError, match="is a store"):
        store.backup(tmp_path / "other")


def test_a_folder_in_the_store_or_around_it_is_refused(tmp_path: Path, store: EngineDriver) -> None:
    path = tmp_path / "store"
    before = names(path)
    for target in (path, path / "packs", path / "backup", tmp_path):
        with pytest.raises(InvalidArgumentError, match="another folder"):
            store.backup(target)
    assert names(path) == before


def test_a_backup_of_another_store_is_refused(tmp_path: Path, store: EngineDriver, folder: Path) -> None:
    store.backup(folder)
    before = names(folder)
    with opened(tmp_path / "other") as other, pytest.raises(InvalidArgumentError, match="another store"):
        other.backup(folder)
    assert names(folder) == before


def test_two_at_once_in_one_folder_are_refused(store: EngineDriver, folder: Path) -> None:
    store.backup(folder)
    with FolderLock(str(folder)), pytest.raises(InvalidArgumentError, match="somebody"):
        store.backup(folder)


def test_a_store_is_restored_only_where_nothing_is(tmp_path: Path, store: EngineDriver, folder: Path) -> None:
    store.backup(folder)
    with pytest.raises(InvalidDSNError, match="not empty"):
        restored(folder, tmp_path / "store")
    with pytest.raises(InvalidDSNError, match="is a file"):
        restored(folder, folder / "BACKUP")
    (tmp_path / "empty").mkdir()
    assert restored(folder, tmp_path / "empty").ok
    assert restored(folder, tmp_path / "some" / "where").ok


def test_where_there_is_no_backup_restore_says_so(tmp_path: Path, folder: Path) -> None:
    for source in (folder, tmp_path):
        with pytest.raises(NotFoundError, match="no backup"):
            restored(source, tmp_path / "new" / "store")
    assert not (tmp_path / "new").exists()


def test_restore_is_for_a_driver_that_is_not_open(tmp_path: Path, store: EngineDriver, folder: Path) -> None:
    store.backup(folder)
    with pytest.raises(UnsupportedOptionError, match="not open"):
        store.restore(folder, f"trove://{tmp_path}/restored")
    with pytest.raises(UnsupportedOptionError, match="mode=r"):
        EngineDriver().restore(folder, f"trove://{tmp_path}/restored?mode=r")


@pytest.mark.parametrize("setting", ["chunk_size=4096", "hash=blake3"])
def test_what_a_backup_decides_can_not_be_asked_of_restore(
    tmp_path: Path, store: EngineDriver, folder: Path, setting: str
) -> None:
    store.backup(folder)
    with pytest.raises(UnsupportedOptionError, match=setting.split("=", maxsplit=1)[0]):
        EngineDriver().restore(folder, f"trove://{tmp_path}/restored?{setting}")
    assert not (tmp_path / "restored").exists()
