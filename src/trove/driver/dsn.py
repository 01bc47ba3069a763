"""DSNs: where a store is, and with what settings, in one line of text.

``scheme://user:password@host:port/path?name=value&name=value``. Everything between the marks is
percent-decoded; ``+`` is a plus sign. A password never appears in a ``repr`` or an error message,
and neither does a DSN that can't be told apart from its password.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from urllib.parse import quote, unquote, unquote_to_bytes

from ..errors import InvalidDSNError, shown
from .types import ReadOnlyDict, read_only

_FORM = "a DSN has the form scheme://[user[:password]@][host][/path][?name=value&...]"
_FOLDER = "a store in a folder is trove:///absolute/path or trove://./relative"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]*)(:[0-9]{1,5})?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

SENSITIVE_NAMES = "pass|secret|token|key|credential|signature|auth"
"""A regular expression: a parameter with any of these in its name holds a secret, in either case."""

SHORTEST_SECRET = 3
"""Characters. Hiding a shorter one, wherever it stands in a text, would hide the text and tell the secret."""

_SECRET = re.compile(SENSITIVE_NAMES, re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DSN:
    """A DSN in its parts; those that are absent are ``""``. The port stays in ``host``."""

    scheme: str
    user: str = ""
    password: str = field(default="", repr=False)
    host: str = ""
    path: str = ""
    params: Mapping[str, str] = field(default_factory=ReadOnlyDict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", read_only(self.params))

    def __repr__(self) -> str:
        password = "***" if self.password else ""
        params = {name: "***" if _SECRET.search(name) else value for name, value in self.params.items()}
        return (
            f"DSN(scheme={self.scheme!r}, user={self.user!r}, password={password!r}, "
            f"host={self.host!r}, path={self.path!r}, params={params!r})"
        )

    def settings(
        self,
        *,
        schemes: Iterable[str],
        known: Iterable[str] = (),
        options: Mapping[str, object] | None = None,
    ) -> dict[str, str]:
        """The settings that a driver was opened with: this DSN's parameters and ``open``'s options.

        Raises InvalidDSNError when the scheme is none of ``schemes``, or a setting is not among the
        ``known`` ones or given twice.
        """
        schemes = sorted(schemes)
        if self.scheme not in schemes:
            raise InvalidDSNError(
                f"scheme {shown(self.scheme)} is of another driver; this one takes {' or '.join(schemes)}"
            )
        settings = dict(self.params)
        for name, value in (options or {}).items():
            if name in settings:
                raise InvalidDSNError(f"setting {shown(name)} stands in the DSN and in open(); give it once")
            settings[name] = str(value)
        known = sorted(known)
        for name in settings:
            if name not in known:
                remedy = f"known are {', '.join(known)}" if known else "this driver has none"
                raise InvalidDSNError(
                    f"unknown parameter {shown(name)} for the scheme {shown(self.scheme)}; {remedy}"
                )
        return settings


def parse_dsn(text: str) -> DSN:
    """``text`` in its parts. Raises InvalidDSNError when it is empty, without scheme or malformed."""
    if not isinstance(text, str):
        raise InvalidDSNError(f"a DSN is a str, not {type(text).__name__}; {_FORM}")
    if not text:
        raise InvalidDSNError(f"the DSN is empty; {_FORM}")
    scheme, separator, rest = text.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        raise InvalidDSNError(f"the DSN does not begin with a scheme and '://'; {_FORM}; {_FOLDER}")
    scheme = scheme.lower()
    if "#" in rest or any(ch <= " " or ch == "\x7f" for ch in rest):
        _malformed(scheme, "it holds '#', a space or a control character: percent-encode it")
    location, has_query, query = rest.partition("?")
    if has_query and not query:
        _malformed(scheme, "nothing follows its '?'")
    authority, slash, path = location.partition("/")
    credentials, _, host = authority.rpartition("@")
    user, _, password = credentials.partition(":")
    matched = _HOST.fullmatch(host)
    if not matched:
        _malformed(scheme, "what stands behind the ':' of its host is no port")
    if matched[2] and "@" not in authority and not host.startswith("[") and "@" in path + query:
        # Perhaps no host and port but a user and the beginning of a password.
        _malformed(
            scheme,
            "it has an '@' behind the '/' or '?' that ends its host: percent-encode '/', '?' and '#' in a "
            "password, '@' in a path or a parameter",
        )
    return DSN(
        scheme=scheme,
        user=_decoded(scheme, user),
        password=_decoded(scheme, password),
        host=_decoded(scheme, host),
        path=_decoded(scheme, slash + path),
        params=_params(scheme, query),
    )


def secrets_in(text: str) -> list[str]:
    """The secrets of a DSN in every form in which a message may show them, the longest first.

    They are its password and the parameters whose names are among the :data:`SENSITIVE_NAMES`; each
    as it is written, percent-decoded, percent-encoded in full, and as ``repr`` shows it.
    """
    location, _, query = text.partition("://")[2].partition("#")[0].partition("?")
    written = [location.partition("/")[0].rpartition("@")[0].partition(":")[2]]
    for item in query.split("&"):
        name, _, value = item.partition("=")
        if _SECRET.search(unquote(name)):
            written.append(value)
    plain = [unquote(each) for each in written]
    forms = {
        *written,
        *plain,
        *(quote(each, safe="") for each in plain),
        *(repr(each)[1:-1] for each in plain),
    }
    return sorted((form for form in forms if len(form) >= SHORTEST_SECRET), key=len, reverse=True)


def _params(scheme: str, query: str) -> dict[str, str]:
    params: dict[str, str] = {}
    for item in query.split("&") if query else ():
        raw_name, equals, value = item.partition("=")
        name = _decoded(scheme, raw_name)
        if not name or not equals:
            _malformed(scheme, "a parameter in it is not of the form name=value")
        if name in params:
            _malformed(scheme, f"it gives the parameter {shown(name)} twice")
        params[name] = _decoded(scheme, value)
    return params


def _decoded(scheme: str, text: str) -> str:
    if _BAD_ESCAPE.search(text):
        _malformed(scheme, "a '%' in it is not followed by two hexadecimal digits (a plain '%' is '%25')")
    try:
        decoded = unquote_to_bytes(text).decode()
    except UnicodeError:
        # No cause: it would quote the text that was to be decoded.
        decoded = "\0"
    if "\0" in decoded:
        _malformed(scheme, "what it percent-encodes is not UTF-8 without NUL")
    return decoded


def _malformed(scheme: str, what: str) -> NoReturn:
    raise InvalidDSNError(f"the DSN of scheme {shown(scheme)} is malformed, {what}; {_FORM}") from None
