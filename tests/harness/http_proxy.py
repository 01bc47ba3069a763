"""CuttingProxy: between a client and a server that speak HTTP, and breaks connections as it is told."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from contextlib import suppress
from enum import Enum
from typing import Self
from urllib.parse import urlsplit

_SECONDS = 30.0
_PAUSE = 0.1
_BYTES_BEFORE_STALL = 15


class Fate(Enum):
    """What becomes of a request."""

    PASS = "the answer is given back"
    CUT_BEFORE = "the connection is cut, and the server does not hear of it"
    CUT_AFTER = "the server does it, and the connection is cut without an answer"
    CUT_HALF = "the server does it, and the connection is cut in the middle of the answer"
    DRIP = "the answer is given back, its body byte by byte"
    DRIP_HEAD = "the answer is given back, its head byte by byte"
    STALL = "the answer is given back byte by byte to its middle, and nothing follows"
    SILENCE = "nobody answers"


class CuttingProxy:
    """Passes requests on to ``server``, the address of one, each in a connection of its own.

    ``fates`` are what becomes of the next requests to paths that end with ``of``; those behind them pass.
    ``asked`` is how many such requests there were.
    """

    def __init__(self, server: str) -> None:
        self._server = urlsplit(server)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.fates: deque[Fate] = deque()
        self.of = ""
        self.asked = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def breaks(self, of: str, *fates: Fate) -> None:
        """Have these ``fates`` for the next requests ``of`` a path, and count these from now on."""
        self.of, self.asked = of, 0
        self.fates.extend(fates)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(_SECONDS)
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with self._lock:
                    self._open.add(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            client.settimeout(_SECONDS)
            request = _request(client)
            path = request.split(b" ", 2)[1].decode() if request else ""
            fate = Fate.PASS
            with self._lock:
                if request and path.partition("?")[0].endswith(self.of):
                    self.asked += 1
                    fate = self.fates.popleft() if self.fates else Fate.PASS
            if fate is Fate.SILENCE:
                client.recv(1)  # until the client gives up
            if not request or fate in (Fate.SILENCE, Fate.CUT_BEFORE):
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
        with self._lock:
            self._open.discard(client)

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
