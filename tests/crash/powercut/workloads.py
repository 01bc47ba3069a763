"""Workloads: what is done to a store while it is recorded."""

from __future__ import annotations

import contextlib
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from harness import low_thresholds
from harness.alone import processes_together

from trove._engine import background
from trove.drivers.engine import EngineDriver
from trove.errors import PreconditionFailedError, StorageIOError, TroveError

from .contents import KEYS, contents, digest
from .histories import Changes, Contents
from .kept import Ageing, Uploads, Versioned
from .recorder import Recorder

CHUNK = 4096  # bytes on average, so that small objects have many
SHARED = [random.Random(f"shared {number}").randbytes(20_000) for number in range(4)]
SEGMENT = 4 << 20  # bytes of a stream that the engine appends at a time
NEVER = 3600.0  # seconds: longer than a workload lasts

_flushes = itertools.count()


def opened(store: Path, durability: str) -> EngineDriver:
    driver = EngineDriver()
    driver.open(f"trove://{store}", durability=durability)
    return driver


def prepare(store: Path) -> Contents:
    """A store to begin with; what it holds."""
    with EngineDriver() as driver:
        driver.open(f"trove://{store}", chunk_size=str(CHUNK))
        driver.create_bucket("base.b")
        for number, data in enumerate([b"small", *SHARED[:2], SHARED[0] + SHARED[1] * 3]):
            driver.put("base.b", f"base.{number}", data)
        return contents(driver)


class Marks(Protocol):
    """What a workload says of itself, beside its writes."""

    def mark(self, **said: object) -> None: ...


class Unmarked:
    """For a workload that is not recorded."""

    def mark(self, **said: object) -> None:
        pass


class Writer:
    """An actor: what it does is marked in the trace."""

    def __init__(self, marks: Marks, name: str, seed: int, *, full: bool) -> None:
        self.name, self.full = name, full
        self.bucket = f"{name}.b"
        self.random = random.Random(f"{name} {seed}")
        self.held: dict[str, bytes] = {}
        self.expected: tuple[type[TroveError], ...] = (PreconditionFailedError,)
        self._marks = marks
        self._versioned, self._uploads = Versioned(self), Uploads(self)
        marks.mark(what="actor", actor=name, full=full)

    def open(self, store: Path) -> EngineDriver:
        self.driver = opened(store, "full" if self.full else "relaxed")
        return self.driver

    def write(self, changes: dict[str, bytes | None], call: Callable[[], object]) -> None:
        """Make a call, which changes these keys or raises."""
        digests: Changes = {
            f"{self.bucket}/{key}": None if data is None else digest(data) for key, data in changes.items()
        }
        if not self.told(digests, call):
            return
        for key, data in changes.items():
            if data is None:
                self.held.pop(key, None)
            else:
                self.held[key] = data

    def told(self, changes: Changes, call: Callable[[], object]) -> bool:
        """Make a call, and say what it is to bring about; whether it did."""
        self._marks.mark(what="write", actor=self.name, changes=changes)
        try:
            call()
        except self.expected:
            self._marks.mark(what="raised", actor=self.name)
            return False
        self._marks.mark(what="done", actor=self.name)
        return True

    def make_bucket(self) -> None:
        self.told({self.bucket: "a bucket"}, lambda: self.driver.create_bucket(self.bucket))

    def make_buckets(self) -> None:
        """The one with versions, too."""
        self.make_bucket()
        self._versioned.make_bucket()

    @contextlib.contextmanager
    def flushing(self) -> Iterator[None]:
        """The block does not end before everything is durable."""
        name = f"{self.name} {next(_flushes)}"
        self._marks.mark(what="flush", actor=name)
        try:
            yield
        except self.expected:
            return
        self._marks.mark(what="flushed", actor=name)

    def flush(self) -> None:
        with self.flushing():
            self.driver.opened().flush_now()

    def snapshot(self) -> None:
        with self.flushing():
            self.driver.snapshot()

    def compact(self) -> None:
        """It promises nothing of what was written, and must not take anything of it either."""
        with contextlib.suppress(*self.expected):
            self.driver.compact()

    def close(self) -> None:
        with self.flushing():
            self.driver.close()

    # One write of each kind.

    def data(self) -> bytes:
        rng = self.random
        own = rng.randbytes(rng.choice((1, 40, 400, 2000, 2100, 9000)))
        shared = rng.choice(SHARED)
        return rng.choice((own, own, own + shared, shared, shared + own, own + shared * 3 + shared[:5000]))

    def key(self) -> str:
        return f"{self.name}.{self.random.randrange(KEYS)}"

    def put(self) -> None:
        key, data = self.key(), self.data()
        self.write({key: data}, lambda: self.driver.put(self.bucket, key, data))

    def put_stream(self) -> None:
        key, data = self.key(), self.data() * 3
        pieces = [data[at : at + 7000] for at in range(0, len(data), 7000)]
        self.write({key: data}, lambda: self.driver.put(self.bucket, key, iter(pieces)))

    def delete(self) -> None:
        key = self.key()
        self.write({key: None}, lambda: self.driver.delete(self.bucket, key))

    def copy(self) -> None:
        if self.held:
            source, target = self.random.choice(sorted(self.held)), self.key()
            data = self.held[source]
            self.write({target: data}, lambda: self.driver.copy(self.bucket, source, self.bucket, target))

    def batch(self) -> None:
        changes: dict[str, bytes | None] = {self.key(): self.data() for _ in range(3)}
        changes[self.key()] = None

        def call() -> None:
            with self.driver.batch() as batch:
                for key, data in changes.items():
                    if data is None:
                        batch.delete(self.bucket, key)
                    else:
                        batch.put(self.bucket, key, data)

        self.write(changes, call)

    def refused(self) -> None:
        """A put that raises when there is an object already."""
        key, data = self.key(), self.data()
        self.write({key: data}, lambda: self.driver.put(self.bucket, key, data, if_none_match="*"))

    def any(self, count: int) -> None:
        """So many writes, and now and then a flush or a snapshot."""
        kinds = [self.put] * 6 + [
            self.put_stream,
            self.delete,
            self.delete,
            self.copy,
            self.batch,
            self.refused,
        ]
        kinds += [self._versioned.any, self._uploads.any] * (len(kinds) // 3)
        for _ in range(count):
            self.random.choice(kinds)()
            if self.random.random() < 0.06:
                self.flush()
            elif self.random.random() < 0.02:
                self.snapshot()


# The workloads.


class Stage:
    """What a workload is given."""

    def __init__(self, recorder: Recorder, store: Path, seed: int) -> None:
        self.recorder, self.store, self.seed = recorder, store, seed

    def writer(self, name: str, *, full: bool) -> Writer:
        return Writer(self.recorder, name, self.seed, full=full)


def one(stage: Stage, *, full: bool) -> None:
    writer = stage.writer("one", full=full)
    writer.open(stage.store)
    writer.make_buckets()
    writer.any(40)
    writer.close()


def full(stage: Stage) -> None:
    one(stage, full=True)


def relaxed(stage: Stage) -> None:
    one(stage, full=False)


def regularly(stage: Stage) -> None:
    """Relaxed, with the flush that comes by itself."""
    background.FLUSH_SECONDS = 0.01
    writer = stage.writer("one", full=False)
    state = writer.open(stage.store).opened().state
    writer.make_buckets()
    for _ in range(6):
        writer.any(writer.random.randrange(8))
        if writer.random.random() < 0.5:
            while state.unflushed():
                time.sleep(0.001)  # between two looks: nothing tells of a flush
    writer.close()


def group(stage: Stage) -> None:
    """Threads whose commits are made together."""
    writers = [stage.writer(f"thread{number}", full=True) for number in range(4)]
    drivers = [writer.open(stage.store) for writer in writers]

    def work(writer: Writer) -> None:
        writer.make_buckets()
        writer.any(10)

    threads = [threading.Thread(target=work, args=(writer,)) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for driver in drivers[1:]:
        driver.close()
    writers[0].close()


def processes(stage: Stage) -> None:
    """One flushes what it writes and one does not, and they share chunks."""

    def work(name: str, full: bool) -> None:
        writer = stage.writer(name, full=full)
        writer.open(stage.store)
        writer.make_buckets()
        writer.any(20)
        writer.close()

    processes_together(lambda: work("strict", True), lambda: work("lax", False))


def streams(stage: Stage) -> None:
    """Objects of more than one extent."""
    rng = random.Random(f"streams {stage.seed}")
    writer = stage.writer("one", full=rng.random() < 0.5)
    writer.open(stage.store)
    writer.make_buckets()
    writer.any(3)
    data = rng.randbytes(SEGMENT + rng.randrange(300_000))
    pieces = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]
    writer.write({"one.large": data}, lambda: writer.driver.put(writer.bucket, "one.large", iter(pieces)))
    writer.any(3)
    again = data[: len(data) // 2] + b"and more"
    writer.write({"one.again": again}, lambda: writer.driver.put(writer.bucket, "one.again", again))
    writer.any(2)
    writer.close()


def reopened(stage: Stage) -> None:
    """Closed and opened again and again, strict now and lax then."""
    writers = [stage.writer("strict", full=True), stage.writer("lax", full=False)]
    for writer in writers:
        writer.open(stage.store)
        writer.make_buckets()
        writer.close()
    rng = random.Random(f"reopened {stage.seed}")
    for _ in range(5):
        writer = rng.choice(writers)
        writer.open(stage.store)
        writer.any(rng.randrange(8))
        if rng.random() < 0.3:
            writer.snapshot()
        writer.close()


def from_nothing(stage: Stage) -> None:
    """The store is made, in folders that are made with it."""
    writer = stage.writer("one", full=True)
    writer.open(stage.store)
    writer.make_buckets()
    writer.any(5)
    writer.close()


def failing(stage: Stage) -> None:
    """Flushes fail: what raised is not there, and the rest is."""
    rng = random.Random(f"failing {stage.seed}")
    writer = stage.writer("one", full=True)
    writer.open(stage.store)
    writer.make_buckets()
    writer.expected += (StorageIOError,)
    for _ in range(3):
        writer.any(5)
        stage.recorder.fail_flush(".pack", rng.randint(1, 4))
    writer.any(5)
    stage.recorder.fail_flush("", 0)
    writer.close()


def ageing(stage: Stage) -> None:
    """Objects expire and are moved by rules."""
    rng = random.Random(f"ageing {stage.seed}")
    writer = stage.writer("one", full=rng.random() < 0.5)
    writer.open(stage.store)
    writer.make_buckets()
    bucket = Ageing(writer)
    bucket.make_bucket()
    for _ in range(30):
        bucket.any()
        if rng.random() < 0.1:
            writer.any(1)
        if rng.random() < 0.1:
            writer.flush()
    writer.close()


def compacting(stage: Stage) -> None:
    """What is dead is given up again and again; what was moved is copied, overwritten and deleted."""
    low_thresholds.lower()
    rng = random.Random(f"compacting {stage.seed}")
    writer = stage.writer("one", full=rng.random() < 0.5)
    writer.open(stage.store)
    writer.make_buckets()
    for _ in range(5):
        writer.any(rng.randrange(4, 12))
        writer.compact()
    writer.any(rng.randrange(4))
    writer.close()


def failing_anew(stage: Stage) -> None:
    """The same in a store that is made."""
    failing(stage)


WORKLOADS: dict[str, Callable[[Stage], None]] = {
    work.__name__: work
    for work in (
        full,
        relaxed,
        group,
        processes,
        reopened,
        from_nothing,
        streams,
        failing,
        regularly,
        failing_anew,
        ageing,
        compacting,
    )
}
NEW = ("from_nothing", "failing_anew")  # those that make the store


def play(name: str, recorder: Recorder, store: Path, seed: int) -> None:
    background.FLUSH_SECONDS = (
        NEVER  # flushes come where the workload asks for them, so that it can be repeated
    )
    WORKLOADS[name](Stage(recorder, store, seed))
