"""HttpProxy: a proxy in front of a server that speaks HTTP."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

from .proxy import Fate, Proxy

_SECONDS = 30.0
_PAUSE = 0.1
_BYTES_BEFORE_STALL = 15


class HttpProxy(Proxy):
    """In front of ``server``, the address of one; each request is passed on in a connection of its own.

    A request is ``of`` a path that ends with that.
    """

    def __init__(self, server: str) -> None:
        super().__init__()
        self._server = urlsplit(server)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(_SECONDS)
        request = _request(client)
        if not request:
            return
        path = request.split(b" ", 2)[1].decode().partition("?")[0]
        fate = self._fate() if path.endswith(self._of) else Fate.PASS
        if fate is Fate.SILENCE:
            client.recv(1)  # until the client gives up
        if fate in (Fate.SILENCE, Fate.CUT_BEFORE):
            return
        answer = self._answer(request)
        head, _, body = answer.partition(b"\r\n\r\n")
        if fate is Fate.CUT_HALF:
            client.sendall(head + b"\r\n\r\n" + body[: len(body) // 2])
        elif fate is Fate.DRIP_HEAD:
            _drip(client, head)
        elif fate is Fate.DRIP:
            client.sendall(head + b"\r\n\r\n")
            _drip(client, body)
        elif fate is Fate.STALL:
            client.sendall(head + b"\r\n\r\n")
            _drip(client, body[: min(len(body) // 2, _BYTES_BEFORE_STALL)])
            client.recv(1)
        elif fate is Fate.PASS:
            client.sendall(answer)

    def _answer(self, request: bytes) -> bytes:
        assert self._server.hostname is not None
        assert self._server.port is not None
        with socket.create_connection((self._server.hostname, self._server.port), _SECONDS) as server:
            # Then the answer ends with the connection, and the client knows that it does.
            server.sendall(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            parts = []
            while part := server.recv(65536):
                parts.append(part)
            return b"".join(parts).replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def _drip(client: socket.socket, data: bytes) -> None:
    for byte in data:
        client.sendall(bytes([byte]))
        time.sleep(_PAUSE)


def _request(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    size = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            size = int(value)
    while len(body) < size:
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body
