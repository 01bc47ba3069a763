"""HttpServers: servers that speak HTTP; which one is asked, for how long, and what is sent to them again.

What is sent again, to the same server or the next one:

- anything, when no connection came about: it was not sent;
- anything that was answered 429: the server says that it did not do it;
- what only reads, or does nothing more when it is done twice (``again``), when the connection broke before
  the whole answer was there, when none came in a server's share of the time, and when it was 502, 503 or 504.

A write or delete that may have been done is not sent again. It would leave the same value there, but others
may have seen that value meanwhile, and written over it or deleted it: their change would be undone, though
they were told that it was made. So the call raises BackendUnavailableError, and the caller decides.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...driver.dsn import SHORTEST_SECRET
from ...driver.forking import renew_in_child
from ...errors import BackendUnavailableError, StorageIOError, shown

TRIES = 4
"""How often all servers are asked, as long as the time allows; those that are busy are asked on."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
"""Seconds between them; each is twice as long as the one before."""

CONNECTIONS = 64
"""Connections that are kept for each server. More threads than that make some that are closed after use."""

TOO_MANY = 429
UNAVAILABLE = (502, 503, 504)
_SHOWN = 300

_of_parents: list[object] = []
"""What a forked process has of its parent. It is not closed: that takes locks which a thread held that does
not exist here."""


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


class HttpServers:
    """Servers at ``addresses``, of which any can be asked; ``what`` is their name in messages.

    They are asked in their order, but for the one that answered last, with which it begins.
    ``urllib3`` is that module; ``secrets`` are taken out of what the servers say. A call takes ``timeout``
    seconds at most, of which a server that does not answer uses up a share, so that the next ones are asked,
    too. Thread-safe; a forked process makes connections of its own.
    """

    def __init__(
        self,
        what: str,
        urllib3: Any,
        addresses: Sequence[str],
        timeout: float,
        *,
        tls: ssl.SSLContext | None = None,
        secrets: Sequence[str] = (),
        busy: Callable[[Answer], bool] = busy_by_status,
    ) -> None:
        self._what = what
        self._urllib3 = urllib3
        self._errors = urllib3.exceptions
        self._addresses = tuple(addresses)
        self._timeout = timeout
        if tls is None and any(address.startswith("https:") for address in addresses):
            tls = ssl.create_default_context()
        self._tls = tls
        self._secrets = secrets
        self._busy = busy
        self._answered = 0
        self._pool = self._new_pool()
        renew_in_child(self)

    def deadline(self) -> float:
        """The moment, by ``time.monotonic``, at which a call that begins now has to be over."""
        return time.monotonic() + self._timeout

    def ask(
        self,
        method: str,
        path: str,
        *,
        again: bool,
        until: float,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """What the first server answers that does, ``until`` a moment. ``again`` is whether to do it twice is
        the same as to do it once.

        Raises BackendUnavailableError when there is no such answer; its cause is what went wrong last.
        """
        tries, pause = 0, FIRST_PAUSE
        failed: str = "no answer in time"
        cause: Exception | None = None
        while True:
            only_busy, told = True, 0.0
            for number, (place, address) in enumerate(self._in_turn()):
                share = (until - time.monotonic()) / (len(self._addresses) - number)
                if share <= 0:
                    raise self._unavailable(address, failed) from cause
                try:
                    answer = self._send(method, address + path, body, headers, share, until, again)
                except (self._errors.HTTPError, OSError) as error:
                    failed, cause = f"{type(error).__name__}: {error}", error
                    only_busy = False
                    if not again and not self._never_sent(error):
                        raise self._unavailable(address, failed, maybe_done=True) from cause
                    continue
                if not self._busy(answer):
                    self._answered = place
                    return answer
                failed, cause = self.said(answer), None
                if answer.status != TOO_MANY:
                    only_busy = False
                    if not again:
                        raise self._unavailable(address, failed, maybe_done=True)
                told = max(told, _retry_after(answer))
            tries += not only_busy
            wait = max(pause, told)
            if tries == TRIES or time.monotonic() + wait >= until:
                raise self._unavailable(address, failed) from cause
            time.sleep(wait)
            pause = min(2 * pause, LONGEST_PAUSE)

    def said(self, answer: Answer) -> str:
        """The status and the words of an error, as messages show them."""
        text = f"{answer.status} {answer.error()[1]}"
        for secret in self._secrets:
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text[:_SHOWN]

    def close(self) -> None:
        """Close the connections; those in use when they are free."""
        self._pool.clear()

    def _in_turn(self) -> Iterable[tuple[int, str]]:
        """The addresses, each with its place."""
        places = [*enumerate(self._addresses)]
        return places[self._answered :] + places[: self._answered]

    def _send(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        share: float,
        until: float,
        again: bool,
    ) -> Answer:
        # What is not sent again gets all the time there is for its answer.
        wait = share if again else max(until - time.monotonic(), share)
        response = self._pool.request(
            method,
            url,
            body=body,
            headers=headers,
            timeout=self._urllib3.Timeout(connect=share, read=wait),
            retries=False,
            preload_content=False,
        )
        try:
            parts = []
            while part := response.read1():
                parts.append(part)
                if time.monotonic() > until:
                    raise TimeoutError("the answer was not complete in time")
            if response.length_remaining:
                raise ConnectionError("the connection ended before the answer did")
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return Answer(response.status, response.headers, b"".join(parts))

    def _never_sent(self, error: Exception) -> bool:
        return isinstance(error, (self._errors.NewConnectionError, self._errors.ConnectTimeoutError))

    def _unavailable(self, address: str, why: str, *, maybe_done: bool = False) -> BackendUnavailableError:
        end = "whether it was done is not known: look before you try again" if maybe_done else "try later"
        return BackendUnavailableError(f"{self._what} at {address} can't be asked ({why[:_SHOWN]}); {end}")

    def _new_pool(self) -> Any:
        return self._urllib3.PoolManager(maxsize=CONNECTIONS, ssl_context=self._tls)

    def _renew_locks(self) -> None:
        _of_parents.append(self._pool)
        self._pool = self._new_pool()


def _retry_after(answer: Answer) -> float:
    """The seconds after which the server wants to be asked again; the form with a date is not honoured."""
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0
