"""Names of records in a backend: all different, in the order of their keys, and found by prefix."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trove.errors import InvalidKeyError
from trove.store import MemoryStore, Record, Space
from trove.store.naming import NamedStore, key_in, name_of

ODD = st.sampled_from("\0\1\2/%=@a2F")
"""What names are made with, so that two that are alike are found."""

KEY_LETTERS = ODD | st.characters(exclude_categories=["Cs"])
LETTERS = ODD.filter(str.isprintable) | st.characters(exclude_categories=["C"])
KEYS = st.text(KEY_LETTERS)
SPACE = st.lists(st.text(LETTERS, min_size=1)).map(tuple)


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


class ShortNames(NamedStore, MemoryStore):
    MOST_NAME_BYTES = 30


@settings(deadline=None)
@given(st.text(LETTERS, max_size=10), st.text(KEY_LETTERS, min_size=1, max_size=60))
def test_name_of_more_bytes_than_the_backend_takes_is_refused(namespace: str, key: str) -> None:
    name = name_of((namespace,) if namespace else (), key)
    with ShortNames(namespace=namespace) as store:
        if len(name.encode()) <= ShortNames.MOST_NAME_BYTES:
            store.write(Record(key, b""))
            assert store.list() == [key]
            return
        with pytest.raises(InvalidKeyError, match="takes 30") as raised:
            store.write(Record(key, b""))
        assert raised.value.key == key
        assert store.list() == []


@pytest.mark.parametrize("letter", ["a", "\0", "\1", "é", "\U0010ffff"])
@pytest.mark.parametrize("namespace", ["", "n", "/"])
def test_name_may_be_as_long_as_the_backend_takes(namespace: str, letter: str) -> None:
    space = (namespace,) if namespace else ()
    room = ShortNames.MOST_NAME_BYTES - len(name_of(space, ""))
    longest = letter * (room // len(name_of((), letter).removeprefix("=").encode()))
    with ShortNames(namespace=namespace) as store:
        store.write(Record(longest, b""))
        with pytest.raises(InvalidKeyError):
            store.write(Record(longest + letter, b""))
