"""EtcdGateway: etcd's JSON gateway, as calls that return what etcd answered or raise a typed error.

https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/ and, for what is in a message,
https://etcd.io/docs/v3.4/dev-guide/api_reference_v3/. Bytes are base64, numbers of 64 bits are strings, and
what is zero or empty is left out. Errors have a gRPC status code and a text.
"""

from __future__ import annotations

import json
import threading
import time
from enum import Enum
from typing import TYPE_CHECKING, Any

from ...driver.dsn import SHORTEST_SECRET
from ...driver.forking import renew_in_child
from ...errors import BackendUnavailableError, StorageFullError, StorageIOError, shown
from .answer import TOO_MANY_REQUESTS, Answer, busy_by_status, understood

if TYPE_CHECKING:
    from .http import HttpServers

PERMISSION_DENIED = 7
UNAUTHENTICATED = 16


class Reason(Enum):
    """Why etcd refuses a call, each by words of its own that say so where the code does not."""

    AUTH_IS_OFF = "authentication is not enabled"
    COMPACTED = "required revision has been compacted"
    LEASE_EXISTS = "lease already exists"
    LEASE_IS_GONE = "requested lease not found"
    MESSAGE_TOO_LARGE = "message larger than max"
    NO_SPACE = "database space exceeded"
    NO_USER = "user name is empty"
    OLD_TOKEN = "revision of auth store is old"  # noqa: S105 - what etcd says
    REQUEST_TOO_LARGE = "request is too large"
    TOO_MANY = "too many requests"

    def told(self, answer: Answer) -> bool:
        return self.value in answer.error()[1]


_NEW_TOKEN = {Reason.OLD_TOKEN, Reason.NO_USER}
"""Why to ask for a token anew; the latter where users were switched on after the first one was asked for."""


class EtcdError(StorageIOError):
    """etcd refused a call; ``code`` is gRPC's, ``reasons`` those that its words tell.

    They are taken from all of its words: in the message secrets are hidden, which may be among them.
    """

    code = 0
    reasons: frozenset[Reason] = frozenset()


class EtcdFullError(EtcdError, StorageFullError):
    """etcd refused a call as it has no room left."""


def busy(answer: Answer) -> bool:
    """Whether etcd could not do now what it was asked for; 429 stands for all its limits, also of size."""
    if answer.status == TOO_MANY_REQUESTS:
        return Reason.TOO_MANY.told(answer)
    return busy_by_status(answer)


class EtcdGateway:
    """Calls of etcd on ``servers``, by ``user`` where one is given.

    The token that etcd issues for a user is renewed when it has run out; a call that was refused because of
    it was not done, and is made again.
    """

    def __init__(self, servers: HttpServers, user: str, password: str) -> None:
        self._servers = servers
        self._user, self._password = user, password
        self._token: str | None = None  # as long as etcd was not asked for one; "" where it knows no users
        self._token_lock = threading.Lock()
        renew_in_child(self)

    def deadline(self) -> float:
        """The moment at which a call that begins now has to be over."""
        return self._servers.deadline()

    def call(self, path: str, body: dict[str, Any], *, again: bool, until: float | None = None) -> Any:
        """What etcd answers to ``body`` at ``path``; see :meth:`HttpServers.ask` for the rest."""
        until = self.deadline() if until is None else until
        token = self._issued(None, until) if self._user else ""
        try:
            return self._asked(path, body, token, again, until)
        except EtcdError as error:
            if not self._user or not (error.code == UNAUTHENTICATED or error.reasons & _NEW_TOKEN):
                raise
        return self._asked(path, body, self._issued(token, until), again, until)

    def close(self) -> None:
        """Close the connections."""
        self._servers.close()

    def _asked(self, path: str, body: dict[str, Any], token: str, again: bool, until: float) -> Any:
        answer = self._servers.ask(
            "POST",
            path,
            again=again,
            until=until,
            body=json.dumps(body).encode(),
            headers={"Authorization": token} if token else None,
        )
        if answer.status == 200:
            return answer.json()
        raise self._refused(path, answer)

    def _issued(self, old: str | None, until: float) -> str:
        """A token that is not ``old``; ``""`` where etcd knows no users."""
        # It is held while etcd is asked: whoever waits for it gets what the first one got.
        if not self._token_lock.acquire(timeout=max(0, until - time.monotonic())):
            raise BackendUnavailableError(
                f"etcd did not say in time whether {shown(self._user)} is a user of it; try later"
            )
        try:
            if self._token is None or self._token == old:
                self._token = self._authenticated(until)
            return self._token
        finally:
            self._token_lock.release()

    def _authenticated(self, until: float) -> str:
        who = {"name": self._user, "password": self._password}
        try:
            answer = self._asked("/v3/auth/authenticate", who, "", True, until)
        except EtcdError as error:
            if Reason.AUTH_IS_OFF not in error.reasons:
                raise
            return ""
        with understood("etcd"):
            token: str = answer["token"]
        return token

    def _refused(self, path: str, answer: Answer) -> EtcdError:
        said = self._servers.said(answer)
        if self._token and len(self._token) >= SHORTEST_SECRET:
            said = said.replace(self._token, "***")
        reasons = frozenset(each for each in Reason if each.told(answer))
        error = (
            EtcdFullError(f"etcd refused {path}: {said}; compact it, defragment it and disarm its alarm")
            if Reason.NO_SPACE in reasons
            else EtcdError(f"etcd refused {path}: {said}; see what the user may do, and what etcd's log says")
        )
        error.code = answer.error()[0]
        error.reasons = reasons
        return error

    def _renew_locks(self) -> None:
        self._token_lock = threading.Lock()
