"""Connections of urllib3 that keep to its timeouts as a whole.

By itself urllib3 looks names up without any limit, gives each address of a name its full time, and each
piece of an answer, too.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from typing import Any, cast

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError

from .in_time import NO_ANSWER, made_in_time

LEAST_SECONDS = 0.001
"""To send with, when connecting took all the time; no time at all has another meaning."""


class _Arriving(io.RawIOBase):
    """What arrives at ``sock``, until a moment; at first that at which its timeout has passed."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self.until = time.monotonic() + cast(float, sock.gettimeout())  # which each request sets

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError(NO_ANSWER)
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """One whose head and body are each there in time, however slowly they drip."""

    def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:
        super().__init__(sock, *given, **named)
        self.fp.close()
        self.arriving = _Arriving(sock)
        self.fp = io.BufferedReader(self.arriving)


class _InTime(HTTPConnection):
    """Connects in time, in all, and answers in time."""

    _arriving: _Arriving | None = None

    def connect(self) -> None:
        seconds = cast(float, self.timeout)  # which each request sets
        began = time.monotonic()
        try:
            made_in_time(self._connect, lambda _: self.close(), seconds)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, NO_ANSWER) from error
        # What is left of it is to send with.
        self.timeout = max(seconds - (time.monotonic() - began), LEAST_SECONDS)
        self.sock.settimeout(self.timeout)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"  # in urllib3's errors

    def _connect(self) -> None:
        super().connect()

    def response_class(self, *given: Any, **named: Any) -> _Response:  # type: ignore[override]
        response = _Response(*given, **named)
        self._arriving = response.arriving
        return response

    def body_by(self, until: float) -> None:
        """Have the rest of the answer whose head is there be over at ``until``, by ``time.monotonic``."""
        if self._arriving is not None:
            self._arriving.until = until


class _EncryptedInTime(_InTime, HTTPSConnection):
    """As well, by TLS."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _InTime


class _EncryptedPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _EncryptedInTime


def new_pools(connections: int, tls: ssl.SSLContext | None) -> urllib3.PoolManager:
    """Pools of so many ``connections`` for each server."""
    pools = urllib3.PoolManager(maxsize=connections, ssl_context=tls)
    pools.pool_classes_by_scheme = {"http": _Pool, "https": _EncryptedPool}
    return pools


def read_by(response: urllib3.BaseHTTPResponse, until: float) -> None:
    """Have the body of ``response``, from one of the pools, be over at ``until``."""
    cast(_InTime, response.connection).body_by(until)
