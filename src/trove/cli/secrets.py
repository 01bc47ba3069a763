"""Secrets: what the passwords of DSNs are, and texts without them."""

from __future__ import annotations

import re

from ..driver import DSN
from ..driver.dsn import SENSITIVE_NAMES

_PASSWORD = re.compile(r"(://[^\s:/@#\[]*:)[^\s#]*@")
_SECRET_PARAMETER = re.compile(rf"([?&][^=&#\s]*(?:{SENSITIVE_NAMES})[^=&#\s]*=)[^&#\s]*", re.IGNORECASE)
_SHORTEST_SECRET = 3
_secrets: set[str] = set()


def keep_secret(dsn: DSN) -> None:
    """Hide the secrets of ``dsn`` in all later messages, those of a driver that quotes them included."""
    values = [value for name, value in dsn.params.items() if _SECRET_PARAMETER.match(f"?{name}=")]
    _secrets.update(each for each in (dsn.password, *values) if len(each) >= _SHORTEST_SECRET)


def without_secrets(text: str) -> str:
    """``text`` with every password and secret parameter of a DSN replaced by ``***``."""
    text = _PASSWORD.sub(r"\1***@", text)
    text = _SECRET_PARAMETER.sub(r"\1***", text)
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
