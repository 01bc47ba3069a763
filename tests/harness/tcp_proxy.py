"""A proxy in front of a server, which tests tell when to cut a connection, or to fall silent."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator

CHUNK = 1 << 16


class Proxy:
    """Passes on what comes to its own ``port`` of 127.0.0.1, until what was told with :meth:`at` is there."""

    def __init__(self, server: int) -> None:
        self._server = server
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._mark: bytes | None = None
        self._act = ""
        self._open: set[socket.socket] = set()
        self._ended = threading.Event()
        self.seen = 0
        """How often a mark came from a client."""
        self.accepted = 0
        """How many connections there have been."""
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def at(self, mark: bytes, act: str) -> None:
        """Where a client sends ``mark``, once: cut its connection ``"before"`` it is passed on or ``"after"``
        the server answered, which does not get to the client; or keep it, and be ``"silent"``."""
        self._mark, self._act, self.seen = mark, act, 0

    def cut_all(self) -> None:
        """Cut every connection."""
        for each in list(self._open):
            _shut(each)

    def close(self) -> None:
        self._ended.set()
        _shut(self._listening)
        self.cut_all()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.accepted += 1
            thread = threading.Thread(target=self._serve, args=[client], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self._server))
            except OSError:
                return
            with server:
                pair = {client, server}
                self._open |= pair
                with contextlib.suppress(OSError):
                    self._pass_on(client, server)
                self._open -= pair

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        while True:
            for ready in select.select([client, server], [], [])[0]:
                data = ready.recv(CHUNK)
                if not data:
                    return
                act = ""
                if ready is client and self._mark is not None and self._mark in data:
                    self.seen += 1
                    act, self._act = self._act, ""
                if act == "before":
                    return
                if act == "silent":
                    self._ended.wait()
                    return
                (server if ready is client else client).sendall(data)
                if act == "after":
                    server.recv(CHUNK)
                    return


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxy(server: int) -> Iterator[Proxy]:
    """A proxy for the port ``server``."""
    made = Proxy(server)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def silent_port(*, takes: bool) -> Iterator[int]:
    """A port that ``takes`` connections and never says anything on them, or that does not even answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=10 if takes else 0) as listening:
        port: int = listening.getsockname()[1]
        with contextlib.ExitStack() as waiting:
            # What does not fit into the queue of those that wait to be taken is passed over.
            for _ in range(0 if takes else 3):
                knocking = waiting.enter_context(socket.socket())
                knocking.setblocking(False)
                knocking.connect_ex(("127.0.0.1", port))
            yield port
