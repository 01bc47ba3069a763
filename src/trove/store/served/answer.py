"""Answer: what a server answered to a request, and whether it was too busy to do it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...errors import StorageIOError, shown

TOO_MANY = 429
UNAVAILABLE = (502, 503, 504)


class Answer(NamedTuple):
    """What a server answered; the names of headers are in no particular case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body, a JSON object. Raises StorageIOError when it is none."""
        try:
            told = json.loads(self.body)
            if isinstance(told, dict):
                return told
            cause = None
        except ValueError as error:
            cause = error
        raise StorageIOError(
            f"a server answered {self.status} with what is no JSON object ({shown(self.body)}); is it the "
            "server that it should be?"
        ) from cause

    def error(self) -> tuple[int, str]:
        """The number, 0 where it has none, and the words of an error, as etcd and Cloudflare tell them."""
        try:
            told = json.loads(self.body)
        except ValueError:
            told = self.body.decode(errors="replace").strip()
        if isinstance(told, dict):
            errors = told.get("errors")
            first = errors[0] if isinstance(errors, list) and errors else told
            if isinstance(first, dict):
                code = first.get("code")
                return (code if isinstance(code, int) else 0), str(first.get("message"))
        return 0, str(told)


def busy_by_status(answer: Answer) -> bool:
    """Whether the server could not do now what it was asked for."""
    return answer.status == TOO_MANY or answer.status in UNAVAILABLE


def retry_after(answer: Answer) -> float:
    """The seconds after which the server wants to be asked again; the form with a date is not honoured."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
