"""Proxy: what stands between clients and a server, and breaks connections as it is told."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from collections import deque
from contextlib import suppress
from enum import Enum
from typing import Self


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


class Proxy(ABC):
    """Passes on what comes to its own ``port`` of 127.0.0.1, from the beginning of a ``with`` to its end."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._of = ""
        self._fates: deque[Fate] = deque()
        self.asked = 0
        """How many requests there were of those that were told last."""
        self.accepted = 0
        """How many connections there have been."""

    def breaks(self, of: str, *fates: Fate) -> None:
        """Have these ``fates`` for the next requests ``of`` a kind, and count these from now on; all that
        come behind them pass."""
        with self._lock:
            self._of, self.asked = of, 0
            self._fates = deque(fates)

    def cut_all(self) -> None:
        """Cut every connection."""
        with self._lock:
            for each in self._open:
                _shut(each)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        _shut(self._listening)
        self._threads[0].join()  # no more of them come
        self.cut_all()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                with self._lock:
                    self._open.add(client)
                self.accepted += 1
                self._threads.append(threading.Thread(target=self._serve_one, args=(client,), daemon=True))
                self._threads[-1].start()

    def _serve_one(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            self._serve(client)
        with self._lock:
            self._open.discard(client)

    def _fate(self) -> Fate:
        """That of a request of the kind that was told, which is counted."""
        with self._lock:
            self.asked += 1
            return self._fates.popleft() if self._fates else Fate.PASS

    @abstractmethod
    def _serve(self, client: socket.socket) -> None:
        """Serve the connection of ``client``, until it ends, by an OSError or otherwise."""


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
