"""One damaged store: opened, read, verified, written to and repaired, and what must be so each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TypeVar

from trove._engine.reports import RepairReport
from trove.drivers.engine import EngineDriver
from trove.errors import (
    ChecksumMismatchError,
    CorruptStoreError,
    NotFoundError,
    StorageIOError,
    TroveError,
)

from . import low_thresholds, small_store, small_versions
from .expected_loss import Damage
from .small_store import Place, put

Result = TypeVar("Result")
DAMAGED = (CorruptStoreError, ChecksumMismatchError, StorageIOError)


AFTER = ("d", "after")


def is_plain(place: Place) -> bool:
    return len(place) == 2 and place[0] != small_versions.VERSIONS


def is_named(place: Place, named: set[tuple[str | None, str | None]]) -> bool:
    """Whether a report names an object, or the bucket of which something is said there."""
    return place[:2] in named or (len(place) == 3 and (place[0], None) in named)


class Case:
    """The damaged store in ``store``. Every method fails with an AssertionError that says what is not so."""

    def __init__(self, store: Path, damage: Damage, random: Random) -> None:
        self.store = store
        self.damage = damage
        self.random = random
        self.now = dict(damage.whole.history.current)  # what is there, by all that was acknowledged
        self.ever = self.ever_put()
        self.etags = {**damage.other.history.etags, **damage.whole.history.etags}  # of parts
        self.touched: set[Place] = set()  # changed after the damage

    def ever_put(self) -> dict[Place, set[bytes]]:
        found = self.damage.whole.history.ever
        if not self.damage.is_itself:
            for place, data in self.damage.other.history.ever.items():
                found.setdefault(place, set()).update(data)
        return found

    @property
    def dsn(self) -> str:
        return f"trove://{self.store}?{small_store.SETTINGS}"

    def run(self) -> None:
        modes = self.random.choice([[], ["r"], ["rw"], ["r", "rw"]])
        for mode in modes:
            self.use(mode)
        report = self.repair()
        if report is not None:
            self.check_repaired(report)

    # Before the repair.

    @contextmanager
    def opened(self, mode: str) -> Iterator[EngineDriver | None]:
        """The store; ``None`` if it says that it can't be opened, and the damage is such that it may."""
        driver = EngineDriver()
        try:
            driver.open(self.dsn, mode=mode)
        except CorruptStoreError as error:
            # Whatever is derived from the log, or only a hint, never keeps a store from opening.
            derived = self.damage.bases or self.damage.known
            whole = self.damage.same_log and self.damage.store_file and derived
            assert not whole, f"refused for nothing: {error}"
            yield None
            return
        try:
            yield driver
        finally:
            self.close(driver)

    def close(self, driver: EngineDriver) -> None:
        try:
            driver.close()
        except StorageIOError as error:
            # What a damaged ``state`` says is still to be flushed can be gone.
            intact = self.damage.same_log or self.damage.state
            assert not intact, f"not closed: {error}"

    def use(self, mode: str) -> None:
        with self.opened(mode) as driver:
            if driver is None:
                return
            self.read_all(driver)
            self.verify(driver)
            if mode == "rw":
                self.write(driver)
                self.compact(driver)

    def read_all(self, driver: EngineDriver) -> None:
        places = set(self.now) | set(self.ever)
        for place in sorted(places):
            data = self.read(driver, place)
            if data is None or data == self.now.get(place):
                continue
            self.check_old(place, "is not what was put last" if place in self.now else "was deleted")
        for place in sorted(self.now):
            self.check_there(driver, place)
        self.check_listed(driver)

    def check_there(self, driver: EngineDriver, place: Place) -> None:
        try:
            if len(place) == 2:
                driver.head(*place)
            elif self.fetched(driver, place) is None:
                self.check_old(place, "is not there, and nobody said why")
        except NotFoundError:
            self.check_old(place, "is not there, and nobody said why")
        except DAMAGED as error:
            assert not self.damage.spares(place), f"{place} is not damaged: {error}"

    def check_old(self, place: Place, what: str) -> None:
        assert self.damage.may_forget(place), f"{place} {what}"

    def read(self, driver: EngineDriver, place: Place) -> bytes | None:
        """An object's bytes, if it is there and whole; they are always some that it had."""
        try:
            data = self.fetched(driver, place)
        except NotFoundError:
            return None
        except DAMAGED as error:
            # Where its last change is lost it is an older one, whose data may have been hit.
            older = self.damage.may_forget(place) or self.damage.may_be_unknown(place)
            hidden = older or self.damage.misplaced(place)
            assert hidden or not self.damage.data(place), f"{place} is not damaged: {error}"
            return None
        assert data is None or data in self.ever[place], (
            f"{place} has bytes that nobody put there: {data[:60]!r}"
        )
        return data

    def fetched(self, driver: EngineDriver, place: Place) -> bytes | None:
        """What is there, as its driver says."""
        if len(place) == 3:
            return small_versions.read(driver, place, self.etags)
        with driver.get(*place) as reader:
            data = reader.read()
        assert reader.info.size == len(data)
        name = reader.info.metadata["name"].encode()
        assert data[16 : 16 + len(name)] == name, (
            f"{place} has the data of one version and the words of another"
        )
        return data

    def check_listed(self, driver: EngineDriver) -> None:
        try:
            for bucket in driver.list_buckets():
                keys = [info.key for info in driver.list(bucket.name)]
                assert keys == sorted(keys)
                for key in keys:
                    assert (bucket.name, key) in self.ever, f"{bucket.name}/{key} was never put"
        except DAMAGED as error:
            assert not self.damage.known, f"not listed: {error}"

    def verify(self, driver: EngineDriver) -> None:
        report = driver.verify()
        damage = self.damage
        if not damage.is_itself:
            return
        if damage.tail is None and damage.gone:
            assert report.problems, f"verify finds nothing; commits {sorted(damage.gone)[:5]} are damaged"
        if damage.tail is None and not damage.live_data:
            assert report.problems, "verify finds nothing; an object's data is damaged"
        for number in sorted(damage.spoiled):
            said = f"snapshots/{number:020d}.mdb"
            assert said in {p.file for p in report.problems}, f"verify does not find the damage of {said}"
        if damage.same_log and damage.store_file and damage.snapshots:
            named = [p for p in report.problems if p.file != "index/data.mdb"]
            assert not named, f"verify finds what is not so: {[str(each) for each in named][:3]}"

    def write(self, driver: EngineDriver) -> None:
        """A put and a delete, which may be refused, and are there if they were not."""
        fresh, gone = (
            ("b", "fresh"),
            self.random.choice(sorted(place for place in self.now if is_plain(place))),
        )
        history = self.damage.whole.history
        told = self.tried(lambda: put(driver, history, fresh[1], 1))
        if told:
            self.now[fresh] = history.current[fresh]
            self.ever = self.ever_put()
            self.touched.add(fresh)
            assert self.read(driver, fresh) == self.now[fresh]
        if self.tried(lambda: driver.delete(*gone)):
            self.now.pop(gone, None)
            self.touched.add(gone)
            assert self.read(driver, gone) is None, f"{gone} was deleted"

    def tried(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except (*DAMAGED, NotFoundError) as error:
            whole = self.damage.same_log and self.damage.store_file
            assert not whole, f"refused for nothing: {error}"
            return False
        return True

    def compact(self, driver: EngineDriver) -> None:
        """What could be read can be read afterwards, wherever it stands now."""
        if self.random.random() < 0.5:
            return
        before = {place: self.read(driver, place) for place in self.now}
        low_thresholds.lower()
        if not self.tried(driver.compact):
            return
        for place, data in before.items():
            found = self.read(driver, place)
            assert data is None or found == data, f"{place} could be read before the store was compacted"

    # The repair.

    def repair(self) -> RepairReport | None:
        damage = self.damage
        try:
            return EngineDriver().repair(self.dsn)
        except TroveError as error:
            assert not damage.store_file, f"not repaired: {error}"
            newer = "newer one made it" in str(error)
            assert newer or not damage.a_pack_says_whose, f"not repaired: {error}"
            return None

    def check_repaired(self, report: RepairReport) -> None:
        assert report.ok
        named = {(each.bucket, each.key) for each in report.lost}
        with EngineDriver() as driver:
            driver.open(self.dsn)
            left: dict[Place, bytes] = {}
            for place in sorted(set(self.now) | set(self.ever)):
                try:
                    data = self.fetched(driver, place)
                except NotFoundError:
                    data = None
                assert data is None or data in self.ever[place], f"{place} has bytes that nobody put there"
                self.check_kept(place, data, named)
                if data is not None:
                    left[place] = data
            problems = driver.verify().problems
            assert not problems, f"repaired, and damaged still: {[str(each) for each in problems][:3]}"
            self.check_goes_on(driver, left)
            problems = driver.verify().problems
            assert not problems, f"damaged when used again: {[str(each) for each in problems][:3]}"
        with EngineDriver() as driver:
            driver.open(self.dsn)
            for place, data in left.items():
                found = self.fetched(driver, place) if place != AFTER else driver.get(*place).read()
                assert found == data, f"{place} was repaired and is another one now"

    def check_kept(self, place: Place, data: bytes | None, named: set[tuple[str | None, str | None]]) -> None:
        damage = self.damage
        if data == self.now.get(place):
            nothing = damage.same_log and damage.known
            wrongly = nothing and is_named(place, named)
            assert not wrongly, f"{place} is named as lost, and nothing of it is"
            return
        what = "is not there" if data is None else "is an older one"
        if place in self.touched:
            # Its commit came after the damage, at the end of the log.
            assert is_named(place, named) or (None, None) in named or not damage.state, (
                f"repaired, {place} {what}: {named}"
            )
            return
        assert not damage.spares(place), f"repaired, {place} {what}, and nothing of it was damaged: {named}"
        if is_named(place, named) or damage.may_forget(place):
            return
        assert damage.may_be_unknown(place), f"repaired, {place} {what}, and is not named: {named}"
        assert (None, None) in named, (
            f"repaired, {place} {what}, and nothing says that commits are lost: {named}"
        )

    def check_goes_on(self, driver: EngineDriver, left: dict[Place, bytes]) -> None:
        """The store takes writes, and its buckets too."""
        if "d" not in {bucket.name for bucket in driver.list_buckets()}:
            driver.create_bucket("d")
        driver.put(*AFTER, b"after" * 2000)
        left[AFTER] = b"after" * 2000
        if self.damage.is_itself:
            small_versions.check_goes_on(driver, self.etags)
            for place in list(left):
                if place[1:2] == (small_versions.UPLOAD,):
                    del left[place]  # it is an object now
