"""The escape of keys and bucket names: one path for each, and each path of one only."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trove.drivers.local.names import (
    DISPLACED,
    OWN_FOLDER,
    bucket_folder,
    component_names,
    component_of,
    key_path,
    plain_bucket,
)

CHARACTERS = st.one_of(
    st.sampled_from("%/._+=2E5aA~ \n"),
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
)
KEYS = st.one_of(
    st.text(CHARACTERS, min_size=1, max_size=40),
    st.tuples(st.text(CHARACTERS, min_size=1, max_size=4), st.integers(1, 1024)).map(
        lambda drawn: (drawn[0] * drawn[1]).encode()[:1024].decode(errors="ignore")
    ),
).filter(lambda key: 1 <= len(key.encode()) <= 1024)


def key_of(path: list[bytes]) -> str | None:
    """The key of a path, read piece by piece as a listing does."""
    components: list[str] = []
    pieces: list[bytes] = []
    for name in path:
        pieces.append(name)
        component = component_of(pieces)
        if component is not None:
            components.append(component)
            pieces = []
    return None if pieces else "/".join(components)


@given(KEYS)
@example("%" * 1024)
@example("/" * 1024)
@example("\U0001f600" * 256)
@example("x" * 240)
@example("x" * 241)
def test_path_round_trip(key: str) -> None:
    assert key_of(key_path(key)) == key


@given(KEYS)
@example("%" * 1024)
@example("\U0001f600" * 256)
def test_path_holds_only_names_that_a_file_system_takes(key: str) -> None:
    for name in key_path(key):
        assert 1 <= len(name) <= 255 - len(DISPLACED)
        assert name not in (b".", b"..")
        assert b"/" not in name
        assert b"\0" not in name
        name.decode()


@given(KEYS, KEYS)
@example("a%=", "a")
@example("%2E", ".")
@example("a//b", "a/%_/b")
def test_path_of_two_keys_differs(one: str, other: str) -> None:
    if one != other:
        assert key_path(one) != key_path(other)
        assert key_path(one)[-1] + DISPLACED not in key_path(other)


@pytest.mark.parametrize("key", ["a.txt", "2026/01/cat photo.jpg", ".hidden", "...", "ünï/cødé", "a+b=c_d"])
def test_path_of_an_ordinary_key_is_the_key(key: str) -> None:
    assert b"/".join(key_path(key)).decode() == key


@pytest.mark.parametrize(
    "name",
    [b".", b"..", b"", b"%", b"%2e", b"%41", b"a%", b"a%+", b"a%=", b"%__", b"a%2E", b"\xff", b"%25%"],
)
def test_name_that_no_key_has(name: bytes) -> None:
    assert component_of([name]) is None


def test_long_component_cut_elsewhere_is_of_no_key() -> None:
    first, second = component_names("x" * 300)
    assert component_of([first, second]) == "x" * 300
    assert component_of([first[1:], b"x" + second]) is None
    assert component_of([b"x" * 300]) is None


BUCKETS = st.one_of(
    st.text(CHARACTERS.filter(lambda c: c.isprintable() and c != "/"), min_size=1, max_size=60),
    st.sampled_from([".trove", "%", "%2E", ".trove2", "%" + "0" * 64, "x" * 255, "é" * 127]),
).filter(lambda name: name not in (".", "..") and len(name.encode()) <= 255)


@given(BUCKETS, BUCKETS)
def test_bucket_folder_is_the_buckets_alone(one: str, other: str) -> None:
    assert bucket_folder(one) != OWN_FOLDER
    assert len(bucket_folder(one)) <= 255
    assert plain_bucket(bucket_folder(one)) in (one, None)
    if one != other:
        assert bucket_folder(one) != bucket_folder(other)
