"""Clients of one store: ``python -m stress.linear.clients DSN LOG SEED CLIENTS CALLS DIES KEPT COMPACTS``.

Each of the threads makes calls drawn from the seed and notes them in the file LOG, before and after. With a
number above 0 for DIES the process kills itself when so many calls were begun, whatever the others are at.
With ``kept`` for KEPT the store keeps versions, and there are calls on those. With ``compacts`` for COMPACTS
one more thread compacts the store again and again until all is done.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import threading
import time
from dataclasses import replace
from typing import Any

from harness import low_thresholds

import trove
from trove.drivers.engine import EngineDriver
from trove.errors import ObjectNotFoundError, PreconditionFailedError, VersionNotFoundError

from .operations import KEYS, Operation, plain

BUCKET = "b"
# An object in its row, one of one chunk, and one of many.
SIZES = (40, 3_000, 200_000)
KINDS = ("put", "put", "put if", "put if", "put new", "get", "get", "head", "delete", "list", "copy", "batch")
OF_VERSIONS = ("versions", "versions", "get version", "drop", "drop", "restore")


def content(value: str, size: int) -> bytes:
    return (value + " ").encode().ljust(size, b".")


def value_in(data: bytes, told: str) -> str:
    """The value that an object's bytes are of; they are those of one value from end to end."""
    value = data.split(b" ", 1)[0].decode()
    if value != told or data != content(value, len(data)):
        raise AssertionError(f"an object of value {told} has the bytes of {value}, or of several")
    return value


class Client(threading.Thread):
    def __init__(
        self,
        driver: EngineDriver,
        log: int,
        name: str,
        calls: int,
        begun: itertools.count[int],
        dies: int,
        kept: bool = False,
    ):
        super().__init__(name=name)
        self.failure: BaseException | None = None
        self._driver = driver
        self._log = log
        self._calls = calls
        self._begun = begun
        self._dies = dies
        self._draw = random.Random(name)
        self._kept = kept
        self._kinds = KINDS + OF_VERSIONS if kept else KINDS
        self._ids: dict[str, list[str]] = {key: [] for key in KEYS}  # of versions that it was told of
        self._etags: dict[str, tuple[str, str]] = {}  # key -> value and etag when it was last seen

    def run(self) -> None:
        try:
            for number in range(self._calls):
                self._call(f"{self.name}.{number}")
        except BaseException as error:
            self.failure = error

    def _call(self, value: str) -> None:
        kind, key = self._draw.choice(self._kinds), self._draw.choice(KEYS)
        if kind in ("get version", "drop", "restore") and not self._ids[key]:
            kind = "versions"
        keys: tuple[str, ...] = (key,)
        values: tuple[str | None, ...] = (value,)
        expected: str | None = None
        if kind == "put if":
            expected = self._etags.get(key, ("", ""))[0] or None
        elif kind == "put new":
            expected = ""
        elif kind == "copy":
            keys = (key, self._draw.choice(KEYS))
        elif kind == "batch":
            keys = tuple(self._draw.sample(KEYS, 2))
            values = (value + "x", self._draw.choice([None, value + "y"]))
        elif kind == "delete":
            values = (None,)
        elif kind == "list":
            keys = ()
        elif kind in ("get version", "drop", "restore"):
            expected = self._draw.choice(self._ids[key][-6:])
        name = "put" if kind.startswith("put") else kind
        operation = Operation(self.name, name, keys, values, expected, time.monotonic_ns())
        self._note(operation)
        if self._dies and next(self._begun) == self._dies:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = plain(self._answer(operation))
        self._note(replace(operation, returned=time.monotonic_ns(), answer=answer))

    def _note(self, operation: Operation) -> None:
        os.write(self._log, operation.line().encode())

    def _answer(self, operation: Operation) -> Any:
        driver, kind, keys = self._driver, operation.kind, operation.keys
        try:
            if kind == "put":
                return self._put(operation)
            if kind == "get":
                with driver.get(BUCKET, keys[0]) as reader:
                    return value_in(reader.read(), self._seen(reader.info))
            if kind == "head":
                return self._seen(driver.head(BUCKET, keys[0]))
            if kind in OF_VERSIONS:
                return self._of_version(operation)
            if kind == "list":
                return [(info.key, self._seen(info)) for info in driver.list(BUCKET)]
            if kind == "delete":
                driver.delete(BUCKET, keys[0])
            elif kind == "copy":
                return self._done((keys[1], driver.copy(BUCKET, keys[0], BUCKET, keys[1])))
            else:
                with driver.batch() as batch:
                    for key, value in zip(keys, operation.values, strict=True):
                        if value is None:
                            batch.delete(BUCKET, key)
                        else:
                            batch.put(BUCKET, key, content(value, 40), metadata={"value": value})
                if self._kept:
                    return self._done(*zip(keys, batch.results, strict=True))
        except PreconditionFailedError:
            return "refused"
        except ObjectNotFoundError:
            return "missing" if kind == "copy" else None
        return self._done((keys[0], None))

    def _done(self, *made: tuple[str, trove.ObjectInfo | None]) -> Any:
        """The answer of a change: with the ids of the versions that it made, where those are kept."""
        if not self._kept:
            return "done"
        for key, info in made:
            if info is not None:
                self._ids[key].append(info.version_id)
        return ["done", *(None if info is None else info.version_id for _, info in made)]

    def _of_version(self, operation: Operation) -> Any:
        driver, kind, key = self._driver, operation.kind, operation.keys[0]
        if kind == "versions":
            found = driver.list_versions(BUCKET, key)
            self._ids[key] += [each.version_id for each in found if not each.is_delete_marker]
            return [(each.version_id, each.is_delete_marker) for each in found]
        wanted = operation.expected
        assert wanted is not None
        try:
            if kind == "get version":
                with driver.get_version(BUCKET, key, wanted) as reader:
                    return value_in(reader.read(), reader.info.metadata["value"])
            if kind == "restore":
                return self._done((key, driver.restore_version(BUCKET, key, wanted)))
            driver.delete_version(BUCKET, key, wanted)
        except VersionNotFoundError:
            return "missing"
        return "done"

    def _put(self, operation: Operation) -> Any:
        key, value = operation.keys[0], operation.values[0]
        assert value is not None
        conditions: dict[str, Any] = {}
        if operation.expected == "":
            conditions["if_none_match"] = "*"
        elif operation.expected is not None:
            conditions["if_match"] = self._etags[key][1]
        data: Any = content(value, self._draw.choice(SIZES))
        if self._draw.random() < 0.2:
            data = iter([data[:100], data[100:]])
        info = self._driver.put(BUCKET, key, data, metadata={"value": value}, **conditions)
        self._etags[key] = value, info.etag
        return self._done((key, info))

    def _seen(self, info: trove.ObjectInfo) -> str:
        value = info.metadata["value"]
        self._etags[info.key] = value, info.etag
        return value


class Compactor(threading.Thread):
    """Compacts until it is told that all is over."""

    def __init__(self, driver: EngineDriver) -> None:
        super().__init__(name="compactor")
        self.failure: BaseException | None = None
        self._driver = driver
        self._over = threading.Event()

    def run(self) -> None:
        low_thresholds.lower()
        try:
            while not self._over.wait(0.005):  # seconds, for the others to leave something to compact
                self._driver.compact()
        except BaseException as error:
            self.failure = error

    def end(self) -> None:
        self._over.set()
        self.join()
        if self.failure is not None:
            raise self.failure


def main() -> None:
    dsn, path, seed, clients, calls, dies, kept, compacts = sys.argv[1:]
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    begun = itertools.count(1)
    driver = EngineDriver()
    driver.open(dsn)
    threads = [
        Client(driver, log, f"{seed}.{number}", int(calls), begun, int(dies), kept == "kept")
        for number in range(int(clients))
    ]
    compactor = Compactor(driver) if compacts == "compacts" else None
    if compactor is not None:
        compactor.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if compactor is not None:
        compactor.end()
    driver.close()
    for thread in threads:
        if thread.failure is not None:
            raise thread.failure


if __name__ == "__main__":
    main()
