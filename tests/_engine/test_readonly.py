"""mode=r: it reads whatever can be read, beside whoever writes, and writes nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from harness.damage import ALL, Damaged, large, small
from harness.files import (
    as_another_user,
    in_a_child,
    mounted_readonly,
    reachable_folder,
    readable_by_all,
    unchanged,
)
from harness.neighbour import Neighbour

from trove._engine import recovery
from trove._engine.pack import MissingPackError
from trove.drivers.engine import EngineDriver
from trove.errors import (
    CorruptStoreError,
    DriverClosedError,
    InvalidArgumentError,
    NotFoundError,
    ObjectNotFoundError,
    StorageIOError,
    UnsupportedOptionError,
)

CLEAN, BOOT, DURABLE = 32, slice(16, 32), 3968  # in the state file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Damaged(tmp_path_factory.mktemp("made") / "store").path


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    """A closed store with some content."""
    return shutil.copytree(made, tmp_path / "store")


def reader(store: Path, **options: str) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{store}?mode=r", **options)
    return driver


def writer(store: Path) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{store}?durability=relaxed")
    return driver


def check_content(driver: EngineDriver, more: int = 0) -> None:
    found = {(bucket, info.key) for bucket in ("b", "c") for info in driver.list(bucket)}
    assert len(found - ALL) == more
    assert found >= ALL
    assert driver.get("b", "small-007").read() == small(7)
    assert driver.get("c", "large-3").read() == large(3)
    assert driver.get("c", "same-as-1").read() == large(1)


def crash(store: Path, *, boot: bool) -> int:
    """Make a closed store look as if its writer had died, in this boot or with the machine."""
    state = bytearray((store / "state").read_bytes())
    state[CLEAN] = 0
    if boot:
        state[BOOT] = bytes(range(16))
    return (store / "state").write_bytes(state)


def spoil_index(store: Path) -> int:
    """What a power cut can leave of an index: pages of different ages."""
    path = store / "index" / "data.mdb"
    raw = bytearray(path.read_bytes())
    for page in range(2, len(raw) // 4096):
        raw[page * 4096 : page * 4096 + 2048] = os.urandom(2048)
    return path.write_bytes(raw)


def remove(*names: str) -> Callable[[Path], None]:
    def removed(store: Path) -> None:
        for name in names:
            path = store / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return removed


STATES: dict[str, Callable[[Path], object]] = {
    "closed": lambda store: None,
    "its writer died": lambda store: crash(store, boot=False),
    "the machine went down": lambda store: crash(store, boot=True),
    "the machine went down and took the index along": lambda store: (
        crash(store, boot=True),
        spoil_index(store),
    )[0],
    "no index": remove("index"),
    "no index file": remove("index/data.mdb"),
    "no lock file of the index": remove("index/lock.mdb"),
    "an empty index": lambda store: (store / "index" / "data.mdb").write_bytes(b""),
    "garbage for an index": lambda store: (store / "index" / "data.mdb").write_bytes(os.urandom(1 << 20)),
    "no state": remove("state"),
    "an empty state": lambda store: (store / "state").write_bytes(b""),
    "garbage for a state": lambda store: (store / "state").write_bytes(os.urandom(4096)),
    "no LOCK": remove("LOCK"),
    "no snapshots": remove("snapshots"),
    "nothing but STORE and packs": remove("index", "state", "LOCK", "snapshots", "reserve"),
}


@pytest.fixture(params=STATES)
def left(request: pytest.FixtureRequest, store: Path) -> Path:
    """The store, as something left it."""
    STATES[request.param](store)
    return store


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go; nothing of them is left after a test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def test_it_reads_and_writes_nothing(left: Path) -> None:
    with unchanged(left), reader(left) as driver:
        check_content(driver)
        driver.ping()
        driver.stats()
        with driver.get("c", "large-1", range=(10, 1000)) as part:
            assert bytes(part.view()) == large(1)[10:1010]


def test_it_verifies_and_writes_nothing(store: Path) -> None:
    with unchanged(store), reader(store) as driver:
        assert driver.verify().problems == ()


def test_it_works_on_a_read_only_file_system(left: Path, tmp_path: Path) -> None:
    with unchanged(left), mounted_readonly(left, tmp_path / "mounted") as mounted:
        with reader(mounted) as driver:
            check_content(driver)
        with pytest.raises(StorageIOError, match="mode=r"):
            writer(mounted)


WRITES: dict[str, Callable[[EngineDriver], object]] = {
    "put": lambda driver: driver.put("b", "k", b"x"),
    "put_many": lambda driver: driver.put_many("b", {"k": b"x"}),
    "delete": lambda driver: driver.delete("b", "small-001"),
    "delete of nothing": lambda driver: driver.delete("b", "nothing"),
    "copy": lambda driver: driver.copy("b", "small-001", "b", "k"),
    "create_bucket": lambda driver: driver.create_bucket("new"),
    "delete_bucket": lambda driver: driver.delete_bucket("b"),
    "snapshot": lambda driver: driver.snapshot(),
    "repair": lambda driver: driver.repair(),
}


@pytest.mark.parametrize("name", WRITES)
def test_every_call_that_writes_is_refused(store: Path, name: str) -> None:
    with unchanged(store), reader(store) as driver:
        with pytest.raises(UnsupportedOptionError, match="mode=r"):
            WRITES[name](driver)
        check_content(driver)


def test_a_batch_is_refused(store: Path) -> None:
    with (
        unchanged(store),
        reader(store) as driver,
        pytest.raises(UnsupportedOptionError, match="mode=r"),
        driver.batch() as batch,
    ):
        batch.put("b", "k", b"x")


def test_data_is_not_read_for_a_put_that_is_refused(store: Path) -> None:
    with reader(store) as driver:
        data = iter([b"x"])
        with pytest.raises(UnsupportedOptionError):
            driver.put("b", "k", data)
        assert next(data) == b"x"


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with unchanged(tmp_path):
        for name in ("none", "empty"):
            with pytest.raises(NotFoundError, match=r"there is no store in .*mode=rw"):
                reader(tmp_path / name)


def test_a_store_that_went_before_a_fork_is_not_taken_for_an_object_that_is_missing(store: Path) -> None:
    with reader(store) as driver:
        shutil.rmtree(store)
        said = in_a_child(lambda: driver.head("b", "small-001"))
    assert said.startswith("CorruptStoreError: the store that was open in "), said


def test_one_process_has_a_store_open_in_one_mode(store: Path) -> None:
    with reader(store), reader(store), pytest.raises(InvalidArgumentError, match="other mode"):
        writer(store)
    with writer(store), pytest.raises(InvalidArgumentError, match="other mode"):
        reader(store)


def test_it_sees_what_writers_acknowledge_while_they_come_and_go(left: Path) -> None:
    with reader(left) as driver:
        check_content(driver)
        for number in range(3):
            with Neighbour(f"trove://{left}") as neighbour:
                for each in range(4):
                    key = f"new-{number}-{each}"
                    with pytest.raises(ObjectNotFoundError):
                        driver.head("b", key)
                    neighbour.put("b", key, large(each)[:5000])
                    assert driver.get("b", key).read() == large(each)[:5000]
                if number == 1:
                    neighbour.kill()
        check_content(driver, 12)


def test_it_sees_them_through_a_read_only_mount(left: Path, tmp_path: Path) -> None:
    with mounted_readonly(left, tmp_path / "mounted") as mounted, Neighbour(f"trove://{left}") as neighbour:
        neighbour.put("b", "before", b"1")
        with reader(mounted) as driver:
            assert driver.get("b", "before").read() == b"1"
            for number in range(20):
                neighbour.put("b", f"new-{number}", large(number)[:3000])
                assert driver.get("b", f"new-{number}").read() == large(number)[:3000]
            neighbour.kill()
            check_content(driver, 21)
            with Neighbour(f"trove://{left}") as second:
                second.put("b", "small-007", b"other")
                assert driver.get("b", "small-007").read() == b"other"


def test_threads_read_while_a_writer_opens_the_store_and_writes(store: Path) -> None:
    wrong: list[BaseException | None] = []

    def read(driver: EngineDriver, stop: list[bool]) -> None:
        try:
            while not stop:
                assert driver.get("b", "small-007").read() == small(7)
                assert len(list(driver.list("c", prefix="large"))) == 8
        except BaseException as error:
            wrong.append(error)

    stop: list[bool] = []
    with reader(store) as driver:
        threads = [Thread(target=read, args=(driver, stop)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(3):
            with Neighbour(f"trove://{store}?durability=relaxed") as neighbour:
                for each in range(30):
                    neighbour.put("b", f"new-{number}-{each}", bytes(100))
        stop.append(True)
        for thread in threads:
            thread.join()
        assert wrong == []
        check_content(driver, 90)


def test_a_pack_that_is_compacted_away_while_it_makes_its_own_index_is_read_around(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(store / "index")
    first = recovery.replay  # type: ignore[attr-defined]
    missing = [MissingPackError("gone"), MissingPackError("gone")]

    def replay(*arguments: Any) -> Any:
        if missing:
            raise missing.pop()
        return first(*arguments)

    monkeypatch.setattr(recovery, "replay", replay)
    with reader(store) as driver:
        assert driver.get("b", "small-001").read() == small(1)
    assert not missing


@pytest.mark.parametrize("way", ["still", "private", "shared"])
def test_a_forked_child_and_its_parent_read_on(store: Path, way: str) -> None:
    if way == "private":
        remove("index")(store)
    neighbour = Neighbour(f"trove://{store}") if way == "shared" else None
    with reader(store) as driver:
        check_content(driver)
        assert in_a_child(lambda: check_and_close(driver)) == "None"
        check_content(driver)
    if neighbour is not None:
        neighbour.close()


def check_and_close(driver: EngineDriver) -> None:
    check_content(driver)
    driver.close()


def test_a_commit_in_flight_is_seen_by_nobody_or_finished(store: Path) -> None:
    """The record of the last commit is whole, and the index has not got it: its writer died in between."""
    index = (store / "index" / "data.mdb").read_bytes()
    before = (store / "state").read_bytes()
    with writer(store) as driver:
        driver.put("b", "in flight", b"x")
    state = bytearray((store / "state").read_bytes())
    sequence = int.from_bytes(before[40:48], "little")
    state[40:48] = sequence.to_bytes(8, "little")
    state[48:56] = (sequence + 1).to_bytes(8, "little")
    state[CLEAN] = 0
    state[DURABLE : DURABLE + 16] = before[DURABLE : DURABLE + 16]
    (store / "state").write_bytes(state)
    (store / "index" / "data.mdb").write_bytes(index)
    with unchanged(store), reader(store) as driver:
        check_content(driver)
        with pytest.raises(ObjectNotFoundError):
            driver.head("b", "in flight")
    with reader(store) as driver:
        with Neighbour(f"trove://{store}"):
            assert driver.get("b", "in flight").read() == b"x"
        check_content(driver, 1)


def test_what_was_acknowledged_and_is_gone_is_an_error(store: Path) -> None:
    remove("index", "snapshots")(store)
    pack = min(store.glob("packs/*"))
    os.truncate(pack, pack.stat().st_size // 2)
    with (
        unchanged(store),
        pytest.raises(CorruptStoreError, match=r"packs breaks after commit .*trove repair"),
    ):
        reader(store)


@pytest.fixture
def open_to_all(made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The store where every user may read it, and has a temporary folder."""
    with reachable_folder() as folder:
        store = shutil.copytree(made, folder / "store")
        readable_by_all(store)
        (folder / "temporary").mkdir()
        (folder / "temporary").chmod(0o777)
        monkeypatch.setattr(tempfile, "tempdir", str(folder / "temporary"))
        yield store
        assert list((folder / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", "STORE", "index", "index/data.mdb", "LOCK", "packs", "packs/0000000001.pack"]
)
def test_a_missing_permission_is_not_taken_for_damage(open_to_all: Path, name: str) -> None:
    (open_to_all / name).chmod(0)
    with unchanged(open_to_all):
        said = as_another_user(lambda: reader(open_to_all).get("c", "large-1").read())
    assert said.startswith("StorageIOError"), said
    assert "Permission denied" in said
    assert str(open_to_all / name.split("/")[0]) in said


def test_another_user_reads_what_it_may_read(open_to_all: Path) -> None:
    with unchanged(open_to_all):
        assert as_another_user(lambda: check_content_of(open_to_all)) == "None"
    with Neighbour(f"trove://{open_to_all}") as neighbour:
        neighbour.put("b", "new", b"x")
        assert as_another_user(lambda: check_content_of(open_to_all, 1)) == "None"


def check_content_of(store: Path, more: int = 0) -> None:
    with reader(store) as driver:
        check_content(driver, more)


def test_where_no_temporary_folder_is_the_error_says_so(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remove("index")(store)
    monkeypatch.setattr(tempfile, "tempdir", str(store / "nowhere"))
    with unchanged(store), pytest.raises(StorageIOError, match="TMPDIR"):
        reader(store)


def test_after_close_nothing_reads(store: Path) -> None:
    driver = reader(store)
    driver.close()
    with pytest.raises(DriverClosedError):
        driver.head("b", "small-001")
