"""A real etcd on free ports of this machine, in a folder of its own."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any, Self

import urllib3

from .servers import Process, free_port, program


class EtcdServer:
    """One etcd, up from the beginning of a ``with`` to its end.

    ``address`` is where clients ask it; it stays the same when it is stopped and started.
    """

    def __init__(self, folder: Path, *flags: str, tls: tuple[Path, Path] | None = None) -> None:
        self._folder = folder
        self._flags = flags
        self._tls = tls
        self._port, self._peer_port = free_port(), free_port()
        self._http = urllib3.PoolManager(ca_certs=str(tls[0]) if tls else None)
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}"

    def start(self) -> None:
        peer = f"http://127.0.0.1:{self._peer_port}"
        command = [program("etcd", "etcd-server"), "--name=one", f"--data-dir={self._folder / 'data'}"]
        command += [f"--listen-client-urls={self.address}", f"--advertise-client-urls={self.address}"]
        command += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
        command += [f"--initial-cluster=one={peer}", "--unsafe-no-fsync", *self._flags]
        if self._tls:
            command += [f"--cert-file={self._tls[0]}", f"--key-file={self._tls[1]}"]
        self._process = Process(command, "ready to serve client requests")

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None
        self._http.clear()

    def call(self, path: str, token: str = "", **body: Any) -> Any:
        """What etcd answers, asked without the store; bytes are written as base64."""
        plain = {
            name: b64encode(value).decode() if isinstance(value, bytes) else value
            for name, value in body.items()
        }
        headers = {"Authorization": token} if token else None
        answer = self._http.request("POST", f"{self.address}/v3/{path}", json=plain, headers=headers)
        assert answer.status == 200, answer.data
        return answer.json()

    def keys(self, prefix: str) -> list[dict[str, Any]]:
        """What etcd has under ``prefix``, in its own form, without values."""
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        found = self.call("kv/range", key=prefix.encode(), range_end=end.encode(), keys_only=True)
        return list(found.get("kvs", []))
