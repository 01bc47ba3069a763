"""Names of records in a backend: all different, in the order of their keys, and found by prefix."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trove.errors import InvalidKeyError
from trove.store import Space
from trove.store.arguments import MOST_BYTES
from trove.store.naming import check_name, key_in, name_of, room_for

ODD = st.sampled_from("\0\1\2/%=@a2F")
"""What names are made with, so that two that are alike are found."""

KEYS = st.text(ODD | st.characters(exclude_categories=["Cs"]))
SPACES = st.lists(st.text(ODD.filter(str.isprintable) | st.characters(exclude_categories=["C"]), min_size=1))
SPACE = SPACES.map(tuple)


@settings(deadline=None)
@given(SPACE, SPACE, KEYS, KEYS)
@example(("a",), (), "b", "@a/=b")
@example(("a/=b",), ("a",), "", "b/=")
@example(("a/@b",), ("a", "b"), "", "")
@example(("a%2F",), ("a/",), "", "")
@example(("a",), ("a", "b"), "", "")
def test_names_in_one_space_never_begin_as_those_in_another(
    one: Space, other: Space, key: str, other_key: str
) -> None:
    name = name_of(one, key)
    assert name.startswith(name_of(other, "")) == (one == other)
    assert (name == name_of(other, other_key)) == ((one, key) == (other, other_key))


@settings(deadline=None)
@given(SPACE, KEYS)
def test_key_is_told_by_its_name(space: Space, key: str) -> None:
    name = name_of(space, key)
    assert "\0" not in name
    assert key_in(space, name) == key


@settings(deadline=None)
@given(SPACE, KEYS)
@example((), "\1")
@example((), "a\1\3")
def test_name_that_no_key_has_tells_none(space: Space, rest: str) -> None:
    name = name_of(space, "") + rest.replace("\0", "\1")
    key = key_in(space, name)
    assert key is None or name_of(space, key) == name


@settings(deadline=None)
@given(SPACE, KEYS, KEYS)
@example((), "\0", "\1")
@example((), "\1", "\2")
@example((), "a", "a\0")
@example((), "\uffff", "\U00010000")
def test_order_of_names_is_that_of_keys(space: Space, one: str, other: str) -> None:
    names = name_of(space, one).encode(), name_of(space, other).encode()
    assert (names[0] < names[1]) == (one.encode() < other.encode())


@settings(deadline=None)
@given(SPACE, KEYS, KEYS)
@example((), "\1", "\0")
def test_prefixes_of_names_are_those_of_keys(space: Space, key: str, prefix: str) -> None:
    assert name_of(space, prefix + key).startswith(name_of(space, prefix))
    assert name_of(space, key).startswith(name_of(space, prefix)) == key.startswith(prefix)


@settings(deadline=None)
@given(SPACE, KEYS, st.integers(0, 100))
def test_name_of_more_bytes_than_may_be_is_refused(space: Space, key: str, most: int) -> None:
    if len(name_of(space, key).encode()) <= most:
        check_name(key, space, key, most)
        return
    with pytest.raises(InvalidKeyError, match=f"takes {most}") as raised:
        check_name(key, space, key, most)
    assert raised.value.key == key
    assert len(key) > room_for(space, most)


@pytest.mark.parametrize("letter", ["a", "\0", "\1", "\U0010ffff"])
def test_room_is_for_letters_of_any_kind(letter: str) -> None:
    space = ("n" * 10, "%")
    for most in range(100):
        room = room_for(space, most)
        if room >= 0:
            check_name("k", space, letter * room, most)
    assert room_for((), 1 + MOST_BYTES) == 1
