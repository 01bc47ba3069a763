"""A reader that stands still in the middle of a read: its process was stopped, or it copies the index."""

from __future__ import annotations

import random
from pathlib import Path

from harness.alone import alone
from harness.index_rows import check_store

from trove.drivers.engine import EngineDriver


@alone()
def test_writers_go_on_while_a_reader_stands_still(tmp_path: Path) -> None:
    """No page that was freed since can be used again, so the index has none to spare."""
    draw = random.Random(1)
    keys = [f"{number:03d}" for number in range(300)]
    with EngineDriver() as driver:
        driver.open(f"trove://{tmp_path}/store?durability=relaxed")
        driver.create_bucket("b")
        driver.put_many("b", {key: bytes(900) for key in keys})
        standing = driver.opened().index.env.begin()
        left = set(keys)
        for _ in range(40):
            gone = draw.sample(sorted(left), 60)
            with driver.batch() as batch:
                for key in gone:
                    batch.delete("b", key)
            left -= set(gone)
            back = draw.sample(keys, 60)
            driver.put_many("b", {key: bytes(900) for key in back})
            left |= set(back)
        standing.abort()
        assert {info.key for info in driver.list("b")} == left
        assert driver.verify().ok
    check_store(tmp_path / "store", tmp_path / "scratch")
