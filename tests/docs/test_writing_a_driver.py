"""The driver that docs/writing-a-driver.md shows is complete: it passes the suite, in under 100 lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trove.driver import Driver
from trove.testing import DriverSuite

PAGE = Path(__file__).parents[2] / "docs" / "writing-a-driver.md"
SOURCE = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]


def shown_driver() -> Any:
    namespace: dict[str, Any] = {"__name__": "shown_driver"}
    exec(compile(SOURCE, str(PAGE), "exec"), namespace)
    return namespace["DictDriver"]


def test_the_shown_driver_is_under_100_lines() -> None:
    assert "class DictDriver(Driver)" in SOURCE
    assert len([line for line in SOURCE.splitlines() if line.strip()]) < 100


class TestShownDriver(DriverSuite):
    @pytest.fixture
    def driver(self) -> Iterator[Driver]:
        driver: Driver = shown_driver()()
        driver.open("dict://")
        yield driver
        driver.close()
