"""Rows of an index that say nonsense under a seal that fits: no crash, no wrong bytes; a repair ends it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import lmdb
import pytest
import xxhash
from crash.powercut import forked
from harness.alone import alone
from harness.hostile_examples import each_example
from harness.index_rows import TABLES, seed_of
from hypothesis import strategies as st

from trove.drivers.engine import EngineDriver
from trove.errors import TroveError

DATA = {
    "inline": b"small" * 20,
    "chunks": Random(1).randbytes(5000),
    "list": Random(2).randbytes(60_000),
    "same": Random(2).randbytes(60_000),
}
Change = tuple[str, int, str, int, bytes]

changes = st.tuples(
    st.sampled_from([*TABLES, "objects", "chunks", "lists"]),
    st.integers(0, 200),
    st.sampled_from(["byte", "byte", "cut", "bytes", "remove", "add", "word"]),
    st.integers(0, 400),
    st.binary(min_size=1, max_size=40) | st.sampled_from([b"\xff" * 8, bytes(8), b"\x01" + bytes(7)]),
)


def base(store: Path) -> None:
    with EngineDriver() as driver:
        driver.open(f"trove://{store}?chunk_size=1024")
        driver.create_bucket("b")
        for key, data in DATA.items():
            driver.put("b", key, data)


def change(index: Path, wanted: list[Change]) -> None:
    """Change rows, and seal them again."""
    size = (index / "data.mdb").stat().st_size
    env = lmdb.open(str(index), map_size=size, max_dbs=len(TABLES), lib_version=1, create=False)
    try:
        for table, choice, how, at, data in wanted:
            with env.begin(write=True, db=env.open_db(table.encode(), create=False)) as txn:
                rows = [(bytes(key), bytes(value[8:])) for key, value in txn.cursor()]
                if not rows:
                    continue
                key, body = rows[choice % len(rows)]
                if how == "remove":
                    txn.delete(key)
                    continue
                key = data if how == "add" else key
                body = changed(body, how, at, data)
                txn.put(key, xxhash.xxh3_64_digest(body, seed_of(key))[::-1] + body)
    finally:
        env.close()


def changed(body: bytes, how: str, at: int, data: bytes) -> bytes:
    at %= len(body) + 1
    if how == "cut":
        return body[:at]
    if how == "bytes":
        return data
    length = 1 if how == "byte" else len(data)
    return body[:at] + data[:length] + body[at + length :]


@contextlib.contextmanager
def typed() -> Iterator[None]:
    with contextlib.suppress(TroveError):
        yield


def read(driver: EngineDriver) -> None:
    """Whatever is read of chunks is what was put; what is in a row itself is as true as the row."""
    for key, data in DATA.items():
        with typed():
            found = driver.get("b", key).read()
            assert key == "inline" or len(found) != len(data) or found == data
        with typed():
            repr(driver.head("b", key))
        with typed():
            driver.get("b", key, range=(100, 900)).read()
    with typed():
        for bucket in driver.list_buckets():
            with typed():
                for info in driver.list(bucket.name, delimiter="/"):
                    with typed():
                        repr(info)
                    with typed(), driver.get(bucket.name, info.key) as reader:
                        reader.view()
    with typed():
        driver.get_many("b", list(DATA))
    with typed():
        driver.stats()


def write(driver: EngineDriver) -> None:
    """Everything that changes counts and references."""
    with typed():
        driver.put("b", "chunks", DATA["list"])
    with typed():
        driver.copy("b", "list", "b", "copied")
    for key in DATA:
        with typed():
            driver.delete("b", key)
    with typed():
        driver.snapshot()
    with typed():
        driver.delete_bucket("b")


@pytest.mark.parametrize("count", [40, pytest.param(3000, marks=pytest.mark.slow)])
@alone(timeout=1200)
def test_forged_rows_are_refused_or_read(tmp_path: Path, count: int) -> None:
    forked.use()
    base(tmp_path / "base")
    store = tmp_path / "store"

    def check(wanted: list[Change]) -> None:
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(tmp_path / "base", store)
        change(store / "index", wanted)
        for mode in ("r", "rw"):
            with typed(), EngineDriver() as driver:
                driver.open(f"trove://{store}?mode={mode}")
                read(driver)
                with typed():
                    driver.verify()
        shutil.rmtree(tmp_path / "written", ignore_errors=True)
        shutil.copytree(store, tmp_path / "written")
        with typed(), EngineDriver() as driver:
            driver.open(f"trove://{tmp_path}/written")
            write(driver)
        # The log is whole: nothing is lost by whatever its index says.
        assert EngineDriver().repair(f"trove://{store}").lost == ()
        with EngineDriver() as driver:
            driver.open(f"trove://{store}")
            assert {key: driver.get("b", key).read() for key in DATA} == DATA
            assert driver.verify().problems == ()

    each_example(tmp_path, count, st.lists(changes, min_size=1, max_size=3), check)
