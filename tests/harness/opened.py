"""A driver on the store that a test has in its folder."""

from __future__ import annotations

from pathlib import Path

from trove.drivers.engine import EngineDriver


def opened(folder: Path, **options: str) -> EngineDriver:
    """The driver, open on ``folder/store``, which is made where it is not there."""
    driver = EngineDriver()
    driver.open(f"trove://{folder}/store", **options)
    return driver
