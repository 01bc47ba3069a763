"""The load of one worker: what it puts it knows, and every answer is held against that."""

from __future__ import annotations

import random
import time
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from harness.described import described, name_of

from trove.drivers.engine import EngineDriver
from trove.errors import ObjectNotFoundError, PreconditionFailedError

from . import kept

Answer = TypeVar("Answer")

BUCKET = "b"
KEYS = 200
SIZES = (40, 900, 900, 2_000, 5_000, 60_000, 60_000, 700_000)
EXPIRES = timedelta(milliseconds=300)

# Upper ends of the classes of latencies, in seconds: an eighth more each time.
CLASSES = [1e-7 * 1.125**number for number in range(170)]


@dataclass
class Latencies:
    """How long calls of one kind took."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(CLASSES) + 1))

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(CLASSES, seconds)] += 1

    def join(self, other: Latencies) -> None:
        """Add those of another."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]

    def quantile(self, part: float) -> float:
        """The seconds within which that part of the calls came back, to an eighth."""
        left = part * sum(self.counts)
        for number, count in enumerate(self.counts):
            left -= count
            if left <= 0:
                return CLASSES[min(number, len(CLASSES) - 1)]
        return CLASSES[-1]

    def summary(self) -> dict[str, float]:
        return {"count": sum(self.counts), "p50": self.quantile(0.5), "p99": self.quantile(0.99)}


@dataclass(frozen=True)
class Held:
    """What a key holds: the name that its bytes say, their ETag, and when they expire at the latest."""

    name: str
    etag: str
    expires: datetime | None = None


class Load:
    """Calls on keys that nobody else writes to, drawn from a seed."""

    def __init__(self, driver: EngineDriver, name: str) -> None:
        self.driver = driver
        self.name = name
        self.draw = random.Random(name)
        self._held: dict[str, Held] = {}
        self._number = 0
        self.latencies: dict[str, Latencies] = {}
        self._versions, self._uploads = kept.Versions(self), kept.Uploads(self)
        kinds: list[tuple[Callable[[], None], int]] = [
            (self.put, 30),
            (self.get, 30),
            (self.get_range, 5),
            (self.head, 5),
            (self.delete, 10),
            (self.put_if_match, 5),
            (self.put_expiring, 3),
            (self.stream, 3),
            (self.copy, 5),
            (self.batch, 2),
            (self.list, 2),
            (self._versions.step, 20),
            (self._uploads.step, 2),
            (self.free, 1),
            (self.compact, 1),
        ]
        self._kinds = [kind for kind, weight in kinds for _ in range(weight)]

    def step(self) -> None:
        """One call; an AssertionError if its answer is not what it must be."""
        self.draw.choice(self._kinds)()

    def timed(self, kind: str, call: Callable[[], Answer]) -> Answer:
        begin = time.perf_counter()
        try:
            return call()
        finally:
            self.latencies.setdefault(kind, Latencies()).add(time.perf_counter() - begin)

    def _key(self) -> str:
        return f"{self.name}/{self.draw.randrange(KEYS):04}"

    def data(self) -> tuple[str, bytes]:
        self._number += 1
        # A few contents come again and again, so that chunks are shared.
        number = self._number if self.draw.random() < 0.8 else self._number % 7
        name = f"{self.name}.{number}"
        return name, described(name, SIZES[number % len(SIZES)])

    def _put(self, kind: str, key: str, expires: datetime | None = None, if_match: str | None = None) -> None:
        name, data = self.data()
        source = iter([data[:1000], data[1000:]]) if kind == "stream" else data
        info = self.timed(
            kind, lambda: self.driver.put(BUCKET, key, source, expires_at=expires, if_match=if_match)
        )
        self._held[key] = Held(name, info.etag, expires)

    def put(self) -> None:
        self._put("put", self._key())

    def stream(self) -> None:
        self._put("stream", self._key())

    def put_expiring(self) -> None:
        self._put("put", self._key(), datetime.now(UTC) + EXPIRES)

    def put_if_match(self) -> None:
        key = self._key()
        held = self._held.get(key)
        try:
            self._put("put if_match", key, if_match=held.etag if held else "0" * 32)
        except PreconditionFailedError:
            # Also what is there and has expired is not there.
            assert held is None or self._expired(held, datetime.now(UTC)), key
            self._held.pop(key, None)
        else:
            assert held is not None, key

    def delete(self) -> None:
        key = self._key()
        self.timed("delete", lambda: self.driver.delete(BUCKET, key))
        self._held.pop(key, None)

    def copy(self) -> None:
        source, target = self._key(), self._key()
        held, before = self._held.get(source), datetime.now(UTC)
        try:
            info = self.timed("copy", lambda: self.driver.copy(BUCKET, source, BUCKET, target))
        except ObjectNotFoundError:
            assert held is None or self._expired(held, datetime.now(UTC)), source
        else:
            assert held is not None, source
            assert not self._expired(held, before), source
            self._held[target] = Held(held.name, info.etag, held.expires)

    def batch(self) -> None:
        keys = self.draw.sample(range(KEYS), 5)
        held: dict[str, str | None] = {}

        def call() -> None:
            with self.driver.batch() as batch:
                for number in keys:
                    key = f"{self.name}/{number:04}"
                    if number % 3 == 0:
                        batch.delete(BUCKET, key)
                        held[key] = None
                    else:
                        held[key], data = self.data()
                        batch.put(BUCKET, key, data)

        self.timed("batch", call)
        for key, name in held.items():
            if name is None:
                self._held.pop(key, None)
            else:
                self._held[key] = Held(name, self.driver.head(BUCKET, key).etag)

    # Reads.

    def _expired(self, held: Held, now: datetime) -> bool:
        return held.expires is not None and held.expires <= now

    def _read(self, kind: str, key: str, call: Callable[[], str]) -> None:
        held, before = self._held.get(key), datetime.now(UTC)
        try:
            name = self.timed(kind, call)
        except ObjectNotFoundError:
            assert held is None or self._expired(held, datetime.now(UTC)), f"{key} is gone"
            return
        assert held is not None, f"{key} is there"
        assert not self._expired(held, before), f"{key} had expired"
        assert name == held.name, f"{key} holds {name} and not {held.name}"

    def get(self) -> None:
        key = self._key()

        def call() -> str:
            with self.driver.get(BUCKET, key) as reader:
                return name_of(reader.read())

        self._read("get", key, call)

    def get_range(self) -> None:
        key = self._key()
        held = self._held.get(key)

        def call() -> str:
            with self.driver.get_range(BUCKET, key, 16, len(held.name) if held else 1) as reader:
                return reader.read().decode()

        self._read("get_range", key, call)

    def head(self) -> None:
        key = self._key()
        held = self._held.get(key)

        def call() -> str:
            etag = self.driver.head(BUCKET, key).etag
            return held.name if held is not None and held.etag == etag else etag

        self._read("head", key, call)

    def list(self) -> None:
        before = datetime.now(UTC)
        page = self.timed("list", lambda: list(self.driver.list(BUCKET, prefix=f"{self.name}/")))
        found = {info.key: info.etag for info in page}
        after = datetime.now(UTC)
        for key, held in self._held.items():
            if key in found:
                assert found[key] == held.etag, key
                assert not self._expired(held, before), key
            else:
                assert self._expired(held, after), f"{key} is missing from a list"
        assert found.keys() <= self._held.keys(), "a list has what was deleted"

    def compact(self) -> None:
        self.timed("compact", self.driver.compact)

    def free(self) -> None:
        kept.free_what_is_over(self)

    def check(self) -> None:
        """Every key, once."""
        self._versions.check()
        for number in range(KEYS):
            key = f"{self.name}/{number:04}"
            held = self._held.get(key)
            try:
                with self.driver.get(BUCKET, key) as reader:
                    name = name_of(reader.read())
            except ObjectNotFoundError:
                assert held is None or self._expired(held, datetime.now(UTC)), f"{key} is gone"
            else:
                assert held is not None, f"{key} is there"
                assert name == held.name, f"{key} holds {name} and not {held.name}"
