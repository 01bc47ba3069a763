"""Listing: what follows a prefix, pages against a naive model, and cursors that can't be forged."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trove import InvalidArgumentError, InvalidCursorError, ObjectInfo, ObjectIterator
from trove.driver import after_prefix, check_list, list_page

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LAST = "\U0010ffff"


def info(key: str) -> ObjectInfo:
    return ObjectInfo(key, 0, "x/y", "etag", NOW)


def page_of(keys: list[str], gone: frozenset[str] = frozenset(), **options: Any) -> ObjectIterator:
    ordered = sorted(keys)

    def keys_from(start: str) -> Iterator[str]:
        return (key for key in ordered if key >= start)

    return list_page(
        check_list("drv", "b", **options), keys_from, lambda key: None if key in gone else info(key)
    )


def entries(page: ObjectIterator) -> list[str]:
    return sorted([each.key for each in page] + page.prefixes)


def naive(keys: set[str], prefix: str, delimiter: str) -> list[str]:
    """All entries of a listing, rolled up one by one."""
    found = set()
    for key in keys:
        if key.startswith(prefix):
            head, mark, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
            found.add(prefix + head + mark if mark else key)
    return sorted(found)


# after_prefix


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", None),
        ("a", "b"),
        ("ab", "ac"),
        ("a/", "a0"),
        ("a\x7f", "a\x80"),
        ("\ud7ff", "\ue000"),  # the code points between are surrogates, no characters
        ("a\ud7ff", "a\ue000"),
        ("\uffff", "\U00010000"),
        (LAST, None),
        (LAST * 3, None),
        ("a" + LAST, "b"),
        ("a" + LAST * 2, "b"),
        ("\ud7ff" + LAST, "\ue000"),
    ],
)
def test_what_follows_a_prefix(prefix: str, expected: str | None) -> None:
    assert after_prefix(prefix) == expected


@given(st.text(max_size=5), st.text(max_size=5))
def test_after_a_prefix_comes_all_that_is_greater_and_lacks_it(prefix: str, other: str) -> None:
    following = after_prefix(prefix)
    reached = following is not None and other.encode() >= following.encode()
    assert reached == (other.encode() > prefix.encode() and not other.startswith(prefix))


# Pages.

ALPHABET = st.sampled_from("a/b\u00e9\ud7ff\ue000\uffff\U00010000" + LAST)
KEYS = st.sets(st.text(ALPHABET, min_size=1, max_size=5), max_size=20)


@given(
    KEYS,
    st.text(ALPHABET, max_size=2),
    st.sampled_from(["", "/", "a", "//", "b/", "/a", LAST, "absent"]),
)
def test_pages_of_every_size_are_the_listing_cut_in_pieces(
    keys: set[str], prefix: str, delimiter: str
) -> None:
    expected = naive(keys, prefix, delimiter)
    for size in range(1, len(expected) + 2):
        found: list[str] = []
        cursor = ""
        for _ in range(len(expected) + 1):
            page = page_of(sorted(keys), prefix=prefix, delimiter=delimiter, max_keys=size, cursor=cursor)
            cursor = page.next_token
            here = entries(page)
            found += here
            assert len(here) == size or not cursor
            if not cursor:
                break
        assert found == expected
        assert not cursor


@given(KEYS, st.data())
def test_objects_that_are_gone_take_no_place_on_a_page(keys: set[str], data: st.DataObject) -> None:
    gone = data.draw(st.frozensets(st.sampled_from(sorted(keys)))) if keys else frozenset()
    size = data.draw(st.integers(1, 5))
    expected = naive(keys - gone, "", "/")
    page = page_of(sorted(keys), gone, delimiter="/", max_keys=size)
    assert entries(page) == expected[:size]
    assert bool(page.next_token) == (len(expected) > size)


def test_full_last_page_has_no_token() -> None:
    assert page_of(["a", "b"], max_keys=2).next_token == ""
    assert page_of([], max_keys=1).next_token == ""


def test_page_reads_no_further_than_the_entry_behind_it() -> None:
    read: list[str] = []

    def keys_from(start: str) -> Iterator[str]:
        for number in range(10_000):
            key = f"{number:05}"
            if key >= start:
                read.append(key)
                yield key

    list_page(check_list("drv", "b", max_keys=3), keys_from, info)
    assert read == ["00000", "00001", "00002", "00003"]


def test_rolled_up_keys_are_jumped_over() -> None:
    starts: list[str] = []

    def keys_from(start: str) -> Iterator[str]:
        starts.append(start)
        return iter([key for key in ("a/1", "a/2", "b/1", "c") if key >= start])

    page = list_page(check_list("drv", "b", delimiter="/"), keys_from, info)
    assert page.prefixes == ["a/", "b/"]
    assert starts == ["", "a0", "b0"]


def test_page_goes_on_behind_a_key_that_has_gone() -> None:
    token = page_of(["a", "b", "c"], max_keys=2).next_token
    assert entries(page_of(["a", "c"], max_keys=2, cursor=token)) == ["c"]
    assert entries(page_of(["a", "b", "ba", "c"], max_keys=2, cursor=token)) == ["ba", "c"]


def test_no_page_follows_the_last_prefix_that_there_can_be() -> None:
    token = page_of([LAST + "a", LAST + "b"], delimiter=LAST, max_keys=1).next_token
    assert token == ""
    request = check_list("drv", "b", delimiter=LAST)
    cursor = request.cursor(LAST)
    assert check_list("drv", "b", delimiter=LAST, cursor=cursor).start is None
    assert entries(page_of([LAST + "a"], delimiter=LAST, cursor=cursor)) == []


# What a page is.


def test_page_is_iterated_once_and_all_gives_the_rest() -> None:
    page = page_of(["a", "b", "c"])
    assert next(page).key == "a"
    assert [each.key for each in page.all()] == ["b", "c"]
    assert page.all() == []
    assert list(page) == []


def test_closed_page_ends() -> None:
    with page_of(["a", "b/c"], delimiter="/") as page:
        assert next(page).key == "a"
    assert list(page) == []
    assert page.prefixes == ["b/"]
    page.close()


# Arguments.


@pytest.mark.parametrize("max_keys", [0, -1, 1.0, "1", None, True, False])
def test_page_size_that_is_no_positive_integer_is_refused(max_keys: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="max_keys"):
        check_list("drv", "b", max_keys=max_keys)


@pytest.mark.parametrize("value", [None, 5, b"a", "a\0", "\ud800"])
@pytest.mark.parametrize("name", ["prefix", "delimiter"])
def test_prefix_and_delimiter_that_are_no_text_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        check_list("drv", "b", **{name: value})


# Cursors.


def a_cursor(**options: Any) -> str:
    return page_of(["a/1", "a/2", "a/3"], max_keys=1, **options).next_token


@pytest.mark.parametrize(
    ("driver", "bucket", "options"),
    [
        ("other", "b", {"prefix": "a/"}),
        ("drv", "c", {"prefix": "a/"}),
        ("drv", "b", {}),
        ("drv", "b", {"prefix": "a"}),
        ("drv", "b", {"prefix": "a/", "delimiter": "/"}),
        ("drv", "b", {"prefix": "a", "delimiter": "/"}),
    ],
)
def test_cursor_of_another_listing_is_refused(driver: str, bucket: str, options: dict[str, str]) -> None:
    cursor = a_cursor(prefix="a/")
    assert check_list("drv", "b", prefix="a/", cursor=cursor).last == "a/1"
    with pytest.raises(InvalidCursorError) as raised:
        check_list(driver, bucket, **options, cursor=cursor)
    assert raised.value.bucket == bucket


def test_cursor_belongs_to_its_listing_whatever_the_page_size() -> None:
    assert check_list("drv", "b", prefix="a/", cursor=a_cursor(prefix="a/"), max_keys=7).last == "a/1"


def test_cursor_with_any_character_changed_is_refused() -> None:
    cursor = a_cursor()
    for at, character in enumerate(cursor):
        forged = cursor[:at] + ("A" if character != "A" else "B") + cursor[at + 1 :]
        with pytest.raises(InvalidCursorError):
            check_list("drv", "b", cursor=forged)


@pytest.mark.parametrize(
    "cursor",
    [
        None,
        5,
        b"",
        "a",
        "not a cursor",
        "====",
        "é",
        "a/1",
        base64.urlsafe_b64encode(b"a/1").decode(),
        base64.urlsafe_b64encode(bytes(8)).decode(),
        base64.urlsafe_b64encode(bytes(8) + b"a/1").decode(),
        base64.urlsafe_b64encode(bytes(8) + b"\xff").decode(),
    ],
)
def test_forged_cursor_is_refused(cursor: Any) -> None:
    with pytest.raises(InvalidCursorError, match="next_token"):
        check_list("drv", "b", cursor=cursor)


@pytest.mark.parametrize("form", ["{}=", "{}==", " {}", "{}\n", "{}A"])
def test_cursor_is_taken_in_the_form_it_was_given_only(form: str) -> None:
    cursor = a_cursor()
    check_list("drv", "b", cursor=cursor)
    with pytest.raises(InvalidCursorError):
        check_list("drv", "b", cursor=form.format(cursor))
