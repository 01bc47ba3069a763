"""An empty memory store with the bucket ``b``."""

from collections.abc import Iterator

import pytest

from trove.drivers import MemoryDriver


@pytest.fixture
def driver() -> Iterator[MemoryDriver]:
    driver = MemoryDriver()
    driver.open("mem://")
    driver.create_bucket("b")
    yield driver
    driver.close()
