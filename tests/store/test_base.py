"""Store: what no store takes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from trove import store
from trove.errors import InvalidArgumentError, UnsupportedOptionError
from trove.store import MemoryStore


def test_nodes_are_refused_by_stores_without_servers() -> None:
    with pytest.raises(UnsupportedOptionError, match="nodes"):
        MemoryStore(nodes=["localhost:80"])
    assert MemoryStore(nodes=[]).options["nodes"] == ()


@pytest.mark.parametrize("clock", [None, 5, datetime(2026, 1, 1), datetime.now, lambda: 5.0])
def test_bad_clock_is_refused(clock: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        MemoryStore(clock=clock)


def test_stores_are_there_by_name() -> None:
    for name in store.__all__:
        assert hasattr(store, name)
