"""What the processes do that are killed: each role is a loop that ends well only when it is asked to."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.described import SIZES, described, name_of

import trove
from trove.drivers.engine import EngineDriver
from trove.errors import ObjectNotFoundError, PreconditionFailedError

from .ledger import Changes, Ledger, State, changed

BUCKET = "b"
KEYS = 6  # of each client
SHARED = 4  # contents that all clients put, whose chunks they share
DRAWN_SIZES = [size for size, weight in zip(SIZES[:4], (8, 3, 3, 1), strict=True) for _ in range(weight)]


@dataclass(frozen=True)
class Place:
    """Where a store and the ledgers of its clients are, and the driver that the clients use."""

    folder: Path
    chunk_size: int
    driver: type[EngineDriver] = EngineDriver

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def ledger(self, name: str) -> Path:
        return self.folder / f"{name}.ledger"

    def opened(self, options: str, driver: type[EngineDriver] | None = None) -> EngineDriver:
        opened = (driver or self.driver)()
        opened.open(f"trove://{self.store}?{options}")
        return opened

    def make(self) -> None:
        with self.opened(f"chunk_size={self.chunk_size}", EngineDriver) as driver:
            driver.create_bucket(BUCKET)


def look(info: trove.ObjectInfo, data: bytes) -> str:
    """The name of an object's content, which is whole and the one that its metadata tell of."""
    name = name_of(data)
    assert info.metadata["name"] == name, f"{info.key} has the data of {name} and {dict(info.metadata)}"
    assert info.size == len(data)
    return name


def contents(driver: EngineDriver, owner: str) -> State:
    found = {}
    for info in driver.list(BUCKET, prefix=f"{owner}/"):
        with driver.get(BUCKET, info.key) as reader:
            found[info.key] = look(reader.info, reader.read())
    return found


class InterruptedDataError(Exception):
    """What the data of a put raises in the middle, and what ends a batch that is not to be."""


class Owner:
    """A client and the keys that it alone writes."""

    def __init__(self, place: Place, name: str, draw: random.Random, options: str) -> None:
        self.name, self._draw = name, draw
        self._ledger = Ledger(place.ledger(name))
        account = self._ledger.account()
        self._number = account.calls
        self.driver = place.opened(options)
        self._state = contents(self.driver, name)
        account.check(self._state)
        self._ledger.settle(self._state)

    def step(self) -> None:
        """One call, noted before and after."""
        self._number += 1
        draw = self._draw
        kind = draw.choices(
            (self._put, self._stream, self._delete, self._copy, self._batch, self._refused, self._broken),
            (8, 2, 2, 2, 3, 1, 1),
        )[0]
        kind(f"{self.name}/{draw.randrange(KEYS)}")

    def _call(self, changes: Changes, work: Callable[[], object], *ends: type[Exception]) -> None:
        self._ledger.begin(changes)
        try:
            work()
        except ends:
            self._ledger.raised()
        else:
            self._ledger.done()
            self._state = changed(self._state, changes)

    def _content(self, key: str) -> tuple[str, bytes, dict[str, str]]:
        name = f"{key}#{self._number}"
        size = self._draw.choice(DRAWN_SIZES)
        if self._draw.random() < 0.3:
            name, size = f"shared/{self._draw.randrange(SHARED)}", 20_000
        return name, described(name, size), {"name": name, "number": f"{self._number}"}

    def _put(self, key: str) -> None:
        name, data, metadata = self._content(key)
        self._call({key: name}, lambda: self.driver.put(BUCKET, key, data, metadata=metadata))

    def _stream(self, key: str) -> None:
        name, data, metadata = self._content(key)
        pieces = (data[at : at + 30_000] for at in range(0, len(data), 30_000))
        self._call({key: name}, lambda: self.driver.put(BUCKET, key, pieces, metadata=metadata))

    def _delete(self, key: str) -> None:
        self._call({key: None}, lambda: self.driver.delete(BUCKET, key))

    def _copy(self, key: str) -> None:
        source = f"{self.name}/{self._draw.randrange(KEYS)}"
        name = self._state.get(source)
        if name is None:
            return self._put(key)
        metadata = {"name": name, "number": f"{self._number}"}
        return self._call(
            {key: name}, lambda: self.driver.copy(BUCKET, source, BUCKET, key, metadata=metadata)
        )

    def _batch(self, key: str) -> None:
        """Several changes in one, or none of them."""
        fails = self._draw.random() < 0.2
        others = [f"{self.name}/{number}" for number in self._draw.sample(range(KEYS), 3)]
        name, data, metadata = self._content(others[0])
        changes: dict[str, str | None] = dict.fromkeys(others[:2], name)
        changes[others[2]] = None

        def work() -> None:
            with self.driver.batch() as batch:
                batch.put(BUCKET, others[0], data, metadata=metadata)
                batch.put(BUCKET, others[1], data, metadata=metadata)
                batch.delete(BUCKET, others[2])
                if fails:
                    raise InterruptedDataError

        self._call(changes, work, InterruptedDataError)

    def _refused(self, key: str) -> None:
        """A put that may only make what is there already, or only replace what is not."""
        name, data, metadata = self._content(key)
        condition = {"if_none_match": "*"} if key in self._state else {"if_match": "none"}
        self._call(
            {key: name},
            lambda: self.driver.put(BUCKET, key, data, metadata=metadata, **condition),  # type: ignore[arg-type]
            PreconditionFailedError,
        )

    def _broken(self, key: str) -> None:
        """A put whose data ends in an exception."""
        name, data, metadata = self._content(key)

        def pieces() -> Iterator[bytes]:
            yield data
            raise InterruptedDataError

        self._call(
            {key: name},
            lambda: self.driver.put(BUCKET, key, pieces(), metadata=metadata),
            InterruptedDataError,
        )


class Observer:
    """Reads what any client wrote: whole, and never an older content than it has seen before."""

    def __init__(self, driver: EngineDriver, draw: random.Random) -> None:
        self.driver, self._draw = driver, draw
        self._newest: dict[str, int] = {}

    def step(self) -> None:
        keys = [info.key for info in self.driver.list(BUCKET)]
        for key in self._draw.sample(keys, min(len(keys), 4)):
            try:
                with self.driver.get(BUCKET, key) as reader:
                    info, data = reader.info, reader.read()
            except ObjectNotFoundError:
                continue
            look(info, data)
            number = int(info.metadata["number"])
            assert number >= self._newest.get(key, 0), f"{key} is older than before"
            self._newest[key] = number


class Ending:
    """Notes the signal that asks for an end; between two steps a client looks whether it has come."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._note)

    def _note(self, number: int, frame: object) -> None:
        self.asked = True


Role = Callable[[Place, str, random.Random, Ending], None]


def writing(options: str) -> Role:
    def role(place: Place, name: str, draw: random.Random, ending: Ending) -> None:
        owner = Owner(place, name, draw, options)
        while not ending.asked:
            owner.step()
        owner.driver.close()

    return role


def reading(options: str) -> Role:
    def role(place: Place, name: str, draw: random.Random, ending: Ending) -> None:
        observer = Observer(place.opened(options, EngineDriver), draw)
        while not ending.asked:
            observer.step()
        observer.driver.close()

    return role


def taking_snapshots(place: Place, name: str, draw: random.Random, ending: Ending) -> None:
    with place.opened("durability=relaxed", EngineDriver) as driver:
        newest = 0
        while not ending.asked:
            taken = driver.snapshot().sequence
            assert taken >= newest
            newest = taken


def opening_and_closing(place: Place, name: str, draw: random.Random, ending: Ending) -> None:
    while not ending.asked:
        owner = Owner(place, name, draw, draw.choice(["durability=full", "durability=relaxed"]))
        for _ in range(draw.randrange(4)):
            owner.step()
        owner.driver.close()


def opening_to_read(place: Place, name: str, draw: random.Random, ending: Ending) -> None:
    observer = Observer(place.opened("mode=r", EngineDriver), draw)
    while not ending.asked:
        observer.step()
        observer.driver.close()
        observer.driver.open(f"trove://{place.store}?mode=r")


# By the name of the client; those with keys of their own are OWNERS.
ROLES: dict[str, Role] = {
    "full": writing("durability=full"),
    "relaxed": writing("durability=relaxed"),
    "other": writing("durability=relaxed"),
    "opener": opening_and_closing,
    "reader": reading("durability=full"),
    "onlooker": reading("mode=r"),
    "visitor": opening_to_read,
    "snapshots": taking_snapshots,
}
OWNERS = ("full", "relaxed", "other", "opener")
