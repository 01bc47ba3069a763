"""Secrets: what the passwords of DSNs are, mistyped ones too, and texts without them."""

from __future__ import annotations

import re

from ..driver import parse_dsn
from ..driver.dsn import SENSITIVE_NAMES, SHORTEST_SECRET, secrets_in
from ..errors import InvalidDSNError

# Between a ':' and an '@', also where a mark of the DSN is missing. The form of a DSN, as messages
# show it, has '[' before the ':'.
_PASSWORD = re.compile(r"(?<!\[):(?!//)\S*@")
_SECRET_PARAMETER = re.compile(rf"([?&][^=&#\s]*(?:{SENSITIVE_NAMES})[^=&#\s]*=)[^&#\s]*", re.IGNORECASE)
_secrets: set[str] = set()


def keep_secrets(text: str) -> None:
    """Hide the secrets of ``text``, if it is a DSN or may be meant as one, in all later messages."""
    _secrets.update(secrets_in(text))
    try:
        parse_dsn(text.partition("#")[0])
    except InvalidDSNError:
        _secrets.update(_perhaps_secrets(text))


def _perhaps_secrets(text: str) -> list[str]:
    # A mistyped DSN may be taken for a bucket and a key, and a message quote either.
    beyond_scheme = text.partition("://")[2] or text
    password = beyond_scheme.rpartition("@")[0].partition(":")[2]
    pieces = (password, *re.split("[:/?#]", password))
    return [piece for piece in pieces if len(piece) >= SHORTEST_SECRET]


def without_secrets(text: str) -> str:
    """``text`` with every password and secret parameter of a DSN replaced by ``***``."""
    text = _PASSWORD.sub(":***@", text)
    text = _SECRET_PARAMETER.sub(r"\1***", text)
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
