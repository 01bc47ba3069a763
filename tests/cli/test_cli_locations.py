"""Where a location points to, and what is no location."""

from __future__ import annotations

import pytest

from trove.cli.cp import _endpoint
from trove.cli.location import Location, parse_location
from trove.errors import InvalidArgumentError, InvalidDSNError


@pytest.mark.parametrize(
    ("text", "dsn", "bucket", "key"),
    [
        ("file:///x#b/k", "file:///x", "b", "k"),
        ("file:///x?durability=relaxed#b/a/b.txt", "file:///x?durability=relaxed", "b", "a/b.txt"),
        ("mem://#b/a #?%41/#b", "mem://", "b", "a #?%41/#b"),
        ("mem://#b//rooted", "mem://", "b", "/rooted"),
        ("mem://#b/", "mem://", "b", ""),
        ("mem://#b", "mem://", "b", ""),
        ("mem://#", "mem://", "", ""),
        ("mem://", "mem://", "", ""),
    ],
)
def test_a_dsn_ends_at_the_first_hash_and_the_rest_is_literal(
    text: str, dsn: str, bucket: str, key: str
) -> None:
    assert parse_location(text) == Location(dsn, bucket, key)


def test_a_plain_location_is_in_the_store_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TROVE_DSN", "file:///x")
    assert parse_location("b/http://k") == Location("file:///x", "b", "http://k")


def test_a_plain_location_without_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TROVE_DSN", raising=False)
    with pytest.raises(InvalidArgumentError, match="set TROVE_DSN"):
        parse_location("b/k")


@pytest.mark.parametrize("text", ["mem://#/k", "mem://#../k", "mem://#b/" + "k" * 1025])
def test_what_can_be_no_bucket_or_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgumentError):
        parse_location(text)


def test_a_malformed_dsn_is_refused_without_its_password() -> None:
    with pytest.raises(InvalidDSNError) as caught:
        parse_location("s3://me:hunter2:x@[#b/k")
    assert "hunter2" not in str(caught.value)


def test_a_location_shows_no_dsn() -> None:
    location = parse_location("s3://me:hunter2@host#b/k")
    assert "hunter2" not in repr(location)
    assert str(location) == "b/k"


@pytest.mark.parametrize("text", ["/a", "./a", "../a", ".", "..", "-"])
def test_cp_takes_what_looks_like_a_path_as_one(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TROVE_DSN", "file:///x")
    assert _endpoint(text) == text


def test_cp_takes_other_names_as_locations_only_with_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TROVE_DSN", "file:///x")
    assert _endpoint("b/k") == Location("file:///x", "b", "k")
    monkeypatch.delenv("TROVE_DSN")
    assert _endpoint("b/k") == "b/k"
    monkeypatch.setenv("HOME", "/home/me")
    assert _endpoint("~/k") == "/home/me/k"
