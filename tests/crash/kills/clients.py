"""What the processes do that are killed: each role is a loop that ends well only when it is asked to."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime

from harness import low_thresholds

from trove.drivers.engine import EngineDriver
from trove.errors import EventsLostError, ObjectNotFoundError

from .joint import Sender
from .owner import Owner
from .places import BUCKET, LATER, Place, look

AGEING = 0.03  # seconds between two times that rules are applied, at most
REST = 0.05  # seconds between two compactions, at most


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


def sending(options: str) -> Role:
    """To uploads that others send to as well."""

    def role(place: Place, name: str, draw: random.Random, ending: Ending) -> None:
        sender = Sender(place, place.opened(options, EngineDriver), draw)
        while not ending.asked:
            sender.step()
        sender.driver.close()

    return role


def ageing(place: Place, name: str, draw: random.Random, ending: Ending) -> None:
    """Lets time pass: what expires soon goes, and objects move to another class while they are written."""
    with place.opened("durability=relaxed", EngineDriver) as driver:
        while not ending.asked:
            driver.apply_lifecycle(datetime.now(UTC) + LATER)
            time.sleep(draw.uniform(0, AGEING))


def watching(place: Place, name: str, draw: random.Random, ending: Ending) -> None:
    """Is told each event once, in order, also when it goes on from one of them."""
    with place.opened("mode=r", EngineDriver) as driver:
        last, since = 0, None
        while not ending.asked:
            try:
                with driver.watch(BUCKET, since=since) as watcher:
                    for _ in range(draw.randrange(1, 100)):
                        event = watcher.get(0.05)
                        if event is not None:
                            assert event.sequence > last
                            last = since = event.sequence
            except EventsLostError:
                since = None  # others compact


def compacting(place: Place, name: str, draw: random.Random, ending: Ending) -> None:
    """Moves what lives and removes packs under the hands of all others, who are asked to leave theirs."""
    low_thresholds.lower()
    with place.opened("durability=relaxed", EngineDriver) as driver:
        while not ending.asked:
            driver.compact()
            time.sleep(draw.uniform(0, REST))


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
    "sender": sending("durability=full"),
    "other sender": sending("durability=relaxed"),
    "time": ageing,
    "watcher": watching,
    "compact": compacting,
    "other compact": compacting,
}
OWNERS = ("full", "relaxed", "other", "opener")
