"""Files of one store in the folder of another: they are not believed, and nothing is lost for them."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest
from harness.changed_rows import changed_rows
from harness.damage import ALL, Damaged, problems, repaired, small
from harness.files import unchanged
from harness.index_rows import check_store, rebuilt_rows, rows_of
from xxhash import xxh3_128_hexdigest

from trove.errors import CorruptStoreError

OWNER = slice(12, 16)  # of the head row


@pytest.fixture
def store(tmp_path: Path) -> Damaged:
    return Damaged(tmp_path / "store")


@pytest.fixture
def other(tmp_path: Path) -> Damaged:
    return Damaged(tmp_path / "other")


def made_older(file: Path) -> None:
    """Have an index or a snapshot name no store, as if an older version had made it."""
    with changed_rows(file, "meta") as rows:
        head = rows[b"head"]
        rows[b"head"] = head[: OWNER.start] + bytes(4) + head[OWNER.stop :]
    if file.with_suffix(".xxh3").exists():
        file.with_suffix(".xxh3").write_text(xxh3_128_hexdigest(file.read_bytes()) + "\n")


@pytest.mark.parametrize("mode", ["r", "rw"])
@pytest.mark.parametrize("index", [True, False])
def test_the_store_file_of_another_store_makes_no_empty_one(
    store: Damaged, other: Damaged, mode: str, index: bool
) -> None:
    shutil.copyfile(other.path / "STORE", store.path / "STORE")
    if not index:
        store.drop_index()
    with unchanged(store.path / "packs"), pytest.raises(CorruptStoreError, match="another store") as caught:
        store.open(mode=mode)
    assert "STORE" in str(caught.value)
    assert "trove repair" in str(caught.value)


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("state", [True, False])
def test_a_repair_goes_by_the_packs(store: Damaged, other: Damaged, opened: bool, state: bool) -> None:
    before = (store.path / "STORE").read_bytes()
    shutil.copyfile(other.path / "STORE", store.path / "STORE")
    if not state:
        (store.path / "state").unlink()
    if opened:
        with pytest.raises(CorruptStoreError):
            store.open()
    report = repaired(store)
    assert report.lost == ()
    assert [each.what for each in report.quarantined] == ["the STORE file was of another store"]
    assert (store.path / "STORE").read_bytes() == before
    assert set(store.content()) == ALL


def test_a_pack_of_another_store_in_place_of_the_only_one_makes_it_no_other_store(
    store: Damaged, other: Damaged
) -> None:
    """The index is whole: it has the small objects."""
    shutil.copyfile(other.pack, store.pack)
    report = repaired(store)
    assert {each.bucket for each in report.lost} == {"c"}
    assert set(store.content()) == {(bucket, key) for bucket, key in ALL if bucket == "b"}


def test_the_index_of_another_store_bridges_nothing(store: Damaged, other: Damaged) -> None:
    """It is as sound as one's own, and at the same commit."""
    store.drop_index()
    shutil.copytree(other.path / "index", store.path / "index")
    store.flip_commit(7)
    report = repaired(store)
    assert "left the index out: it is of another store" in report.done
    assert set(store.content()) == {("b", f"small-{number:03d}") for number in range(7)}


def test_a_snapshot_of_another_store_bridges_nothing(store: Damaged, other: Damaged) -> None:
    with other.open() as driver:
        driver.snapshot()
    store.drop_index()
    shutil.rmtree(store.path / "snapshots")
    shutil.copytree(other.path / "snapshots", store.path / "snapshots")
    store.flip_commit(7)
    assert "it is a snapshot of another store" in [each.what for each in repaired(store).quarantined]
    assert set(store.content()) == {("b", f"small-{number:03d}") for number in range(7)}


@pytest.mark.parametrize("mode", ["r", "rw"])
def test_the_index_of_a_twin_is_not_taken_for_ones_own(store: Damaged, other: Damaged, mode: str) -> None:
    """It has the same keys, at the same commit, which stands at the same place of its log."""

    def times() -> list[str]:
        with store.open(mode=mode) as driver:
            return [str(info.last_modified) for info in driver.list("b")]

    for twin in (store, other):
        with twin.open() as driver:
            driver.put("b", "last", b"last")
    before = times()
    shutil.rmtree(store.path / "index")
    shutil.copytree(other.path / "index", store.path / "index")
    assert times() == before


def test_an_index_names_its_store(store: Damaged, tmp_path: Path) -> None:
    store_id = store.pack.read_bytes()[16:32]
    assert rows_of(store.path, tmp_path)["meta"][b"head"][OWNER] == store_id[:4]
    assert rebuilt_rows(store.path, tmp_path)["meta"][b"head"][OWNER] == store_id[:4]


@pytest.mark.parametrize("mode", ["r", "rw"])
def test_the_index_of_another_store_is_made_anew(store: Damaged, other: Damaged, mode: str) -> None:
    for data in store.path.glob("index/*"):
        data.unlink()
    shutil.copyfile(other.path / "index" / "data.mdb", store.path / "index" / "data.mdb")
    with store.open(mode=mode) as driver:
        assert {("b", info.key) for info in driver.list("b")} == {each for each in ALL if each[0] == "b"}
        assert [each.file for each in driver.verify().problems] == (["index/data.mdb"] if mode == "r" else [])
    assert set(store.content()) == ALL


def test_index_and_pack_of_another_store_together_are_not_read(store: Damaged, other: Damaged) -> None:
    """They fit each other."""
    for name in ("index/data.mdb", f"packs/{store.pack.name}"):
        shutil.copyfile(other.path / name, store.path / name)
    report = repaired(store)
    assert "left the index out: it is of another store" in report.done
    with store.open() as driver:
        assert driver.list_buckets() == []


def test_a_snapshot_of_another_store_is_told_and_not_used(store: Damaged, other: Damaged) -> None:
    with other.open() as driver:
        driver.snapshot()
    shutil.copytree(other.path / "snapshots", store.path / "snapshots", dirs_exist_ok=True)
    assert [each for each in problems(store) if "the snapshot is of another store" in each]
    store.drop_index()
    assert set(store.content()) == ALL


def foreign(store: Damaged, other: Damaged) -> None:
    """Snapshots of another store, at the last two commits of this one."""
    for data in (b"one", b"other"):
        with other.open() as driver:
            driver.put("b", "more", data)
            driver.snapshot()
    with store.open() as driver:
        sequence = driver.stats().sequence
    for number, path in enumerate(sorted(other.path.glob("snapshots/*.mdb"))):
        target = store.path / "snapshots" / f"{sequence - number:020d}.mdb"
        shutil.copyfile(path, target)
        shutil.copyfile(path.with_suffix(".xxh3"), target.with_suffix(".xxh3"))


def older(store: Damaged, other: Damaged) -> None:
    """Snapshots that lack a table."""
    for _ in range(2):
        with store.open() as driver:
            driver.put("b", "small-001", small(1))
            taken = Path(driver.snapshot().path)
        env = lmdb.open(str(taken), map_size=1 << 24, subdir=False, lock=False, max_dbs=1, lib_version=1)
        with env, env.begin(write=True) as txn:
            txn.drop(env.open_db(b"quotas", txn, create=False))
        taken.with_suffix(".xxh3").write_text(xxh3_128_hexdigest(taken.read_bytes()) + "\n")


@pytest.mark.parametrize("made", [foreign, older])
def test_compaction_does_not_rely_on_snapshots_that_nothing_can_be_made_from(
    store: Damaged, other: Damaged, made: Callable[[Damaged, Damaged], None]
) -> None:
    with store.open() as driver:
        # More than is kept of the log whatever becomes of it: beyond that only a snapshot knows what was.
        for number in range(400):
            driver.put("b", "gone", random.Random(number).randbytes(2000))
        driver.put("b", "gone", random.Random(1).randbytes(4 << 20))
        driver.delete("b", "gone")
    made(store, other)
    with store.open() as driver:
        before = {(bucket, info.key) for bucket in "bc" for info in driver.list(bucket)}
        assert driver.compact().packs == 1
    store.drop_index()
    assert set(store.content()) == before
    assert problems(store) == []


@pytest.mark.parametrize("made", [foreign, older])
def test_a_snapshot_is_taken_beside_those_that_nothing_can_be_made_from(
    store: Damaged, other: Damaged, made: Callable[[Damaged, Damaged], None]
) -> None:
    """Also at the commit that one of them says that it is at; those of one's own stay, and the others go."""
    made(store, other)
    with store.open() as driver:
        driver.snapshot()
        driver.put("b", "small-001", small(1))
        driver.snapshot()
        driver.put("b", "small-002", small(2))
        driver.snapshot()
    assert len(list(store.path.glob("snapshots/*.mdb"))) == 2
    assert problems(store) == []


@pytest.mark.parametrize("mode", ["r", "rw"])
def test_an_index_of_an_older_version_is_read_and_named_by_the_next_write(
    store: Damaged, tmp_path: Path, mode: str
) -> None:
    made_older(store.path / "index" / "data.mdb")
    with store.open(mode=mode) as driver:
        assert driver.verify().problems == ()
    assert rows_of(store.path, tmp_path)["meta"][b"head"][OWNER] == bytes(4)
    with store.open() as driver:
        driver.put("b", "more", b"more")
        assert driver.verify().problems == ()
    check_store(store.path, tmp_path)


def test_the_index_of_another_store_bridges_nothing_if_an_older_version_made_it(
    store: Damaged, other: Damaged
) -> None:
    made_older(other.path / "index" / "data.mdb")
    store.drop_index()
    shutil.copytree(other.path / "index", store.path / "index")
    store.flip_commit(7)
    assert "left the index out: it is of another store" in repaired(store).done
    assert set(store.content()) == {("b", f"small-{number:03d}") for number in range(7)}


def test_a_snapshot_of_another_store_bridges_nothing_if_an_older_version_made_it(
    store: Damaged, other: Damaged
) -> None:
    with other.open() as driver:
        driver.snapshot()
    for snapshot in other.path.glob("snapshots/*.mdb"):
        made_older(snapshot)
    store.drop_index()
    shutil.rmtree(store.path / "snapshots")
    shutil.copytree(other.path / "snapshots", store.path / "snapshots")
    store.flip_commit(7)
    assert any("snapshot" in each and "another store" in each for each in repaired(store).done)
    assert set(store.content()) == {("b", f"small-{number:03d}") for number in range(7)}
