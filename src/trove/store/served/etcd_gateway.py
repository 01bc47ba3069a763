"""EtcdGateway: etcd's JSON gateway, as calls that return what etcd answered or raise a typed error.

https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/ and, for what is in a message,
https://etcd.io/docs/v3.4/dev-guide/api_reference_v3/. Bytes are base64, numbers of 64 bits are strings, and
what is zero or empty is left out. Errors have a gRPC status code and a text.
"""

from __future__ import annotations

import json
import threading
from enum import Enum
from typing import Any

from ...driver.forking import renew_in_child
from ...errors import StorageIOError
from .http import TOO_MANY, Answer, HttpServers, busy_by_status

PERMISSION_DENIED = 7
UNAUTHENTICATED = 16


class Reason(Enum):
    """Why etcd refuses a call, each by words of its own that say so where the code does not."""

    AUTH_IS_OFF = "authentication is not enabled"
    COMPACTED = "required revision has been compacted"
    LEASE_EXISTS = "lease already exists"
    LEASE_IS_GONE = "requested lease not found"
    MESSAGE_TOO_LARGE = "message larger than max"
    OLD_TOKEN = "revision of auth store is old"  # noqa: S105 - what etcd says
    REQUEST_TOO_LARGE = "request is too large"
    TOO_MANY = "too many requests"

    def told(self, answer: Answer) -> bool:
        return self.value in answer.error()[1]


class EtcdError(StorageIOError):
    """etcd refused a call; ``code`` is gRPC's, ``reasons`` those that its words tell.

    They are taken from all of its words: in the message secrets are hidden, which may be among them.
    """

    code = 0
    reasons: frozenset[Reason] = frozenset()


def busy(answer: Answer) -> bool:
    """Whether etcd could not do now what it was asked for; 429 stands for all its limits, also of size."""
    if answer.status == TOO_MANY:
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
        self._token = ""
        self._token_lock = threading.Lock()
        renew_in_child(self)

    def deadline(self) -> float:
        """The moment at which a call that begins now has to be over."""
        return self._servers.deadline()

    def call(self, path: str, body: dict[str, Any], *, again: bool, until: float | None = None) -> Any:
        """What etcd answers to ``body`` at ``path``; see :meth:`HttpServers.ask` for the rest."""
        until = self.deadline() if until is None else until
        token = self._issued("", until) if self._user else ""
        try:
            return self._asked(path, body, token, again, until)
        except EtcdError as error:
            if not token or (error.code != UNAUTHENTICATED and Reason.OLD_TOKEN not in error.reasons):
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

    def _issued(self, old: str, until: float) -> str:
        """A token that is not ``old``; ``""`` where etcd knows no users."""
        with self._token_lock:
            if self._token == old:
                try:
                    who = {"name": self._user, "password": self._password}
                    self._token = self._asked("/v3/auth/authenticate", who, "", True, until)["token"]
                except EtcdError as error:
                    if Reason.AUTH_IS_OFF not in error.reasons:
                        raise
                    self._token = ""
            return self._token

    def _refused(self, path: str, answer: Answer) -> EtcdError:
        said = self._servers.said(answer)
        error = EtcdError(f"etcd refused {path}: {said}; see what the user may do, and what etcd's log says")
        error.code = answer.error()[0]
        error.reasons = frozenset(each for each in Reason if each.told(answer))
        return error

    def _renew_locks(self) -> None:
        self._token_lock = threading.Lock()
