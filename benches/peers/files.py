"""Plain files: one file for each object, written aside and renamed, as a careful program does it."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import IO

from trove.testing.benchmarks import Contestant, Durability, Entry

COPY_BLOCK = 1 << 20


class Files(Contestant):
    """With ``flush``, a file and the change of its folder are on the disk before a write returns."""

    def __init__(self, folder: Path, *, flush: bool = False) -> None:
        self._folder = str(folder)
        self._flush = flush
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def put(self, key: str, data: bytes) -> None:
        aside = self._path(key) + ".new"
        with open(aside, "wb", buffering=0) as file:
            file.write(data)
            self._finish(file)
        self._rename(aside, key)

    def put_stream(self, key: str, file: IO[bytes]) -> None:
        aside = self._path(key) + ".new"
        with open(aside, "wb", buffering=0) as target:
            shutil.copyfileobj(file, target, COPY_BLOCK)
            self._finish(target)
        self._rename(aside, key)

    def get(self, key: str) -> bytes:
        with open(self._path(key), "rb") as file:
            return file.read()

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        with open(self._path(key), "rb", buffering=0) as file:
            file.seek(offset)
            return file.read(length)

    def get_stream(self, key: str, block_size: int) -> int:
        size = 0
        with open(self._path(key), "rb", buffering=0) as file:
            while block := file.read(block_size):
                size += len(block)
        return size

    def head(self, key: str) -> os.stat_result:
        return os.stat(self._path(key))

    def delete(self, key: str) -> None:
        os.unlink(self._path(key))
        if self._flush:
            os.fsync(self._descriptor)

    def list(self, after: str, count: int) -> int:
        names = sorted(name for name in os.listdir(self._folder) if name > after)[:count]
        return len([(name, os.stat(self._path(name)).st_size) for name in names])

    def copy(self, source: str, target: str) -> None:
        aside = self._path(target) + ".new"
        shutil.copyfile(self._path(source), aside)
        if self._flush:
            with open(aside, "rb") as file:
                os.fsync(file.fileno())
        self._rename(aside, target)

    def close(self) -> None:
        os.close(self._descriptor)

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key}"

    def _finish(self, file: IO[bytes]) -> None:
        if self._flush:
            os.fsync(file.fileno())

    def _rename(self, aside: str, key: str) -> None:
        os.rename(aside, self._path(key))
        if self._flush:
            os.fsync(self._descriptor)


def entries() -> list[Entry]:
    return [
        Entry("files", "fsync", Durability.DURABLE, Files, partial(Files, flush=True)),
        Entry("files", "", Durability.RELAXED, Files, Files),
    ]
