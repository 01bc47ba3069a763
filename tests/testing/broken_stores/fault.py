"""Faults: stores with one thing wrong, and the tests that must notice it and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from trove.store import MemoryStore

S = TypeVar("S", bound=type[MemoryStore])


class Fault(NamedTuple):
    """A broken store, and the names of the tests that must fail on it."""

    store: type[MemoryStore]
    caught_by: frozenset[str]


FAULTS: dict[str, Fault] = {}


def caught_by(*tests: str) -> Callable[[S], S]:
    """Notes a broken store; its docstring says what is wrong with it."""

    def note(store: S) -> S:
        assert store.__name__ not in FAULTS
        FAULTS[store.__name__] = Fault(store, frozenset(tests))
        return store

    return note
