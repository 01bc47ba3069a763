"""TcpProxy: a proxy in front of a server that speaks any protocol."""

from __future__ import annotations

import select
import socket

from .proxy import Fate, Proxy

CHUNK = 1 << 16


class TcpProxy(Proxy):
    """In front of the port ``server``. A request ``of`` a text is what a client sends with it; its fate is to
    pass, to be cut before or after, or silence."""

    def __init__(self, server: int) -> None:
        super().__init__()
        self._server = server

    def _serve(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._server)) as server:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(CHUNK)
                    if not data:
                        return
                    fate = self._fate() if ready is client and self._of.encode() in data else Fate.PASS
                    if fate is Fate.CUT_BEFORE:
                        return
                    if fate is Fate.SILENCE:
                        self._ended.wait()
                        return
                    (server if ready is client else client).sendall(data)
                    if fate is Fate.CUT_AFTER:
                        server.recv(CHUNK)
                        return
                    assert fate is Fate.PASS
