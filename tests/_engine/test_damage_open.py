"""A store with a damaged or missing file: opened or refused with words, and nothing is lost by trying."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.alone import Child
from harness.damage import ALL, Damaged, large, small
from harness.files import tree, unchanged
from harness.index_rows import check_store, rows_of
from harness.log_records import Commit, Extent, Record, read_pack

from trove.drivers.engine import EngineDriver
from trove.errors import ChecksumMismatchError, CorruptStoreError

MODES = ["r", "rw"]
Damage = Callable[[Path], object]
SEQUENCE, IN_FLIGHT, PACK, OFFSET = 40, 48, 56, 64  # offsets in the state file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Damaged(tmp_path_factory.mktemp("made") / "store").path


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """A closed store with some content and a snapshot of a part of it."""
    return shutil.copytree(made, tmp_path / "store")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another store, with more in it."""
    store = Damaged(tmp_path_factory.mktemp("other") / "store")
    with store.open() as driver:
        for number in range(20):
            driver.put("b", f"more-{number}", b"x")
        driver.snapshot()
    return store.path


def opened(store: Path, mode: str = "rw", **options: str) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{store}?mode={mode}", **options)
    return driver


def check_content(driver: EngineDriver) -> None:
    """All that was put is there, and nothing else."""
    found = {(bucket.name, info.key) for bucket in driver.list_buckets() for info in driver.list(bucket.name)}
    assert found == ALL
    for bucket, key in ALL:
        number = int(key.rpartition("-")[2])
        data = driver.get(bucket, key).read()
        assert data == (small(number) if bucket == "b" else large(number)), key


def pack_of(store: Path) -> Path:
    return store / "packs" / "0000000001.pack"


def record(store: Path, kind: type[Record], number: int) -> tuple[int, Record]:
    """Where a record of that kind begins, and the record."""
    found = [each for each in read_pack(pack_of(store))[1] if isinstance(each, kind)][number]
    return found.offset, found


def flip(path: Path, offset: int) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))


def overwrite(name: str, make: Callable[[bytes], bytes]) -> Damage:
    def damaged(store: Path) -> None:
        path = store / name
        path.write_bytes(make(path.read_bytes()))

    return damaged


def remove(*names: str) -> Damage:
    def removed(store: Path) -> None:
        for name in names:
            path = store / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return removed


def snapshot_of(store: Path) -> Path:
    with opened(store) as driver:
        return Path(driver.snapshot().path)


def damaged_snapshot(damage: Callable[[Path], object]) -> Damage:
    """The index is lost too, so that the snapshot would be used."""

    def damaged(store: Path) -> None:
        damage(snapshot_of(store))
        shutil.rmtree(store / "index")

    return damaged


def refusal(store: Path, mode: str) -> str:
    """Why the store does not open; empty when it does."""
    try:
        opened(store, mode).close()
    except CorruptStoreError as error:
        return str(error)
    return ""


# What can be made anew never keeps a store from opening.

DERIVED: dict[str, Damage] = {
    "no index": remove("index"),
    "no index file": remove("index/data.mdb"),
    "no lock file of the index": remove("index/lock.mdb"),
    "garbage for the lock file": overwrite("index/lock.mdb", lambda raw: os.urandom(len(raw))),
    "an empty lock file": overwrite("index/lock.mdb", lambda raw: b""),
    "an empty index": overwrite("index/data.mdb", lambda raw: b""),
    "zeros for an index": overwrite("index/data.mdb", lambda raw: bytes(len(raw))),
    "garbage for an index": overwrite("index/data.mdb", lambda raw: os.urandom(len(raw))),
    "a little garbage for an index": overwrite("index/data.mdb", lambda raw: os.urandom(100)),
    "an index cut to a page": overwrite("index/data.mdb", lambda raw: raw[:4096]),
    "an index cut to three pages": overwrite("index/data.mdb", lambda raw: raw[: 3 * 4096]),
    "an index cut within a page": overwrite("index/data.mdb", lambda raw: raw[:5000]),
    "an index without its head": overwrite("index/data.mdb", lambda raw: bytes(8192) + raw[8192:]),
    "no state": remove("state"),
    "an empty state": overwrite("state", lambda raw: b""),
    "a short state": overwrite("state", lambda raw: raw[:20]),
    "zeros for a state": overwrite("state", lambda raw: bytes(4096)),
    "garbage for a state": overwrite("state", lambda raw: os.urandom(4096)),
    "a long state": overwrite("state", lambda raw: raw + os.urandom(5000)),
    "garbage behind the state's magic": overwrite("state", lambda raw: raw[:12] + os.urandom(4084)),
    "no LOCK": remove("LOCK"),
    "garbage for a LOCK": overwrite("LOCK", lambda raw: os.urandom(100)),
    "no reserve": remove("reserve"),
    "no snapshots": remove("snapshots"),
    "a snapshot removed": damaged_snapshot(lambda path: path.unlink()),
    "an empty snapshot": damaged_snapshot(lambda path: path.write_bytes(b"")),
    "garbage for a snapshot": damaged_snapshot(lambda path: path.write_bytes(os.urandom(9000))),
    "a snapshot cut short": damaged_snapshot(lambda path: os.truncate(path, path.stat().st_size - 1)),
    "a snapshot without its checksum": damaged_snapshot(lambda path: path.with_suffix(".xxh3").unlink()),
    "an empty checksum": damaged_snapshot(lambda path: path.with_suffix(".xxh3").write_bytes(b"")),
    "garbage for a checksum": damaged_snapshot(
        lambda path: path.with_suffix(".xxh3").write_bytes(os.urandom(40))
    ),
    "a foreign file in every folder": lambda store: [
        (store / name / "notes.txt").write_text("mine") for name in ("packs", "index", "snapshots", ".")
    ],
    "nothing but STORE and packs": remove("index", "state", "LOCK", "snapshots", "reserve"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", DERIVED)
def test_what_can_be_made_anew_is(store: Path, name: str, mode: str, tmp_path: Path) -> None:
    DERIVED[name](store)
    log = tree(store / "packs", times=False)
    for _ in range(2):
        with opened(store, mode) as driver:
            check_content(driver)
    assert tree(store / "packs", times=False) == log
    if mode == "rw":
        check_store(store, tmp_path)


@pytest.mark.parametrize("mode", MODES)
def test_the_index_of_another_store_is_not_taken_for_ones_own(store: Path, other: Path, mode: str) -> None:
    shutil.rmtree(store / "index")
    shutil.copytree(other / "index", store / "index")
    with opened(store, mode) as driver:
        check_content(driver)


@pytest.mark.parametrize("mode", MODES)
def test_the_state_of_another_store_does_no_harm(store: Path, other: Path, mode: str) -> None:
    shutil.copyfile(other / "state", store / "state")
    with opened(store, mode) as driver:
        check_content(driver)


def test_a_store_that_was_copied_while_it_was_open_opens_in_the_same_boot(
    store: Path, tmp_path: Path
) -> None:
    """The files of such a copy are of different moments: its index is older than its log here."""
    index = (store / "index" / "data.mdb").read_bytes()
    with opened(store, durability="relaxed") as driver:
        driver.put("b", "new", b"x")
        copy = shutil.copytree(store, tmp_path / "copy")
        (copy / "index" / "data.mdb").write_bytes(index)
    for mode in MODES:
        with opened(copy, mode) as driver:
            assert driver.get("b", "new").read() == b"x"
            driver_keys = {info.key for info in driver.list("b")}
            assert driver_keys == {key for bucket, key in ALL if bucket == "b"} | {"new"}


# What is the truth is not made up: reads that need it say so, the others go on.


def commit_at(store: Path, number: int, inside: int) -> int:
    return record(store, Commit, number)[0] + inside


LOG: dict[str, Damage] = {
    "no packs": remove("packs"),
    "a pack missing": remove("packs/0000000001.pack"),
    "an empty pack": lambda store: os.truncate(pack_of(store), 0),
    "a pack cut within its header": lambda store: os.truncate(pack_of(store), 30),
    "a pack cut in half": lambda store: os.truncate(pack_of(store), pack_of(store).stat().st_size // 2),
    "a pack cut in its last record": lambda store: os.truncate(pack_of(store), commit_at(store, -1, 40)),
    "a pack flipped in its magic": lambda store: flip(pack_of(store), 0),
    "a pack flipped in its store id": lambda store: flip(pack_of(store), 20),
    "a pack flipped in its checksum": lambda store: flip(pack_of(store), 60),
    "flipped in a record's magic": lambda store: flip(pack_of(store), commit_at(store, 5, 0)),
    "flipped in a record's kind": lambda store: flip(pack_of(store), commit_at(store, 5, 4)),
    "flipped in a record's length": lambda store: flip(pack_of(store), commit_at(store, 5, 8)),
    "flipped in a record's great length": lambda store: flip(pack_of(store), commit_at(store, 5, 15)),
    "flipped in a record's sequence": lambda store: flip(pack_of(store), commit_at(store, 5, 16)),
    "flipped in a record's checksum": lambda store: flip(pack_of(store), commit_at(store, 5, 24)),
    "flipped in a commit's head": lambda store: flip(pack_of(store), commit_at(store, 5, 32)),
    "flipped in a commit's changes": lambda store: flip(pack_of(store), commit_at(store, 5, 80)),
    "flipped in the last commit": lambda store: flip(pack_of(store), commit_at(store, -1, 60)),
    "flipped in an extent's table": lambda store: flip(pack_of(store), record(store, Extent, 0)[0] + 45),
    "flipped in a chunk": lambda store: flip(pack_of(store), record(store, Extent, 2)[0] + 5000),
    "garbage for a pack": overwrite("packs/0000000001.pack", lambda raw: os.urandom(len(raw))),
    "zeros for a pack": overwrite("packs/0000000001.pack", lambda raw: bytes(len(raw))),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", LOG)
def test_a_damaged_log_is_read_as_far_as_it_is_whole(store: Path, name: str, mode: str) -> None:
    """The index is whole: small objects are in it, and large ones read right or say what is wrong."""
    LOG[name](store)
    log = {
        each: said for each, said in tree(store, times=False).items() if each.startswith(("packs/", "STORE"))
    }
    for _ in range(2):
        with opened(store, mode) as driver:
            for bucket, key in ALL:
                number = int(key.rpartition("-")[2])
                said, data = "", b""
                try:
                    data = driver.get(bucket, key).read()
                except (CorruptStoreError, ChecksumMismatchError) as error:
                    said = str(error)
                if said:
                    assert bucket == "c"
                    assert str(pack_of(store)) in said
                    assert re.search("trove (repair|verify)", said)
                else:
                    assert data == (small(number) if bucket == "b" else large(number))
    after = tree(store, times=False)
    assert {each: after[each] for each in log} == log


@pytest.mark.parametrize("name", LOG)
def test_a_damaged_log_is_never_replayed_as_if_it_were_whole(store: Path, name: str) -> None:
    """Without the index the log is all there is: the store is refused, or everything is there."""
    LOG[name](store)
    remove("index", "snapshots")(store)
    for mode in MODES:
        (store / "packs").mkdir(exist_ok=True)
        with unchanged(store / "packs"):
            said = refusal(store, mode)
            if said:
                assert "trove repair" in said
                assert str(store / "packs") in said
                continue
            with opened(store, mode) as driver:
                found = {
                    (bucket.name, info.key)
                    for bucket in driver.list_buckets()
                    for info in driver.list(bucket.name)
                }
                assert found == ALL


@pytest.mark.parametrize("name", LOG)
def test_a_refused_store_opens_again_when_the_file_is_put_back(
    store: Path, name: str, tmp_path: Path
) -> None:
    kept = shutil.copytree(store / "packs", tmp_path / "kept")
    rows = rows_of(store, tmp_path)
    LOG[name](store)
    for mode in MODES:
        refusal(store, mode)
    shutil.rmtree(store / "packs", ignore_errors=True)
    shutil.copytree(kept, store / "packs")
    with opened(store) as driver:
        check_content(driver)
    assert check_store(store, tmp_path) == rows


@pytest.mark.parametrize(
    "wrong",
    [
        {SEQUENCE: 1},
        {SEQUENCE: 1 << 63},
        {IN_FLIGHT: 1, PACK: 1 << 40},
        {IN_FLIGHT: 1, OFFSET: (1 << 64) - 64},
    ],
    ids=str,
)
def test_a_flipped_number_in_the_state_of_a_writer_that_died_costs_nothing(
    tmp_path: Path, wrong: dict[int, int]
) -> None:
    store = tmp_path / "store"

    def die() -> None:
        driver = opened(store)
        driver.create_bucket("b")
        driver.put("b", "before", b"1")

    assert Child(die).wait() == 0
    state = bytearray((store / "state").read_bytes())
    for field, change in wrong.items():
        value = int.from_bytes(state[field : field + 8], "little") ^ change
        if field == IN_FLIGHT:
            value = int.from_bytes(state[SEQUENCE : SEQUENCE + 8], "little") + 1
        state[field : field + 8] = value.to_bytes(8, "little")
    (store / "state").write_bytes(state)
    with opened(store) as driver:
        driver.put("b", "after", b"2")
    shutil.rmtree(store / "index")
    with opened(store) as driver:
        assert [info.key for info in driver.list("b")] == ["after", "before"]
        assert driver.verify().ok
