"""Addresses of servers, and what is sent to them in headers, checked before anything is asked."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from ...errors import InvalidArgumentError


def check_address(
    name: str, value: object, *, scheme: str = "http", port: int | None = None, has_path: bool = False
) -> str:
    """``value``, the address of a server, with its ``scheme`` and, where one is given here, a ``port``, and
    without a path but where it ``has_path``.

    Raises InvalidArgumentError for what is none, and does not show it: it may hold a password.
    """
    parts = _parts(value, scheme)
    if (
        parts is None
        or parts.scheme not in ("http", "https")
        or not parts.hostname
        or "@" in parts.netloc + parts.path
        or (parts.path not in ("", "/") and not has_path)
        or parts.query
        or parts.fragment
        or parts.port == 0
    ):
        raise InvalidArgumentError(
            f"{name} is no address; give host:port, http://host:port or https://host:port, and no user in it"
        )
    netloc = parts.netloc.rstrip(":")
    if port is not None and parts.port is None:
        netloc = f"{netloc}:{port}"
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


def check_encrypted(name: str, address: str, *, but_near: bool = False) -> str:
    """``address``, a checked one. Raises InvalidArgumentError for plain HTTP, where a secret could be read on
    the way; ``but_near`` is whether that is taken to this machine itself, where there is no way.
    """
    parts = urlsplit(address)
    if parts.scheme == "https" or (but_near and _is_near(parts.hostname or "")):
        return address
    raise InvalidArgumentError(
        f"{name} is plain HTTP, and secrets would be sent in the clear; give an https:// address"
    )


def check_secret(name: str, value: object) -> str:
    """``value``, which goes into a header. Raises InvalidArgumentError, without it, when it can't."""
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise InvalidArgumentError(f"the {name} is not printable ASCII; give the one that was issued")
    return value


def _parts(value: object, scheme: str) -> SplitResult | None:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or " " in value:
        return None
    try:
        parts = urlsplit(value if "://" in value else f"{scheme}://{value}")
        _ = parts.port  # which is looked at only now
    except ValueError:
        return None
    return parts


def _is_near(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
