"""The drivers of this package, for tests of what they have to do alike."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import trove

DSNS = {
    "memory": "mem://",
    "local": "file://{folder}?durability=relaxed",
    "engine": "trove://{folder}?durability=relaxed",
}


@pytest.fixture(params=DSNS.values(), ids=list(DSNS))
def each_driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[trove.Driver]:
    """One driver after the other, open on an empty store."""
    dsn: str = request.param.format(folder=tmp_path / "store")
    with trove.open(dsn) as driver:
        yield driver
