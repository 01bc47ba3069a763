"""A store under clients that are killed, stopped and started again, in as many rounds as are liked."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from harness.alone import Child
from harness.index_rows import check_store

from trove._engine.events import IN_COMMIT
from trove.driver import ObjectEvent
from trove.drivers.engine import EngineDriver

from . import joint
from .clients import OWNERS, ROLES, Ending
from .ledger import Ledger
from .owner import contents, objects
from .places import BUCKET, Place

MIB = 1 << 20
BLOWS = 8  # in a round
PAUSE = 0.08  # seconds between two blows, at the most
# Seconds that an opening after a crash may take; where nothing else runs it takes milliseconds.
OPENING = 5.0
# A reader that stands still keeps the pages of its moment, and for those the index grows; not for ever.
INDEX = 96 * MIB
BLOW_KINDS = ("kill", "kill", "kill two", "stop and kill", "stop and go on", "end")


def check_events(driver: EngineDriver) -> int:
    """What was told of each key last is what is there; how many events there were.

    Of a log that was cut the events from there on are all there.
    """
    last: dict[str, ObjectEvent] = {}
    count = 0
    cut = log_cut(driver)
    with driver.watch(BUCKET, since=cut << IN_COMMIT) as watcher:
        while (event := watcher.get(0)) is not None:
            count += 1
            last[event.key] = event
    there = {info.key: info for info in driver.list(BUCKET)}
    assert cut or last.keys() >= there.keys()
    for key, event in last.items():
        info, told = there.get(key), event.info
        if info is None:
            continue  # that it was deleted is told, or its time is over
        assert told is not None, f"{key} is there, and was told to be deleted"
        assert (told.etag, told.last_modified) == (info.etag, info.last_modified), f"{key} is another"
    return count


def log_cut(driver: EngineDriver) -> int:
    """The commit up to which the log may lack some; 0 where it has all."""
    env = driver.opened().index.env
    with env.begin(db=env.open_db(b"meta", create=False)) as txn:
        return int.from_bytes((txn.get(b"cut") or b"")[8:16], "little")


class Siege:
    def __init__(self, folder: Path, seed: int, driver: type[EngineDriver] = EngineDriver) -> None:
        self._draw = random.Random(seed)
        self._folder, self._driver = folder, driver
        self._clients: dict[str, Child] = {}
        self._starts = 0
        self._seed = seed
        self.counts: Counter[str] = Counter()
        self.slowest_open = 0.0
        self.new_store()

    def new_store(self) -> None:
        """Go on with another store; the one before is left as it is."""
        folder = self._folder / f"{self.counts['stores']}"
        folder.mkdir()
        self._place = Place(folder, self._draw.choice([512, 4096, 65_536]), self._driver)
        self._place.make(OWNERS)
        self.counts["stores"] += 1

    def round(self) -> None:
        """Start all clients, strike them, end or kill them all, and look at what is left."""
        try:
            for name in ROLES:
                self._start(name)
            for _ in range(BLOWS):
                self._pass_time()
                self._strike(self._draw.choice(BLOW_KINDS))
            self._check_readers()
            self._end_all()
        finally:
            for child in self._clients.values():
                child.signal(signal.SIGKILL)
                child.wait()
            self._clients.clear()
        self._check()
        self.counts["rounds"] += 1

    # Blows.

    def _start(self, name: str) -> None:
        self._starts += 1
        draw = random.Random(f"{self._seed}.{self._starts}")
        place = self._place

        def work() -> None:
            ROLES[name](place, name, draw, Ending())

        self._clients[name] = Child(work)

    def _pass_time(self) -> None:
        # What is asked for is any instant, and the system's scheduler does the rest.
        time.sleep(self._draw.uniform(0, PAUSE))

    def _strike(self, kind: str) -> None:
        self.counts[kind] += 1
        names = self._draw.sample(list(ROLES), 2 if kind == "kill two" else 1)
        children = [self._clients[name] for name in names]
        if kind.startswith("stop"):
            children[0].signal(signal.SIGSTOP)
            self._pass_time()
        if kind == "stop and go on":
            children[0].signal(signal.SIGCONT)
            return
        for child in children:
            child.signal(signal.SIGTERM if kind == "end" else signal.SIGKILL)
        for name in names:
            self._await(name, asked=kind == "end")
            self._start(name)

    def _end_all(self) -> None:
        """Some are killed, and the others, which then end by themselves, have the store to themselves."""
        names = self._draw.sample(list(ROLES), len(ROLES))
        killed = names[: self._draw.randrange(len(ROLES) + 1)]
        for name in killed:
            self._clients[name].signal(signal.SIGKILL)
        for name in names:
            if name not in killed:
                self._clients[name].signal(signal.SIGTERM)
        for name in names:
            self._await(name, asked=name not in killed)

    def _await(self, name: str, asked: bool) -> None:
        code = self._clients[name].wait()
        del self._clients[name]
        expected = (0, -signal.SIGTERM) if asked else (-signal.SIGKILL,)
        # One that is asked before it could listen ends like any program.
        assert code in expected, f"{name} ended with {code}"

    # What must be so.

    def _check_readers(self) -> None:
        """Whoever opens the store frees the places in the index that dead readers have left."""
        with self._place.opened("durability=full", EngineDriver):
            said = subprocess.run(
                [sys.executable, "-m", "crash.kills.readers", self._place.store / "index"],
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                check=True,
                capture_output=True,
                text=True,
                timeout=60,
            ).stdout
        alive = {child.pid for child in self._clients.values()} | {os.getpid()}
        dead = {int(pid) for pid in said.split()} - alive
        assert not dead, f"places in the index are kept for processes that are dead: {dead}"

    def _check(self) -> None:
        place = self._place
        began = time.monotonic()
        driver = place.opened("durability=full", EngineDriver)
        took = time.monotonic() - began
        self.slowest_open = max(self.slowest_open, took)
        assert took < OPENING, f"opening the store took {took:.1f} seconds"
        with driver:
            every = {}
            for name in OWNERS:
                ledger = Ledger(place.ledger(name))
                account = ledger.account()
                found = contents(driver, name)
                account.check(found)
                ledger.settle(found)
                ledger.close()
                every.update(objects(driver, name))
                self.counts["calls"] += account.calls
            assert {info.key for info in driver.list(BUCKET)} == set(every)
            self.counts["events"] += check_events(driver)
            self.counts["uploads"] += joint.check(place, driver)
            assert driver.opened().handles == 1
            report = driver.verify()
            assert report.ok, report.problems
        assert self._is_free(), "a store that nobody has open is locked"
        check_store(place.store, self._folder / "scratch")
        size = (place.store / "index" / "data.mdb").stat().st_size
        assert size < INDEX, f"the index has grown to {size >> 20} MiB"

    def _is_free(self) -> bool:
        files = (self._place.store / name for name in (".", "LOCK", "STORE", "index/data.mdb", "snapshots"))
        for file in (*files, *(self._place.store / "packs").iterdir()):
            fd = os.open(file, os.O_RDONLY)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            finally:
                os.close(fd)
        return True
