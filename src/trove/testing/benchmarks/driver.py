"""Drivers as contestants, found by their DSN."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import trove

from ...driver import Driver, lookup, parse_dsn
from ...errors import TroveError
from .contestant import Contestant, Durability, Entry

FOLDER = "{folder}"
"""In a DSN: the folder that the benchmarks make for the store and remove after."""


class DriverContestant(Contestant):
    """A driver and one bucket in it.

    The bucket is named after the benchmark's folder, so that a store that is shared is left as it was.
    """

    def __init__(self, dsn: str, folder: Path) -> None:
        self.driver: Driver = trove.open(dsn.replace(FOLDER, str(folder)))
        self._dsn = dsn
        self._cursors = {"": ""}
        self.bucket = "trove-bench-" + "".join(c if c.isalnum() else "-" for c in folder.name.lower())
        if self.bucket not in [info.name for info in self.driver.list_buckets()]:
            self.driver.create_bucket(self.bucket)

    def put(self, key: str, data: bytes) -> object:
        return self.driver.put(self.bucket, key, data)

    def get(self, key: str) -> bytes:
        with self.driver.get(self.bucket, key) as reader:
            return reader.read()

    def head(self, key: str) -> object:
        return self.driver.head(self.bucket, key)

    def delete(self, key: str) -> object:
        return self.driver.delete(self.bucket, key)

    def get_range(self, key: str, offset: int, length: int) -> bytes:
        with self.driver.get(self.bucket, key, range=(offset, length)) as reader:
            return reader.read()

    def list(self, after: str, count: int) -> int:
        """Pages begin where a cursor says, so the page before the measured one is read once for it."""
        return len(self.driver.list(self.bucket, max_keys=count, cursor=self._cursor(after)).all())

    def copy(self, source: str, target: str) -> object:
        return self.driver.copy(self.bucket, source, self.bucket, target)

    def put_batch(self, items: Sequence[tuple[str, bytes]]) -> object:
        """One commit where the driver has ``batch()``, else one put after another."""
        batch: Any = getattr(self.driver, "batch", None)
        if batch is None:
            for key, data in items:
                self.driver.put(self.bucket, key, data)
            return None
        with batch() as changes:
            for key, data in items:
                changes.put(self.bucket, key, data)
        return None

    def put_stream(self, key: str, file: IO[bytes]) -> object:
        return self.driver.put(self.bucket, key, file)

    def get_stream(self, key: str, block_size: int) -> int:
        size = 0
        with self.driver.get(self.bucket, key) as reader:
            while block := reader.read(block_size):
                size += len(block)
        return size

    def close(self) -> None:
        self.driver.close()

    def remove(self) -> None:
        if FOLDER in self._dsn:
            return
        again = trove.open(self._dsn)
        with again:
            if self.bucket in [info.name for info in again.list_buckets()]:
                while infos := again.list(self.bucket).all():
                    for info in infos:
                        again.delete(self.bucket, info.key)
                again.delete_bucket(self.bucket)

    def _cursor(self, after: str) -> str:
        if after not in self._cursors:
            token = ""
            while after not in (keys := self._keys(token, 1000)):
                token = self.driver.list(self.bucket, cursor=token).next_token
                if not token:
                    raise LookupError(f"no key {after!r} in the benchmark's bucket")
            page = self.driver.list(self.bucket, max_keys=keys.index(after) + 1, cursor=token)
            self._cursors[after] = page.next_token
        return self._cursors[after]

    def _keys(self, cursor: str, count: int) -> builtins.list[str]:
        return [info.key for info in self.driver.list(self.bucket, max_keys=count, cursor=cursor)]


def dsn_entry(
    dsn: str, *, family: str = "", variant: str = "", durability: Durability | None = None
) -> Entry:
    """The entry for a driver; ``{folder}`` in the DSN becomes a fresh folder for each measurement.

    By default it is named after its scheme. ``durability`` is read off the DSN when it is not given: the
    parameter ``durability=relaxed`` and the scheme ``mem`` say it, everything else counts as durable.
    """
    parsed = parse_dsn(dsn)
    if durability is None:
        durability = Durability.DURABLE
        if parsed.scheme == "mem":
            durability = Durability.MEMORY
        elif parsed.params.get("durability") == "relaxed":
            durability = Durability.RELAXED
    return Entry(
        family or parsed.scheme,
        variant,
        durability,
        DriverContestant,
        partial(DriverContestant, dsn),
        _missing(parsed.scheme),
        ours=True,
    )


def _missing(scheme: str) -> str:
    try:
        factory = lookup(scheme)
    except TroveError as error:
        return str(error)
    return "" if factory is not None else f"no driver is registered for {scheme}://"
