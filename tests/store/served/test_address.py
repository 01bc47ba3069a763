"""Addresses of servers and secrets: which are taken, and that none that is refused is shown."""

from __future__ import annotations

from typing import Any

import pytest

from trove.errors import InvalidArgumentError
from trove.store.served.address import check_address, check_encrypted, check_secret


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("host", "http://host"),
        ("host:80", "http://host:80"),
        ("host:", "http://host"),
        ("HTTPS://Host/", "https://Host"),
        ("127.0.0.1:1", "http://127.0.0.1:1"),
        ("[::1]:65535", "http://[::1]:65535"),
        ("[::1]", "http://[::1]"),
    ],
)
def test_address(given: str, expected: str) -> None:
    found = check_address("url", given)
    assert found == expected
    assert check_address("url", found) == found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("host", "https://host:2379"),
        ("host:", "https://host:2379"),
        ("host:80", "https://host:80"),
        ("http://host", "http://host:2379"),
        ("[::1]", "https://[::1]:2379"),
    ],
)
def test_scheme_and_port_are_added_where_there_is_none(given: str, expected: str) -> None:
    found = check_address("url", given, scheme="https", port=2379)
    assert found == expected
    assert check_address("url", found, port=1) == found


def test_path_is_taken_where_servers_have_one() -> None:
    assert check_address("url", "https://host/v4/", has_path=True) == "https://host/v4"
    for path in ("/v4", "//"):
        with pytest.raises(InvalidArgumentError):
            check_address("url", f"https://host{path}")


@pytest.mark.parametrize(
    "given",
    [
        *(
            "",
            " ",
            "a b",
            "a\n",
            "höst",
            "http://",
            "://host",
            "ftp://host",
            "mailto:host@x",
            None,
            5,
            b"host",
        ),
        *("host:port", "host:99999", "host:-1", "host:0", "[::1", "::1", "host?x=pa55", "host#pa55"),
        *("http://user:pa55@host", "user:pa55@host", "pa55@host", "http://host/pa55@", "host\\@pa55"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("has_path", [False, True])
def test_what_is_no_address_is_refused_and_not_shown(given: Any, has_path: bool) -> None:
    with pytest.raises(InvalidArgumentError, match="url is no address") as raised:
        check_address("url", given, has_path=has_path)
    assert "pa55" not in str(raised.value)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "127.9.9.9", "[::1]:80"])
def test_plain_http_goes_to_this_machine_only_where_that_is_near_enough(host: str) -> None:
    assert check_encrypted("url", f"http://{host}", but_near=True) == f"http://{host}"
    with pytest.raises(InvalidArgumentError, match="https"):
        check_encrypted("url", f"http://{host}")


@pytest.mark.parametrize("host", ["host", "localhost.example", "10.0.0.1", "0.0.0.0", "[::]", "[fe80::1]"])
def test_plain_http_is_refused_elsewhere(host: str) -> None:
    assert check_encrypted("url", f"https://{host}") == f"https://{host}"
    with pytest.raises(InvalidArgumentError, match="https"):
        check_encrypted("url", f"http://{host}", but_near=True)


def test_secret_is_what_a_header_takes() -> None:
    printable = "".join(map(chr, range(0x20, 0x7F)))
    assert check_secret("token", printable) == printable


@pytest.mark.parametrize("value", ["", "pa55\n", "pa55\0", "pä55", "pa55\x7f", None, 55, b"pa55"], ids=repr)
def test_what_a_header_does_not_take_is_refused_and_not_shown(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="token") as raised:
        check_secret("token", value)
    assert "55" not in str(raised.value)
