"""Shrinking: an index that became much larger than it need be is exchanged for a small one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.compacted import content, store_of, whole
from harness.neighbour import Neighbour
from harness.noise import noise
from harness.opened import opened
from harness.twice import beside

from trove._engine import shrink
from trove.drivers.engine import EngineDriver
from trove.errors import DriverClosedError

MIB = 1 << 20


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[EngineDriver]:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        yield driver


@pytest.fixture
def bulky(driver: EngineDriver) -> EngineDriver:
    """A store whose index has become much larger than it need be."""
    for number in range(15):
        driver.put_many("b", [(f"{number}-{at}", noise(at, 2000)) for at in range(1000)])
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
