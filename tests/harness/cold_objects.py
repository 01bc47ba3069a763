"""Objects of the class COLD: text that compresses well, and what is asked of stores that have such."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from trove._engine import cold
from trove.driver import LifecycleRule
from trove.drivers.engine import EngineDriver
from trove.errors import UnsupportedOptionError

WORDS = [random.Random(number).randbytes(1 + number % 9).hex().encode() for number in range(3000)]


def skip_without_cold() -> None:
    """Leave the tests of a module out where the extra is not installed; with `dev` it is."""
    try:
        cold.require_cold()
    except UnsupportedOptionError:
        pytest.skip("the cold extra is not installed", allow_module_level=True)


def text(name: object, size: int) -> bytes:
    """Words, of which less than half is left when they are compressed."""
    chosen = random.Random(f"{name}").choices(WORDS, k=size // 5 + 1)
    return b" ".join(chosen)[:size]


def live(driver: EngineDriver) -> int:
    return driver.stats().live_bytes


def read(driver: EngineDriver, key: str, **options: Any) -> bytes:
    with driver.get("b", key, **options) as reader:
        return reader.read()


def moves(driver: EngineDriver, storage_class: str) -> None:
    driver.set_lifecycle("b", [LifecycleRule("r", transition_days=1, transition_storage=storage_class)])


def flip(store: Path, needle: bytes) -> None:
    path = next(path for path in store.glob("packs/*.pack") if needle in path.read_bytes())
    raw = bytearray(path.read_bytes())
    raw[raw.index(needle) + len(needle) // 2] ^= 1
    path.write_bytes(raw)
