"""DSNs: taken apart, checked, and without a secret in what they show."""

from __future__ import annotations

import dataclasses
import pickle
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trove import InvalidDSNError
from trove.driver import DSN, parse_dsn
from trove.driver.dsn import secrets_in

SECRET = "hunter2-5f1e"


def test_every_part_is_told_apart() -> None:
    dsn = parse_dsn("s3://access:secret@us-east-1/my-bucket?endpoint=http://localhost:9000")
    assert dsn == DSN(
        scheme="s3",
        user="access",
        password="secret",
        host="us-east-1",
        path="/my-bucket",
        params={"endpoint": "http://localhost:9000"},
    )


@pytest.mark.parametrize("text", ["mem://", "MEM://", "Mem://"])
def test_absent_parts_are_empty_and_the_scheme_is_lower_case(text: str) -> None:
    assert parse_dsn(text) == DSN("mem", "", "", "", "", {})


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("s3://host:9000/b", "host:9000"),
        ("s3://HOST/b", "HOST"),
        ("s3://[::1]/b", "[::1]"),
        ("s3://[fe80::1]:9000/b", "[fe80::1]:9000"),
        ("s3://user:word@[::1]:1/b", "[::1]:1"),
        ("local://./relative", "."),
        ("local://..", ".."),
    ],
)
def test_port_stays_in_the_host(text: str, host: str) -> None:
    assert parse_dsn(text).host == host


@pytest.mark.parametrize(
    ("text", "part", "expected"),
    [
        ("s3://%61:b@h", "user", "a"),
        ("s3://a:p%40ss%2Fw%3Ard@h", "password", "p@ss/w:rd"),
        ("s3://a:p@ss@h", "password", "p@ss"),
        ("s3://a@h", "user", "a"),
        ("file:///a%20b/%C3%A9", "path", "/a b/é"),
        ("file:///a%2525", "path", "/a%25"),
        ("file:///a+b", "path", "/a+b"),
        ("s3://a+b:c+d@h", "password", "c+d"),
        ("mem://?a=b+c", "params", {"a": "b+c"}),
        ("mem://?a=b%26c%3Dd", "params", {"a": "b&c=d"}),
        ("mem://?a=b=c", "params", {"a": "b=c"}),
        ("mem://?a=", "params", {"a": ""}),
        ("mem://?%61=1&b=2", "params", {"a": "1", "b": "2"}),
        ("mem://?a=b?c", "params", {"a": "b?c"}),
        ("file:///caf\u00e9", "path", "/caf\u00e9"),
    ],
)
def test_escapes_are_decoded_and_a_plus_is_a_plus(text: str, part: str, expected: Any) -> None:
    assert getattr(parse_dsn(text), part) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mem",
        "mem:",
        "mem:/",
        "://host",
        "/a/path",
        "1mem://",
        "m em://",
        " mem://",
        f"s3://u:{SECRET}@h:port/b",
        f"s3://u:{SECRET}@h:123456/b",
        f"s3://u:12/{SECRET}@h",
        f"s3://u:12?{SECRET}@h",
        f"s3://u:12?x={SECRET}@h",
        f"s3://u:12/b?x={SECRET}@h",
        f"s3://u:{SECRET}@::1/b",
        f"s3://u:{SECRET}@[::1/b",
        f"s3://u:{SECRET}@[host]/b",
        f"s3://u:{SECRET}@h/b?",
        f"s3://u:{SECRET}@h/b?name",
        f"s3://u:{SECRET}@h/b?=value",
        f"s3://u:{SECRET}@h/b?a=1&a=2",
        f"s3://u:{SECRET}@h/b?a=1&%61=2",
        f"s3://u:{SECRET}@h/b?a=1&&b=2",
        f"s3://u:{SECRET}@h/b?token={SECRET}&token={SECRET}",
        f"s3://u:{SECRET}@h/b?token={SECRET}%",
        f"s3://u:{SECRET}@h/b?token={SECRET}%f",
        f"s3://u:{SECRET}%zz@h/b",
        f"s3://u:{SECRET}%00@h/b",
        f"s3://u:{SECRET}%ff@h/b",
        f"s3://u:{SECRET}%ED%A0%80@h/b",
        f"s3://u:{SECRET} @h/b",
        f"s3://u:{SECRET}#@h/b",
        f"s3://u:{SECRET}\n@h/b",
        f"s3://u:{SECRET}\x7f@h/b",
        f"s3//u:{SECRET}@h/b",
        f"s3:/u:{SECRET}@h/b",
        f"//u:{SECRET}@h/b",
    ],
)
def test_malformed_dsn_is_refused_without_quoting_a_secret(text: str) -> None:
    with pytest.raises(InvalidDSNError) as raised:
        parse_dsn(text)
    assert "scheme://" in str(raised.value)
    # The line of source that a traceback shows is this test's, so only the message lines count.
    assert SECRET not in "".join(traceback.format_exception_only(raised.value))
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None or raised.value.__suppress_context__


@pytest.mark.parametrize(
    "text",
    ["file:///home/me@work", "s3://u:p@h:9000/b@c", "s3://[::1]:9000/b@c", "s3://h:9000/b%40c", "s3://h/b@c"],
)
def test_an_at_sign_in_a_path_is_taken_where_it_can_end_no_password(text: str) -> None:
    assert "@" in parse_dsn(text).path


def test_a_password_cut_off_by_a_slash_is_told_how_to_be_written() -> None:
    with pytest.raises(InvalidDSNError, match="percent-encode '/', '\\?' and '#' in a password"):
        parse_dsn("s3://u:12/34@h")


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("mem://", []),
        ("s3://u:hunter@h/b?region=here", ["hunter"]),
        ("s3://u:hun%2Fter@h", ["hun%2Fter", "hun/ter"]),
        ("s3://u:hun@ter@h", ["hun%40ter", "hun@ter"]),
        ("s3://u:hun'ter\\@h#b/x@y", ["hun%27ter%5C", "hun'ter\\\\", "hun'ter\\"]),
        ("s3://h?token=hunter&api_%6Bey=two2#b?secret=three", ["hunter", "two2"]),
        ("s3://u:ab@h?token=c", []),
    ],
)
def test_secrets_are_found_in_every_form(text: str, secrets: list[str]) -> None:
    assert secrets_in(text) == secrets


@pytest.mark.parametrize("value", [None, 5, b"mem://", ["mem://"], DSN("mem")])
def test_dsn_that_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidDSNError, match="a DSN is a str"):
        parse_dsn(value)


@pytest.mark.parametrize(
    "name",
    ["password", "secret_access_key", "SecretKey", "session_token", "api-key", "signature", "auth"],
)
def test_secrets_are_hidden_in_repr_and_str(name: str) -> None:
    dsn = parse_dsn(f"s3://user:{SECRET}@h/b?{name}={SECRET}&region=here")
    for text in (repr(dsn), str(dsn), f"{dsn}", f"{[dsn]!r}"):
        assert SECRET not in text
        assert "password='***'" in text
        assert "'region': 'here'" in text
    assert (dsn.password, dsn.params[name]) == (SECRET, SECRET)


def test_absent_password_shows_as_absent() -> None:
    assert "password=''" in repr(parse_dsn("s3://user@h"))


def test_dsn_is_an_immutable_value() -> None:
    dsn = parse_dsn("mem://?a=1")
    assert dsn == parse_dsn("mem://?a=1")
    assert hash(dsn) == hash(parse_dsn("mem://?a=1"))
    assert pickle.loads(pickle.dumps(dsn)) == dsn
    with pytest.raises(dataclasses.FrozenInstanceError):
        dsn.host = "h"  # type: ignore[misc]
    with pytest.raises(TypeError, match="read-only"):
        dsn.params["a"] = "2"  # type: ignore[index]


@given(st.text())
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    try:
        dsn = parse_dsn(text)
    except InvalidDSNError:
        return
    assert dsn.scheme == text.partition("://")[0].lower()


# Settings.


def test_settings_are_the_parameters_and_the_options() -> None:
    dsn = parse_dsn("s3://h?a=1")
    assert dsn.settings(schemes=["s3"], known=["a", "b", "c"], options={"b": 2}) == {"a": "1", "b": "2"}


def test_settings_of_a_dsn_without_any_are_empty() -> None:
    assert parse_dsn("mem://").settings(schemes=["mem"]) == {}


def test_scheme_of_another_driver_is_refused() -> None:
    with pytest.raises(InvalidDSNError, match=r"'mem' is of another driver; this one takes file or local"):
        parse_dsn("mem://").settings(schemes=["local", "file"])


@pytest.mark.parametrize("options", [{}, {"b": SECRET}])
def test_unknown_setting_is_refused_by_its_name_alone(options: dict[str, str]) -> None:
    dsn = parse_dsn("mem://" if options else f"mem://?b={SECRET}")
    with pytest.raises(InvalidDSNError, match=r"unknown parameter 'b' .* known are a") as raised:
        dsn.settings(schemes=["mem"], known=["a"], options=options)
    assert SECRET not in str(raised.value)


def test_setting_given_twice_is_refused() -> None:
    with pytest.raises(InvalidDSNError, match="in the DSN and in open"):
        parse_dsn("mem://?a=1").settings(schemes=["mem"], known=["a"], options={"a": 1})
