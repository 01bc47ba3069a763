"""Faults: drivers with one thing wrong, and the tests that must notice it and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from trove.drivers.memory import MemoryDriver

D = TypeVar("D", bound=type[MemoryDriver])


class Fault(NamedTuple):
    """A broken driver, and the names of the tests that must fail on it."""

    driver: type[MemoryDriver]
    caught_by: frozenset[str]


RACES = frozenset(
    {
        "test_concurrency_content_and_info_are_of_one_put",
        "test_concurrency_listing_while_others_write",
        "test_conditional_counter",
        "test_conditional_create_race_of_many",
        "test_conditional_replace_race_of_many",
        "test_versioning_many_writers_lose_no_version",
        "test_watch_many_writers",
    }
)
"""Tests that let threads race: they may notice a fault by luck that other tests name."""

FAULTS: dict[str, Fault] = {}


def caught_by(*tests: str) -> Callable[[D], D]:
    """Notes a broken driver; its docstring says what is wrong with it."""

    def note(driver: D) -> D:
        assert driver.__name__ not in FAULTS
        FAULTS[driver.__name__] = Fault(driver, frozenset(tests))
        return driver

    return note
