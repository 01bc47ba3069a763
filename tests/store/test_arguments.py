"""Arguments of stores: what is taken, as what, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trove.errors import InvalidArgumentError, InvalidKeyError, UnsupportedOptionError
from trove.store import MAX_KEY_BYTES, Record, Store
from trove.store.arguments import (
    MAX_NAMESPACE_BYTES,
    check_affix,
    check_clock,
    check_count,
    check_flag,
    check_lifetime,
    check_options,
    check_record,
    check_record_key,
    check_size,
    due,
    utc_now,
)

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


class Text(str):
    """A text with a mind of its own."""

    __slots__ = ()

    def __str__(self) -> str:
        return "another"


class Instant(datetime):
    """An instant with a mind of its own."""

    def astimezone(self, tz: tzinfo | None = None) -> Instant:
        return self


USEFUL = ["prefix", "suffix"]
NO_TEXTS: list[Any] = [None, 5, True, b"key", ["key"], "\ud800", Text("\udfff")]


@settings(deadline=None)
@given(TEXTS)
def test_any_text_is_an_affix_and_all_but_none_a_key(text: str) -> None:
    for given_ in (text, Text(text)):
        assert check_affix("prefix", given_) == text
        assert type(check_affix("prefix", given_)) is str
        if text:
            assert check_record_key(given_) == text
            assert type(check_record_key(given_)) is str


@pytest.mark.parametrize("value", NO_TEXTS, ids=ascii)
def test_what_is_no_text_is_neither(value: Any) -> None:
    with pytest.raises(InvalidKeyError):
        check_record_key(value)
    with pytest.raises(InvalidArgumentError, match="suffix"):
        check_affix("suffix", value)


@pytest.mark.parametrize("value", ["", Text("")], ids=["text", "subclass"])
def test_empty_key_is_refused(value: str) -> None:
    with pytest.raises(InvalidKeyError, match="empty"):
        check_record_key(value)


@pytest.mark.parametrize("letter", ["k", "é", "語", "\U0001f600"])
def test_key_is_measured_in_bytes_of_utf_8(letter: str) -> None:
    most = MAX_KEY_BYTES // len(letter.encode())
    check_size("key", letter * most)
    with pytest.raises(InvalidKeyError, match=r"51[3-6] bytes") as raised:
        check_size("key", letter * (most + 1))
    assert raised.value.key == "key"


@pytest.mark.parametrize("count", [0, 1, 10**6])
def test_counts(count: int) -> None:
    assert check_count("limit", count) == count


def test_count_of_more_than_there_can_be_is_one_that_can_be_added_to_another() -> None:
    most = check_count("limit", 10**30)
    assert 10**15 < most + most <= sys.maxsize


@pytest.mark.parametrize("value", [-1, -(10**30), 1.0, "1", None, True, False], ids=repr)
def test_what_is_no_count_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="limit"):
        check_count("limit", value)


def test_flags_are_true_or_false() -> None:
    assert (check_flag("prefix", True), check_flag("prefix", False)) == (True, False)
    for value in (None, 0, 1, "key", ""):
        with pytest.raises(InvalidArgumentError, match="prefix"):
            check_flag("prefix", value)


def test_records_are_taken_as_they_are() -> None:
    for record in (Record("key", b""), Record("key", b"value", timedelta.resolution)):
        assert check_record(record) is record


@pytest.mark.parametrize(
    "record",
    [
        *(None, "key", ("key", b"value"), Record("", b""), Record("key", "value")),  # type: ignore[arg-type]
        *(Record("key", b"", timedelta(0)), Record("key", b"", -HOUR), Record("key", b"", 60)),  # type: ignore[arg-type]
    ],
    ids=repr,
)
def test_what_is_no_record_is_refused(record: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        check_record(record)


@pytest.mark.parametrize("value", [None, timedelta.resolution, HOUR, timedelta.max])
def test_lifetimes(value: timedelta | None) -> None:
    assert check_lifetime("ttl", value) == value


@pytest.mark.parametrize("value", [timedelta(0), -timedelta.resolution, timedelta.min, 0, 60, 1.5, "1h", NOW])
def test_what_is_no_lifetime_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="ttl"):
        check_lifetime("ttl", value)


@pytest.mark.parametrize(
    ("own", "expiry", "ttl", "expected"),
    [
        (None, None, None, None),
        (HOUR, None, None, NOW + HOUR),
        (HOUR, NOW + 2 * HOUR, None, NOW + 2 * HOUR),
        (HOUR, NOW + 2 * HOUR, 3 * HOUR, NOW + 3 * HOUR),
        (None, NOW - HOUR, None, NOW - HOUR),
    ],
)
def test_time_to_live_goes_before_the_instant_and_that_before_the_records_own(
    own: timedelta | None, expiry: datetime | None, ttl: timedelta | None, expected: datetime | None
) -> None:
    assert due(lambda: NOW, Record("key", b"", own), ttl, expiry) == expected


@pytest.mark.parametrize("hours", [-12, 0, 14])
def test_instants_are_told_in_utc_as_plain_ones(hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    here = NOW.astimezone(zone)
    odd = Instant(here.year, here.month, here.day, here.hour, tzinfo=zone)
    for expiry in (here, odd):
        found = due(lambda: NOW, Record("key", b""), None, expiry)
        assert found == NOW
        assert type(found) is datetime
        assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("ttl", "expiry"),
    [
        (timedelta.max, None),
        (None, datetime.max.replace(tzinfo=timezone(-HOUR))),
        (None, datetime.min.replace(tzinfo=timezone(HOUR))),
        (None, NOW.replace(tzinfo=None)),
        (HOUR, NOW.replace(tzinfo=None)),
        (None, 60),
    ],
    ids=repr,
)
def test_instant_that_no_calendar_has_is_refused(ttl: timedelta | None, expiry: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        due(lambda: NOW, Record("key", b""), ttl, expiry)


def test_clock_tells_in_utc_what_it_tells_elsewhere() -> None:
    there = check_clock(lambda: NOW.astimezone(timezone(5 * HOUR)))
    assert there() == NOW
    assert there().tzinfo is UTC
    for clock in (utc_now, there):
        assert check_clock(clock) is clock


@pytest.mark.parametrize("clock", [None, NOW, lambda: None, lambda: 5.0, lambda: NOW.replace(tzinfo=None)])
def test_what_is_no_clock_is_refused(clock: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="clock"):
        check_clock(clock)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("nodes", ["a", Text("b")], ("a", "b")),
        ("nodes", (), ()),
        ("prefix", Text("p\0"), "p\0"),
        ("suffix", "", ""),
        ("namespace", "é" * (MAX_NAMESPACE_BYTES // 2), "é" * (MAX_NAMESPACE_BYTES // 2)),
        ("namespace", "a/../%b c", "a/../%b c"),
    ],
    ids=ascii,
)
def test_options(name: str, value: object, expected: object) -> None:
    assert check_options("memory", Store.OPTIONS, USEFUL, {name: value}) == {name: expected}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("nodes", [None, "host", 5, [5], ["\ud800"], {"a"}]),
        ("prefix", NO_TEXTS),
        ("suffix", NO_TEXTS),
        ("namespace", [*NO_TEXTS, "é" * (MAX_NAMESPACE_BYTES // 2) + "n", "a\0", "\n", "\x1f", "\x7f"]),
    ],
)
def test_bad_options_are_refused(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidArgumentError, match=name):
            check_options("memory", Store.OPTIONS, USEFUL, {"suffix": "s", name: value})


def test_unknown_option_is_refused_with_those_that_are_useful() -> None:
    with pytest.raises(
        UnsupportedOptionError, match="'memory' has no option 'colour'; it has prefix, suffix"
    ):
        check_options("memory", Store.OPTIONS, USEFUL, {"prefix": "p", "colour": "red"})


def test_options_of_a_store_of_its_own_are_left_to_it() -> None:
    given_: dict[str, Callable[[], None] | None] = {"own": None}
    assert check_options("mine", {**Store.OPTIONS, "own": 1}, USEFUL, given_) == {"own": None}
