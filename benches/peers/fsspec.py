"""fsspec: its local file system, which writes in place and never flushes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import IO

from fsspec.implementations.local import LocalFileSystem

from trove.testing.benchmarks import Contestant, Durability, Entry

COPY_BLOCK = 1 << 20


class Fsspec(Contestant):
    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        # fsspec keeps one instance for the whole process unless it is told not to.
        self._files = LocalFileSystem(skip_instance_cache=True)

    def put(self, key: str, data: bytes) -> None:
        self._files.pipe_file(self._path(key), data)

    def put_stream(self, key: str, file: IO[bytes]) -> None:
        with self._files.open(self._path(key), "wb") as target:
            shutil.copyfileobj(file, target, COPY_BLOCK)

    def get(self, key: str) -> bytes:
        content: bytes = self._files.cat_file(self._path(key))
        return content

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        content: bytes = self._files.cat_file(self._path(key), start=offset, end=offset + length)
        return content

    def get_stream(self, key: str, block_size: int) -> int:
        size = 0
        with self._files.open(self._path(key), "rb") as file:
            while block := file.read(block_size):
                size += len(block)
        return size

    def head(self, key: str) -> object:
        return self._files.info(self._path(key))

    def delete(self, key: str) -> None:
        self._files.rm_file(self._path(key))

    def list(self, after: str, count: int) -> int:
        infos = sorted(self._files.ls(self._folder, detail=True), key=lambda info: info["name"])
        first = self._path(after)
        return len([info for info in infos if info["name"] > first][:count])

    def copy(self, source: str, target: str) -> None:
        self._files.cp_file(self._path(source), self._path(target))

    def close(self) -> None:
        """There is nothing to close."""

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key}"


def entries() -> list[Entry]:
    return [Entry("fsspec-local", "", Durability.RELAXED, Fsspec, Fsspec)]
