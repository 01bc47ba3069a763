"""Listing at size: a page costs its own size, wherever it is and whatever lies in between."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import trove
from trove.drivers.engine import EngineDriver

SHORT = 20_000
LONG = 1_000_000
AT_ONCE = 20_000


def opened(folder: Path) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{folder}/store", durability="relaxed")
    return driver


def name(number: int) -> str:
    return f"all/{number:07d}"


def filled(driver: EngineDriver, count: int) -> None:
    driver.create_bucket("b")
    for start in range(0, count, AT_ONCE):
        driver.put_many("b", {name(number): b"" for number in range(start, min(count, start + AT_ONCE))})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineDriver]:
    """Many objects; tests that change something put it back."""
    with opened(tmp_path_factory.mktemp("listing")) as driver:
        filled(driver, SHORT)
        yield driver


def seconds(call: Callable[[], object]) -> float:
    """What ``call()`` takes when nothing else is in its way."""
    best = float("inf")
    for _ in range(7):
        started = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - started)
    return best


def pages(driver: trove.Driver, size: int, **options: str) -> Iterator[trove.ObjectIterator]:
    cursor = ""
    while True:
        page = driver.list("b", max_keys=size, cursor=cursor, **options)
        yield page
        cursor = page.next_token
        if not cursor:
            return


def keys(driver: trove.Driver, size: int, **options: str) -> list[str]:
    return [info.key for page in pages(driver, size, **options) for info in page]


def a_page_costs_the_same_anywhere(driver: EngineDriver, count: int) -> None:
    cursors = ["", *(page.next_token for page in pages(driver, 1000))]
    assert len(cursors) == count // 1000 + 1
    costs = [
        seconds(lambda at=at: driver.list("b", cursor=cursors[at]))  # type: ignore[misc]
        for at in (0, len(cursors) // 2, len(cursors) - 2)
    ]
    # A listing that counted its way there would take as many times as long as there are pages before.
    assert max(costs) < 5 * min(costs)


def a_prefix_costs_one_seek(driver: EngineDriver, count: int) -> None:
    driver.put("b", "a", b"")
    driver.put("b", "z", b"")
    try:
        page = driver.list("b", delimiter="/")
        assert ([info.key for info in page], list(page.prefixes)) == (["a", "z"], ["all/"])
        whole = seconds(lambda: keys(driver, 1000)) / count
        one = seconds(lambda: driver.list("b", delimiter="/"))
        # In the time that it takes to walk over some of the keys: far fewer than there are.
        assert one < whole * count / 50
    finally:
        driver.delete("b", "a")
        driver.delete("b", "z")


def test_a_page_costs_the_same_at_the_start_and_at_the_end(store: EngineDriver) -> None:
    a_page_costs_the_same_anywhere(store, SHORT)


def test_a_common_prefix_costs_one_seek_however_much_is_below_it(store: EngineDriver) -> None:
    a_prefix_costs_one_seek(store, SHORT)


@pytest.mark.slow
def test_a_million_objects_are_listed_at_the_same_cost(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        filled(driver, LONG)
        assert keys(driver, 1000) == [name(number) for number in range(LONG)]
        a_page_costs_the_same_anywhere(driver, LONG)
        a_prefix_costs_one_seek(driver, LONG)
    # And a clean store of that size opens at once.
    assert seconds(lambda: opened(tmp_path).close()) < 0.2


@pytest.mark.parametrize("size", [999, 1000, 7001])
def test_pages_of_any_size_give_each_key_once_and_in_order(store: EngineDriver, size: int) -> None:
    assert keys(store, size) == [name(number) for number in range(SHORT)]


@pytest.mark.parametrize("size", [1 << 63, 1 << 70])
def test_a_page_may_be_larger_than_the_machine_can_count(store: EngineDriver, size: int) -> None:
    assert len(store.list("b", max_keys=size).all()) == SHORT


def test_prefixes_of_many_keys_come_in_pages_too(store: EngineDriver) -> None:
    """With "9" as the delimiter there are many, of all lengths; a page gives three of them."""
    found = [prefix for page in pages(store, 3, prefix="all/00", delimiter="9") for prefix in page.prefixes]
    cut = {
        key[: key.index("9", len("all/00")) + 1] for key in keys(store, 1000) if "9" in key[len("all/00") :]
    }
    assert found == sorted(cut)
    plain = [info.key for page in pages(store, 3, prefix="all/00", delimiter="9") for info in page]
    assert plain == [key for key in keys(store, 1000) if "9" not in key[len("all/00") :]]


def test_what_comes_and_goes_between_pages_does_not_disturb_the_rest(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        filled(driver, 2000)
        draw = random.Random(7)
        always = {name(number) for number in range(0, 2000, 2)}
        gone: set[str] = set()
        added_ahead: set[str] = set()
        seen: list[str] = []
        for page in pages(driver, 50):
            seen += [info.key for info in page]
            assert not gone & {info.key for info in page}
            last = seen[-1]
            # The last key of the page, too: what follows it is found without it.
            ahead = [name(number) for number in range(1, 2000, 2) if name(number) > last]
            for key in draw.sample(ahead, min(5, len(ahead))):
                driver.delete("b", key)
                gone.add(key)
            for key in (f"{last}+", "all/1+", "all/"):
                driver.put("b", key, b"")
                if key > last:
                    added_ahead.add(key)
            if last not in always:
                driver.delete("b", last)
        assert seen == sorted(seen)
        assert len(seen) == len(set(seen))
        assert always <= set(seen)
        assert added_ahead - set(seen) <= {f"{seen[-1]}+"}  # put after the last page
        assert "all/" not in seen


def test_a_cursor_outlives_its_key_its_writer_and_the_handle(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        filled(driver, 3000)
        page = driver.list("b", max_keys=1000)
        for number in range(990, 1010):
            driver.delete("b", name(number))
    with opened(tmp_path) as driver:
        following = driver.list("b", max_keys=1000, cursor=page.next_token)
        assert [info.key for info in following] == [name(number) for number in range(1010, 2010)]
