"""A client that owns keys: it alone writes them, and says in its ledger what each call is to bring about."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from harness.described import SIZES, described

from trove.drivers.engine import EngineDriver
from trove.errors import ObjectNotFoundError, PreconditionFailedError

from . import uploading, versioned
from .ledger import MORTAL, Changes, Ledger, State, changed
from .places import BUCKET, NEVER, SOON, look
from .uploading import Uploading
from .versioned import Versioned

if TYPE_CHECKING:
    from .places import Place

KEYS = 6  # of each client
SHARED = 4  # contents that all clients put, whose chunks they share
DRAWN_SIZES = [size for size, weight in zip(SIZES[:4], (8, 3, 3, 1), strict=True) for _ in range(weight)]


def objects(driver: EngineDriver, owner: str) -> State:
    found = {}
    for prefix in (f"{owner}/", f"{MORTAL}{owner}/"):
        for info in driver.list(BUCKET, prefix=prefix):
            try:
                reader = driver.get(BUCKET, info.key)
            except ObjectNotFoundError:
                assert info.key.startswith(MORTAL), f"{info.key} is listed, and is not there"
                continue
            with reader:
                found[info.key] = look(reader.info, reader.read())
    return found


def contents(driver: EngineDriver, owner: str) -> State:
    """All that a client's ledger tells of: objects by their keys, and more by a word before them."""
    return {
        **objects(driver, owner),
        **versioned.contents(driver, owner),
        **uploading.contents(driver, owner),
    }


class InterruptedDataError(Exception):
    """What the data of a put raises in the middle, and what ends a batch that is not to be."""


class Owner:
    """A client and the keys that it alone writes."""

    def __init__(self, place: Place, name: str, draw: random.Random, options: str) -> None:
        self.name, self.draw = name, draw
        self._ledger = Ledger(place.ledger(name))
        account = self._ledger.account()
        self.number = account.calls
        self.driver = place.opened(options)
        self.state = contents(self.driver, name)
        account.check(self.state)
        self._ledger.settle(self.state)
        self._versioned, self._uploading = Versioned(self), Uploading(self)

    def step(self) -> None:
        """One call, noted before and after."""
        self.number += 1
        draw = self.draw
        where = draw.random()
        if where < 0.3:
            return self._versioned.step()
        if where < 0.5:
            return self._uploading.step()
        kinds: list[tuple[Callable[[str], None], int]] = [
            (self._put, 8),
            (self._stream, 2),
            (self._delete, 2),
            (self._copy, 2),
            (self._batch, 3),
            (self._refused, 1),
            (self._broken, 1),
            (self._over, 1),
            (self._mortal, 1),
        ]
        kind = draw.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
        return kind(f"{self.name}/{draw.randrange(KEYS)}")

    def call(self, changes: Changes, work: Callable[[], object], *ends: type[Exception]) -> None:
        self._ledger.begin(changes)
        try:
            work()
        except ends:
            self._ledger.raised()
        else:
            self._ledger.done()
            self.state = changed(self.state, changes)

    def content(self, key: str, *, shared: bool = True) -> tuple[str, bytes, dict[str, str]]:
        """The name, the data and the metadata of an object to be put."""
        name = f"{key}#{self.number}"
        size = self.draw.choice(DRAWN_SIZES)
        if shared and self.draw.random() < 0.3:
            name, size = f"shared/{self.draw.randrange(SHARED)}", 20_000
        return name, described(name, size), {"name": name, "number": f"{self.number}"}

    def _put(self, key: str) -> None:
        name, data, metadata = self.content(key)
        options: dict[str, Any] = {}
        if self.draw.random() < 0.2:
            options["expires_at"] = datetime.now(UTC) + NEVER
        self.call({key: name}, lambda: self.driver.put(BUCKET, key, data, metadata=metadata, **options))

    def _over(self, key: str) -> None:
        """Put what is gone at once."""
        _, data, metadata = self.content(key)
        over = datetime.now(UTC) - timedelta(seconds=1)
        self.call({key: None}, lambda: self.driver.put(BUCKET, key, data, metadata=metadata, expires_at=over))

    def _mortal(self, key: str) -> None:
        """Put what may go at any time, for others let time pass."""
        key = f"{MORTAL}{key}"
        name, data, metadata = self.content(key)
        soon = datetime.now(UTC) + SOON
        self.call({key: name}, lambda: self.driver.put(BUCKET, key, data, metadata=metadata, expires_at=soon))

    def _stream(self, key: str) -> None:
        name, data, metadata = self.content(key)
        pieces = (data[at : at + 30_000] for at in range(0, len(data), 30_000))
        self.call({key: name}, lambda: self.driver.put(BUCKET, key, pieces, metadata=metadata))

    def _delete(self, key: str) -> None:
        self.call({key: None}, lambda: self.driver.delete(BUCKET, key))

    def _copy(self, key: str) -> None:
        source = f"{self.name}/{self.draw.randrange(KEYS)}"
        name = self.state.get(source)
        if name is None:
            return self._put(key)
        metadata = {"name": name, "number": f"{self.number}"}
        return self.call(
            {key: name}, lambda: self.driver.copy(BUCKET, source, BUCKET, key, metadata=metadata)
        )

    def _batch(self, key: str) -> None:
        """Several changes in one, or none of them."""
        fails = self.draw.random() < 0.2
        others = [f"{self.name}/{number}" for number in self.draw.sample(range(KEYS), 3)]
        name, data, metadata = self.content(others[0])
        changes: dict[str, str | None] = dict.fromkeys(others[:2], name)
        changes[others[2]] = None

        def work() -> None:
            with self.driver.batch() as batch:
                batch.put(BUCKET, others[0], data, metadata=metadata)
                batch.put(BUCKET, others[1], data, metadata=metadata)
                batch.delete(BUCKET, others[2])
                if fails:
                    raise InterruptedDataError

        self.call(changes, work, InterruptedDataError)

    def _refused(self, key: str) -> None:
        """A put that may only make what is there already, or only replace what is not."""
        name, data, metadata = self.content(key)
        condition = {"if_none_match": "*"} if key in self.state else {"if_match": "none"}
        self.call(
            {key: name},
            lambda: self.driver.put(BUCKET, key, data, metadata=metadata, **condition),  # type: ignore[arg-type]
            PreconditionFailedError,
        )

    def _broken(self, key: str) -> None:
        """A put whose data ends in an exception."""
        name, data, metadata = self.content(key)

        def pieces() -> Iterator[bytes]:
            yield data
            raise InterruptedDataError

        self.call(
            {key: name},
            lambda: self.driver.put(BUCKET, key, pieces(), metadata=metadata),
            InterruptedDataError,
        )
