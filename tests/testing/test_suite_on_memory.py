"""The whole suite on the reference implementation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from trove.drivers.memory import MemoryDriver
from trove.testing import DriverSuite


class TestMemoryDriver(DriverSuite):
    @pytest.fixture
    def driver(self) -> Iterator[MemoryDriver]:
        drv = MemoryDriver()
        drv.open("mem://")
        yield drv
        drv.close()
