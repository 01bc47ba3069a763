"""`put_many` and `get_many`: what they take, and that one thing is not taken for many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trove.drivers.engine import EngineDriver
from trove.errors import DriverClosedError, InvalidArgumentError, InvalidKeyError


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[EngineDriver]:
    with EngineDriver() as driver:
        driver.open(f"trove://{tmp_path}/store?durability=relaxed")
        driver.create_bucket("b")
        for key in "abc":
            driver.put("b", key, key.encode())
        yield driver


@pytest.mark.parametrize("keys", ["abc", b"abc", bytearray(b"abc"), memoryview(b"abc"), 5, None])
def test_a_single_key_is_not_taken_for_many(driver: EngineDriver, keys: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"keys is .*pass a list of keys"):
        driver.get_many("b", keys)


def test_keys_come_as_any_iterable(driver: EngineDriver) -> None:
    wanted = {"a": b"a", "b": b"b"}
    for keys in ["a", "b", "x"], ("a", "b"), {"a", "b"}, {"a": 1, "b": 2}, (key for key in "ab"):
        assert driver.get_many("b", keys) == wanted
    assert driver.get_many("b", []) == {}


def test_each_key_is_checked(driver: EngineDriver) -> None:
    with pytest.raises(InvalidKeyError):
        driver.get_many("b", ["a", ""])
    with pytest.raises(InvalidKeyError):
        driver.get_many("b", ["a", 5])  # type: ignore[list-item]


@pytest.mark.parametrize(
    "items",
    [
        *("xy", b"xy", bytearray(b"xy"), 5, None),
        *(["xy"], [b"xy"], ["x"], [("x",)], [("x", b"1", b"2")], [None], [5]),
        # The first is good, and yet not put.
        *([("x", b"1"), "yz"], [("x", b"1"), ("y", b"2", b"3")]),
    ],
)
def test_what_is_no_pairs_is_refused_and_nothing_is_put(driver: EngineDriver, items: Any) -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"items (is|holds) .*pass a dict, or .*pairs of key and data"
    ):
        driver.put_many("b", items)
    assert [info.key for info in driver.list("b")] == ["a", "b", "c"]


def test_pairs_come_as_a_mapping_or_any_iterable(driver: EngineDriver) -> None:
    for items in (
        {"x": b"1", "y": b"2"},
        [("x", b"1"), ("y", b"2")],
        (pair for pair in [["x", b"1"], ["y", b"2"]]),
    ):
        assert [info.key for info in driver.put_many("b", items)] == ["x", "y"]  # type: ignore[arg-type]
        assert driver.get_many("b", ["x", "y", "z"]) == {"x": b"1", "y": b"2"}
        driver.delete("b", "x")
        driver.delete("b", "y")
    assert driver.put_many("b", {}) == []


def test_a_closed_driver_says_so_first(driver: EngineDriver) -> None:
    driver.close()
    for items in {}, {"x": b"1"}, "xy":
        with pytest.raises(DriverClosedError):
            driver.put_many("b", items)  # type: ignore[arg-type]
    with pytest.raises(DriverClosedError):
        driver.get_many("b", "xy")
