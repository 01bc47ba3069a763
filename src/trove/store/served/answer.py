"""Answer: what a server answered to a request, and whether it was too busy to do it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from ...errors import StorageIOError, TroveError

TOO_MANY_REQUESTS = 429
UNAVAILABLE = (408, 500, 502, 503, 504, *range(520, 531))
"""The statuses of a server, or of one before it, that came to no end with a request. From 520 on they are
those of Cloudflare's own network: https://developers.cloudflare.com/support/troubleshooting/http-status-codes/."""


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
        except (ValueError, RecursionError) as error:
            cause = error
        # The body is not shown: it may repeat what it was asked, with a token.
        raise StorageIOError(
            f"a server answered {self.status} with {len(self.body)} bytes that are no JSON object; is it the "
            "server that it should be?"
        ) from cause

    def error(self) -> tuple[int, str]:
        """The number, 0 where it has none, and the words of an error, as etcd and Cloudflare tell them."""
        try:
            told = json.loads(self.body)
        except (ValueError, RecursionError):
            told = self.body.decode(errors="replace").strip()
        if isinstance(told, dict):
            errors = told.get("errors")
            first = errors[0] if isinstance(errors, list) and errors else told
            if isinstance(first, dict):
                code = first.get("code")
                words = first.get("message") or first.get("error") or json.dumps(told)
                return (code if isinstance(code, int) else 0), str(words)
        return 0, str(told)


@contextmanager
def understood(what: str) -> Iterator[None]:
    """In which an answer is taken apart. Raises StorageIOError where it has not the form that it should."""
    try:
        yield
    except TroveError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise StorageIOError(
            f"{what} answered what has not the form that it should have ({type(error).__name__}); is it the "
            "server that it should be?"
        ) from error


def busy_by_status(answer: Answer) -> bool:
    """Whether the server could not do now what it was asked for."""
    return answer.status == TOO_MANY_REQUESTS or answer.status in UNAVAILABLE


def retry_after(answer: Answer) -> float:
    """The seconds after which the server wants to be asked again; the form with a date is not honoured."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
