"""A store of files in each test's own folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trove.drivers import LocalDriver

Opener = Callable[..., LocalDriver]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def opener(root: Path) -> Iterator[Opener]:
    """Opens drivers on the store, which are closed at the end of the test."""
    opened: list[LocalDriver] = []

    def open_driver(durability: str = "full") -> LocalDriver:
        driver = LocalDriver()
        driver.open(f"file://{root}?durability={durability}")
        opened.append(driver)
        return driver

    yield open_driver
    for driver in opened:
        driver.close()


@pytest.fixture
def driver(opener: Opener) -> LocalDriver:
    """A driver with the bucket ``b``, not flushing: what is tested is not the medium."""
    driver = opener("relaxed")
    driver.create_bucket("b")
    return driver
