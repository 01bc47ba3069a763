"""Reading the log while others write to it."""

from __future__ import annotations

import os
from pathlib import Path

from harness.opened import opened

from trove._engine.scan import records

AHEAD = 8 << 20  # bytes that a writer asks for beforehand, more than are read at once


def test_a_pack_that_its_writer_cuts_to_length_meanwhile_ends_where_it_is_written(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.put("b", "k", b"x")
        packs = driver.opened().packs
        (pack,) = (tmp_path / "store" / "packs").iterdir()
        written = list(records(packs, 1))
        end = written[-1][3] + written[-1][4]
        os.truncate(pack, end + AHEAD)
        reading = records(packs, 1)
        assert next(reading) == written[0]
        os.truncate(pack, end + 4096)
        assert [written[0], *reading] == written
