"""What is on the medium for certain after which events, and what may survive besides."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash.powercut.medium import SECTOR, File, Folder, Medium
from crash.powercut.surviving import EXTREMES, TEARS, Survivors
from crash.powercut.trace import Event, Kind

OLD, NEW = b"o" * 4 * SECTOR, b"n" * 4 * SECTOR


@pytest.fixture
def medium(tmp_path: Path) -> Medium:
    base = tmp_path / "base"
    base.mkdir()
    (base / "old").write_bytes(OLD)
    return Medium(base)


def play(medium: Medium, *events: tuple[Kind, str, int, bytes]) -> None:
    for event in events:
        medium.play(Event(*event))


def durable(medium: Medium, path: str) -> bytes:
    node = medium.find(path)
    assert isinstance(node, File)
    return bytes(node.durable)


def left(medium: Medium, folder: Path, variation: int) -> dict[str, bytes]:
    """The files that survive."""
    Survivors(medium, "seed", variation).write(folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_write_is_durable_once_it_is_flushed(medium: Medium) -> None:
    play(medium, (Kind.WRITE, "old", 0, NEW), (Kind.FLUSHING, "old", 1, b""))
    assert durable(medium, "old") == OLD
    play(medium, (Kind.FLUSHED, "old", 1, b""))
    assert durable(medium, "old") == NEW


def test_a_flush_covers_nothing_that_came_after_it_had_begun(medium: Medium) -> None:
    play(medium, (Kind.FLUSHING, "old", 1, b""), (Kind.WRITE, "old", 0, NEW), (Kind.FLUSHED, "old", 1, b""))
    assert durable(medium, "old") == OLD


def test_after_a_flush_that_failed_another_may_do_nothing(tmp_path: Path) -> None:
    found = set()
    for number in range(20):
        (tmp_path / f"{number}").mkdir()
        (tmp_path / f"{number}" / "old").write_bytes(OLD)
        medium = Medium(tmp_path / f"{number}")
        medium.played = number  # the flush is another one
        play(
            medium, (Kind.WRITE, "old", 0, NEW), (Kind.FLUSHING, "old", 1, b""), (Kind.FAILED, "old", 1, b"")
        )
        assert durable(medium, "old") == OLD
        play(medium, (Kind.FLUSHING, "old", 2, b""), (Kind.FLUSHED, "old", 2, b""))
        found.add(durable(medium, "old"))
    assert found == {OLD, NEW}


def test_a_name_is_durable_once_its_folder_is_flushed_and_not_with_its_file(
    medium: Medium, tmp_path: Path
) -> None:
    play(
        medium,
        (Kind.FOLDER, "made", 0, b""),
        (Kind.MADE, "made/new", 0, b""),
        (Kind.WRITE, "made/new", 0, NEW),
        (Kind.FLUSHING, "made/new", 1, b""),
        (Kind.FLUSHED, "made/new", 1, b""),
        (Kind.FLUSHING, "made", 2, b""),
        (Kind.FLUSHED, "made", 2, b""),
    )
    nothing = EXTREMES.index(next(pair for pair in EXTREMES if "no" in pair[1].__name__))
    assert left(medium, tmp_path / "first", nothing) == {"old": OLD}  # the folder above was not flushed
    play(medium, (Kind.FLUSHING, "", 3, b""), (Kind.FLUSHED, "", 3, b""))
    assert left(medium, tmp_path / "second", nothing) == {"old": OLD, "made/new": NEW}


def test_a_file_that_is_renamed_has_one_of_its_names(medium: Medium, tmp_path: Path) -> None:
    play(medium, (Kind.RENAMED, "old", 0, b"new"))
    found = {tuple(left(medium, tmp_path / f"{variation}", variation)) for variation in range(20)}
    assert found == {("old",), ("new",)}


def test_a_mapped_file_is_written_where_it_has_changed(medium: Medium) -> None:
    changed = OLD[:SECTOR] + NEW[:SECTOR] + OLD[: 2 * SECTOR]
    play(medium, (Kind.MAPPED, "old", 0, changed))
    node = medium.find("old")
    assert isinstance(node, File)
    assert [(write.offset, write.data) for write in node.pending] == [(SECTOR, NEW[:SECTOR])]


def test_each_sector_that_survives_is_what_it_was_at_some_moment(medium: Medium, tmp_path: Path) -> None:
    second = b"2" * 2 * SECTOR
    play(
        medium,
        (Kind.WRITE, "old", 0, NEW),
        (Kind.WRITE, "old", SECTOR, second),
        (Kind.WRITE, "old", 3 * SECTOR, second),  # and the file is longer
        (Kind.EXTEND, "old", 8 * SECTOR, b""),
    )
    found = set()
    for variation in range(60 * len(TEARS)):
        data = left(medium, tmp_path / f"{variation}", variation)["old"]
        assert len(data) in (4 * SECTOR, 5 * SECTOR, 8 * SECTOR)
        sectors = [data[at : at + SECTOR][:1] for at in range(0, len(data), SECTOR)]
        allowed = [b"on", b"on2", b"on2", b"on2", b"\x002", b"\0", b"\0", b"\0"]
        assert all(sector in each for sector, each in zip(sectors, map(bytes, allowed), strict=False))
        found.add(b"".join(sectors))
    assert len(found) > 50
    assert {OLD[:1] * 4, b"n222" + b"2" + b"\0" * 3} - found == set()


def test_the_same_number_leaves_the_same_files(medium: Medium, tmp_path: Path) -> None:
    play(medium, (Kind.WRITE, "old", 0, NEW), (Kind.MADE, "new", 0, b""), (Kind.WRITE, "new", 0, NEW * 9))
    for variation in range(20):
        first, second = (left(medium, tmp_path / f"{variation} {n}", variation) for n in range(2))
        assert first == second


def test_a_file_without_a_name_is_seen_by_nobody(medium: Medium) -> None:
    play(medium, (Kind.REMOVED, "old", 0, b""), (Kind.WRITE, "old", 0, NEW))
    assert isinstance(medium.root, Folder)
    assert medium.root.now == {}
