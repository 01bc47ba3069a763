"""HttpServers: servers that speak HTTP; which one is asked, for how long, and what is sent to them again.

What is sent again, to the same server or the next one:

- anything, when no connection came about: it was not sent. A server whose certificate is not trusted is not
  asked again, but the next one is;
- anything that was answered 429: the server says that it did not do it;
- what only reads, or does nothing more when it is done twice (``again``), when the connection broke before
  the whole answer was there, when none came in a server's share of the time, and when it was of a server that
  came to no end with it: ``answer.UNAVAILABLE``.

A write or delete that may have been done is not sent again. It would leave the same value there, but others
may have seen that value meanwhile, and written over it or deleted it: their change would be undone, though
they were told that it was made. So the call raises BackendUnavailableError, and the caller decides.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from traceback import clear_frames

from urllib3 import PoolManager, Timeout
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from ...driver.dsn import SHORTEST_SECRET
from ...driver.forking import renew_in_child
from ...errors import BackendUnavailableError
from .answer import TOO_MANY_REQUESTS, Answer, busy_by_status, retry_after
from .base import MAYBE_DONE, NOT_DONE
from .http_connection import new_pools, read_by
from .in_time import NO_ANSWER

TRIES = 4
"""How often all servers are asked, as long as the time allows; those that are busy are asked on."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
"""Seconds between them; each is twice as long as the one before."""

CONNECTIONS = 64
"""Connections that are kept for each server. More threads than that make some that are closed after use."""

_SHOWN = 300

_of_parents: list[object] = []
"""What a forked process has of its parent. It is not closed: that takes locks which a thread held that does
not exist here."""


class HttpServers:
    """Servers at ``addresses``, of which any can be asked; ``what`` is their name in messages.

    They are asked in their order, but for the one that answered last, with which it begins.
    ``secrets`` are taken out of what the servers say. A call takes ``timeout`` seconds at most, of which a
    server that does not answer uses up a share, so that the next ones are asked, too. Thread-safe; a forked
    process makes connections of its own.
    """

    def __init__(
        self,
        what: str,
        addresses: Sequence[str],
        timeout: float,
        *,
        tls: ssl.SSLContext | None = None,
        secrets: Sequence[str] = (),
        busy: Callable[[Answer], bool] = busy_by_status,
    ) -> None:
        self._what = what
        self._addresses = tuple(addresses)
        self._timeout = timeout
        if tls is None and any(address.startswith("https:") for address in addresses):
            tls = ssl.create_default_context()
        self._tls = tls
        self._secrets = secrets
        self._busy = busy
        self._answered = 0
        self._pools = self._new_pools()
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
        failed = NO_ANSWER
        answer: Answer | Exception | None
        cause: Exception | None = None
        try:
            while True:
                only_busy, distrusted, told = True, 0, 0.0
                for number, (place, address) in enumerate(self._in_turn()):
                    share = (until - time.monotonic()) / (len(self._addresses) - number)
                    if share <= 0:
                        raise self._unavailable(address, failed) from cause
                    answer = self._tried(method, address + path, body, headers, share, until, again)
                    if isinstance(answer, Exception):
                        failed, cause = f"{type(answer).__name__}: {answer}", answer
                        only_busy = False
                        distrusted += _distrusted(answer)
                        if not again and not _never_sent(answer):
                            raise self._unavailable(address, failed, maybe_done=True) from cause
                        continue
                    if not self._busy(answer):
                        self._answered = place
                        return answer
                    failed, cause = self.said(answer), None
                    if answer.status != TOO_MANY_REQUESTS:
                        only_busy = False
                        if not again:
                            raise self._unavailable(address, failed, maybe_done=True)
                    told = max(told, retry_after(answer))
                tries += not only_busy
                wait = max(pause, told)
                ended = tries == TRIES or distrusted == len(self._addresses)
                if ended or time.monotonic() + wait >= until:
                    raise self._unavailable(address, failed) from cause
                time.sleep(wait)
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            answer = cause = None  # an error has this call by those that it ended, and would keep the body

    def said(self, answer: Answer) -> str:
        """The status and the words of an error, as messages show them."""
        text = f"{answer.status} {answer.error()[1]}"
        for secret in self._secrets:
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text[:_SHOWN]

    def close(self) -> None:
        """Close the connections; those in use when they are free."""
        self._pools.clear()

    def _in_turn(self) -> Iterable[tuple[int, str]]:
        """The addresses, each with its place."""
        places = [*enumerate(self._addresses)]
        return places[self._answered :] + places[: self._answered]

    def _tried(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        share: float,
        until: float,
        again: bool,
    ) -> Answer | Exception:
        """The answer, or why there is none.

        The calls that an error ended have the body, and some of urllib3's the error itself, so that both
        would stay until the garbage collector comes: they are made to forget them.
        """
        try:
            return self._send(method, url, body, headers, share, until, again)
        except (HTTPError, OSError) as error:
            clear_frames(error.__traceback__)
            return error

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
        response = self._pools.request(
            method,
            url,
            body=body,
            headers=headers,
            timeout=Timeout(connect=share, read=wait, total=wait),
            retries=False,
            preload_content=False,
        )
        try:
            read_by(response, until)
            parts = []
            while part := response.read1():
                parts.append(part)
            if response.length_remaining:
                raise ConnectionError("the connection ended before the answer did")
            encodings = response.headers.get("Content-Encoding", "").lower().split(",")
            if {each.strip() for each in encodings} - {"", "identity"}:
                # None is asked for, and what is cut off in it can look whole.
                raise ConnectionError("the answer has an encoding that was not asked for")
        except ReadTimeoutError as error:
            response.close()
            raise TimeoutError("the answer was not complete in time") from error
        except BaseException:
            response.close()
            raise
        response.release_conn()
        return Answer(response.status, response.headers, b"".join(parts))

    def _unavailable(self, address: str, why: str, *, maybe_done: bool = False) -> BackendUnavailableError:
        end = MAYBE_DONE if maybe_done else NOT_DONE
        return BackendUnavailableError(f"{self._what} at {address} can't be asked ({why[:_SHOWN]}); {end}")

    def _new_pools(self) -> PoolManager:
        return new_pools(CONNECTIONS, self._tls)

    def _renew_locks(self) -> None:
        _of_parents.append(self._pools)
        self._pools = self._new_pools()


def _never_sent(error: Exception) -> bool:
    return isinstance(error, (NewConnectionError, ConnectTimeoutError)) or _distrusted(error)


def _distrusted(error: Exception) -> bool:
    """Whether the certificate of the server was not to be trusted, which shows before anything is sent."""
    return isinstance(error, SSLError) and any(
        isinstance(each, ssl.SSLCertVerificationError) for each in error.args
    )
