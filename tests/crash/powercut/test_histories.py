"""Which contents of a store are right after a power cut, by what its writers had been told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from crash.powercut.cuts import Cut
from crash.powercut.histories import Contents, History
from crash.powercut.medium import Medium
from crash.powercut.trace import Event, Kind

A, B = "one.b/one.a", "one.b/one.b"


def mark(**said: object) -> Event:
    return Event(Kind.MARK, "", 0, json.dumps(said).encode())


def actor(name: str, full: bool) -> Event:
    return mark(what="actor", actor=name, full=full)


def write(name: str, **changes: str | None) -> Event:
    keys = {f"{name}.b/{name}.{key}": digest for key, digest in changes.items()}
    return mark(what="write", actor=name, changes=keys)


def done(name: str) -> Event:
    return mark(what="done", actor=name)


def verdict(tmp_path: Path, events: list[Event], found: Contents, log: tuple[int, int] = (0, 0)) -> str:
    """With bytes of the log written after event ``log[0]`` and flushed only after ``log[1]``."""
    (tmp_path / "packs").mkdir(exist_ok=True)
    (tmp_path / "packs" / "1.pack").touch()
    medium = Medium(tmp_path)
    pack = medium.find("packs/1.pack")
    for number, event in enumerate(events):
        if number == log[0] < log[1]:
            assert pack is not None
            pack.change(number, Kind.WRITE, 0, b"x")  # type: ignore[union-attr]
        medium.play(event)
    return History(events, {}).wrong(found, medium)


FULL = [actor("one", True), write("one", a="1"), done("one"), write("one", a="2", b="2")]


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ({A: "1"}, True),
        ({A: "2", B: "2"}, True),  # under way, and whole
        ({A: "2"}, False),  # half of it
        ({}, False),  # acknowledged, and lost
        ({A: "3"}, False),
        ({A: "1", "two.b/two.a": "1"}, False),
    ],
)
def test_what_was_acknowledged_is_there_and_what_was_under_way_is_whole(
    tmp_path: Path, found: Contents, right: bool
) -> None:
    assert (verdict(tmp_path, FULL, found) == "") is right


def test_what_raised_is_not_there(tmp_path: Path) -> None:
    events = [*FULL, mark(what="raised", actor="one")]
    assert verdict(tmp_path, events, {A: "1"}) == ""
    assert verdict(tmp_path, events, {A: "2", B: "2"}) != ""


RELAXED = [actor("one", False), write("one", a="1"), done("one"), write("one", b="2"), done("one")]


@pytest.mark.parametrize(
    ("found", "right"),
    [({}, True), ({A: "1"}, True), ({A: "1", B: "2"}, True), ({B: "2"}, False)],
)
def test_relaxed_writes_that_are_there_are_a_beginning(tmp_path: Path, found: Contents, right: bool) -> None:
    assert (verdict(tmp_path, RELAXED, found, log=(1, 9)) == "") is right


def test_relaxed_writes_are_there_once_the_log_is_flushed(tmp_path: Path) -> None:
    assert verdict(tmp_path, RELAXED, {A: "1"}) != ""
    assert verdict(tmp_path, RELAXED, {A: "1"}, log=(4, 9)) == ""  # only the second one is not flushed


def test_relaxed_writes_are_there_once_a_flush_has_returned(tmp_path: Path) -> None:
    events = [*RELAXED[:3], mark(what="flush", actor="f"), mark(what="flushed", actor="f"), *RELAXED[3:]]
    assert verdict(tmp_path, events, {}, log=(1, 9)) != ""
    assert verdict(tmp_path, events, {A: "1"}, log=(1, 9)) == ""


def test_with_a_write_is_there_what_others_had_been_told_before(tmp_path: Path) -> None:
    events = [actor("one", False), actor("two", True), write("one", a="1"), done("one"), write("two", a="1")]
    assert verdict(tmp_path, events, {}, log=(1, 9)) == ""
    assert verdict(tmp_path, events, {"two.b/two.a": "1"}, log=(1, 9)) != ""
    assert verdict(tmp_path, events, {A: "1", "two.b/two.a": "1"}, log=(1, 9)) == ""


def test_a_number_says_all_of_a_cut() -> None:
    for cut in (Cut("full", 0, 0, 0), Cut("streams", 77, 1234, 63, 99, 5)):
        assert Cut.of(cut.number) == cut
