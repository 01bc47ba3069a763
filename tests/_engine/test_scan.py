"""Reading the log while others write to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from harness.log_records import Extent, write_record
from harness.opened import opened

from trove._engine.scan import Log, records

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


def test_who_reads_on_does_not_hop_over_what_is_still_to_come(tmp_path: Path) -> None:
    """A commit that was not there when its place was read, and an extent behind it that was."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        packs = driver.opened().packs
        (pack,) = (tmp_path / "store" / "packs").iterdir()
        (_, newest, _, start, length) = list(records(packs, 1))[-1]
        end = start + (length + 7) // 8 * 8
        with pack.open("r+b") as file:
            file.seek(end + 4096)
            file.write(write_record(Extent(0, ((bytes(16), 3),), b"abc"), packs.seed))
        assert [each[0] for each in records(packs, 1)][-1] != 2, "the extent is not found"
        assert Log(packs, newest, until=newest).ends[1] == end


def test_commits_that_are_moved_to_another_pack_meanwhile_are_found_there(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        core = driver.opened()
        for number in range(3):
            driver.put("b", f"{number}", os.urandom(1 << 20))
        core.writer.retire()
        driver.put("b", "gone", os.urandom(8 << 20))
        driver.delete("b", "gone")
        driver.put("b", "newest", b"x")
        before: Any = Log(core.packs)
        compacted: list[int] = []

        def progress(done: int) -> None:
            if not compacted:
                compacted.append(driver.compact().packs)

        found: Any = Log(core.packs, 0, progress)
        assert compacted == [1]
        wanted = {sequence for sequence, _ in before.numbered()}
        assert wanted <= {sequence for sequence, _ in found.numbered()}
