"""A process that dies, and a medium that fails, at each call in turn: whole old or whole new."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import faults
import pytest

from trove import (
    BucketExistsError,
    BucketNotFoundError,
    ObjectInfo,
    ObjectNotFoundError,
    StorageFullError,
    StorageIOError,
)
from trove.drivers import LocalDriver
from trove.drivers.local.folder import Folder
from trove.drivers.local.locks import hold, let_go
from trove.drivers.local.staging import Staging

Opener = Callable[..., LocalDriver]
State = dict[str, tuple[bytes, ObjectInfo]]

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning"),
]

BIG = bytes(range(256)) * 2048


def put_new(driver: LocalDriver) -> object:
    return driver.put("b", "deep/er/new", BIG, metadata={"v": "2"})


def put_over(driver: LocalDriver) -> object:
    return driver.put("b", "k", BIG, metadata={"v": "2"})


def put_below_a_key(driver: LocalDriver) -> object:
    return driver.put("b", "k/below", b"new", metadata={"v": "2"})


def put_long(driver: LocalDriver) -> object:
    return driver.put("b", "x" * 700, b"new", metadata={"v": "2"})


def copy_over(driver: LocalDriver) -> object:
    return driver.copy("b", "other", "b", "k", metadata={"v": "2"})


def delete(driver: LocalDriver) -> None:
    driver.delete("b", "k")


def delete_deep(driver: LocalDriver) -> None:
    driver.delete("b", "d/e/f")


OPERATIONS = [put_new, put_over, put_below_a_key, put_long, copy_over, delete, delete_deep]


def prepare(driver: LocalDriver) -> None:
    driver.create_bucket("b")
    driver.put("b", "k", b"old", content_type="x/old", metadata={"v": "1"}, tags={"t": "1"})
    driver.put("b", "other", b"other", content_type="x/other", metadata={"v": "0"})
    driver.put("b", "d/e/f", b"deep", metadata={"v": "0"})


def state(driver: LocalDriver) -> State:
    """All objects, each by every way there is to read it."""
    objects: State = {}
    for info in driver.list("b"):
        with driver.get("b", info.key) as reader:
            assert reader.info == info == driver.head("b", info.key)
            objects[info.key] = (reader.read(), info)
            assert len(objects[info.key][0]) == info.size
    return objects


def timeless(objects: State) -> dict[str, tuple[object, ...]]:
    return {
        key: (data, info.etag, info.content_type, info.metadata, info.tags)
        for key, (data, info) in objects.items()
    }


def temporaries(root: Path) -> list[Path]:
    return list((root / ".trove" / "tmp").iterdir())


@pytest.fixture
def made_in(tmp_path: Path) -> Callable[[int, str], tuple[LocalDriver, Path]]:
    """Makes the prepared store of a number, and opens it."""

    def make(number: int, durability: str) -> tuple[LocalDriver, Path]:
        root = tmp_path / str(number)
        driver = LocalDriver()
        driver.open(f"file://{root}?durability={durability}")
        prepare(driver)
        return driver, root

    return make


def expected(made_in: Callable[..., tuple[LocalDriver, Path]], operation: Callable[..., object]) -> State:
    driver, _ = made_in(0, "relaxed")
    operation(driver)
    after = state(driver)
    driver.close()
    return after


@pytest.mark.parametrize("durability", ["full", "relaxed"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_crash_at_each_call_leaves_old_or_new(
    made_in: Callable[[int, str], tuple[LocalDriver, Path]],
    operation: Callable[[LocalDriver], object],
    durability: str,
) -> None:
    new = timeless(expected(made_in, operation))
    seen = set()
    for number in range(1, 1000):
        driver, root = made_in(number, durability)
        old = state(driver)
        died = faults.dies_at(number, lambda driver=driver: operation(driver))  # type: ignore[misc]
        found = state(driver)
        assert found == old or timeless(found) == new
        seen.add(found == old)
        driver.close()
        driver.open(f"file://{root}")
        assert temporaries(root) == []
        assert state(driver) == found
        operation(driver)
        assert timeless(state(driver)) == new
        for key in state(driver):
            driver.delete("b", key)
        driver.delete_bucket("b")
        driver.close()
        assert sorted(path.name for path in root.iterdir()) == [".trove"]
        if not died:
            break
    else:
        pytest.fail("the operation never came to its end")
    assert seen == {True, False}


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_failing_call_leaves_the_store_as_it_was(
    made_in: Callable[[int, str], tuple[LocalDriver, Path]],
    operation: Callable[[LocalDriver], object],
    error: int,
) -> None:
    new = timeless(expected(made_in, operation))
    full = error in (errno.ENOSPC, errno.EDQUOT)
    for number in range(1, 1000):
        driver, root = made_in(number, "full")
        old = state(driver)
        raised = None
        with faults.failing_at(number, error) as calls:
            try:
                operation(driver)
            except StorageIOError as storage_error:
                raised = storage_error
        if raised is not None:
            assert (raised.errno, raised.bucket) == (error, "b")
            assert isinstance(raised, StorageFullError) == full
            assert isinstance(raised.__cause__, OSError)
        failed = raised is not None
        if failed and operation not in (delete, delete_deep):
            assert state(driver) == old
            assert temporaries(root) == []
            assert sorted(path.name for path in (root / "b").iterdir()) in (
                ["d", "k", "other"],
                ["d", "k%=", "other"],
            )
        elif failed:
            assert timeless(state(driver)) in (timeless(old), new)
        else:
            assert timeless(state(driver)) == new
        operation(driver)
        assert timeless(state(driver)) == new
        driver.close()
        if len(calls) < number:
            break
    else:
        pytest.fail("the operation never came to its end")


def test_crash_while_creating_a_bucket(made_in: Callable[[int, str], tuple[LocalDriver, Path]]) -> None:
    for number in range(1, 100):
        driver, _ = made_in(number, "full")
        name = "%odd"
        died = faults.dies_at(number, lambda driver=driver, name=name: driver.create_bucket(name))  # type: ignore[misc]
        with suppress(BucketExistsError):
            driver.create_bucket(name)
        assert [bucket.name for bucket in driver.list_buckets()] == [name, "b"]
        driver.put(name, "k", b"x")
        driver.close()
        if not died:
            break


def test_crash_while_deleting_a_bucket(made_in: Callable[[int, str], tuple[LocalDriver, Path]]) -> None:
    for number in range(1, 100):
        driver, root = made_in(number, "full")
        driver.create_bucket("c")
        driver.put("c", "d/k", b"x", metadata={"a": "b"})
        driver.delete("c", "d/k")
        died = faults.dies_at(number, lambda driver=driver: driver.delete_bucket("c"))  # type: ignore[misc]
        try:
            driver.delete_bucket("c")
        except BucketNotFoundError:
            assert not (root / "c").exists()
        driver.create_bucket("c")
        driver.put("c", "d/k", b"y")
        assert driver.head("c", "d/k").metadata == {}
        driver.close()
        if not died:
            break


def test_left_over_temporary_is_removed_and_a_held_one_is_not(opener: Opener, root: Path) -> None:
    driver = opener()
    driver.create_bucket("b")
    (root / ".trove" / "tmp" / "dead").write_bytes(b"x" * 100)

    def data() -> object:
        yield b"one"
        opener().ping()
        (temporary,) = temporaries(root)
        assert temporary.name != "dead"
        yield b"two"

    driver.put("b", "k", data())  # type: ignore[arg-type]
    assert driver.get("b", "k").read() == b"onetwo"
    assert temporaries(root) == []


def test_placed_file_is_locked_no_longer(tmp_path: Path) -> None:
    """The next writer locks it to be able to put it back, perhaps before this one has let it go."""
    with Folder.at(str(tmp_path)) as folder, Staging(folder).new() as staged:
        staged.place(folder, b"k")
        fd = folder.lock_file(b"k")
        assert hold(fd, wait=False)
        let_go(fd)


def test_failing_data_is_raised_as_it_is(driver: LocalDriver, root: Path) -> None:
    driver.put("b", "k", b"old")
    error = FileNotFoundError(errno.ENOENT, "not mine")

    def data() -> object:
        yield b"x" * 1_000_000
        raise error

    for key in ("k", "new/deep"):
        with pytest.raises(FileNotFoundError) as raised:
            driver.put("b", key, data())  # type: ignore[arg-type]
        assert raised.value is error
        assert not isinstance(raised.value, StorageIOError)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        driver.put("b", "k", root / "nowhere")
    assert driver.get("b", "k").read() == b"old"
    assert [path.name for path in (root / "b").iterdir()] == ["k"]
    assert temporaries(root) == []
    with pytest.raises(ObjectNotFoundError):
        driver.head("b", "new/deep")
