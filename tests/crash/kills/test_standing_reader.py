"""A reader that stands still in the middle of a read: its process was stopped, or copies the index."""

from __future__ import annotations

import random
from pathlib import Path

from crash.kills.clients import OWNERS
from crash.kills.owner import Owner
from crash.kills.places import Place
from harness.alone import alone
from harness.index_rows import check_store

STEPS = 4000
STANDS = 50  # steps that one read takes


@alone()
def test_writers_go_on_while_a_reader_stands_still(tmp_path: Path) -> None:
    """No page of the index that was given up since can be used again, so there may be none to spare."""
    draw = random.Random(1)
    place = Place(tmp_path, chunk_size=512)
    place.make(OWNERS)  # with small chunks: their rows go by the hundred, and with them whole pages
    owners = [Owner(place, name, draw, "durability=relaxed") for name in OWNERS]
    standing = None
    for number in range(STEPS):
        draw.choice(owners).step()
        if number % STANDS == 0:
            del standing
            standing = owners[0].driver.opened().index.env.begin()
    del standing
    for owner in owners:
        assert owner.driver.verify().ok
        owner.driver.close()
    check_store(place.store, tmp_path / "scratch")
