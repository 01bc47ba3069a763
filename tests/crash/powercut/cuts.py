"""Cuts: moments of a recording at which the power fails, what survives each, and whether that is right."""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import logging
import random
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trove._engine.state import is_clean, this_boot
from trove.drivers.engine import EngineDriver

from .contents import contents, digest
from .histories import Contents, History
from .medium import Medium
from .recorder import Recorder
from .recording import STORE, Recording
from .surviving import EXTREMES, Survivors
from .trace import Event, Kind, read
from .workloads import WORKLOADS, Marks, Unmarked, Writer

VARIATIONS = 64  # of what survives one cut, at most
LONGEST = 60  # seconds that a store may take to be opened and looked at, before the process is ended
QUICK = 2.0  # seconds of processor time for one verify: these stores are small
AFTER = "after"  # who writes to the store then

Judge = Callable[[Contents], str]


@dataclass(frozen=True, order=True)
class Cut:
    """One state. ``again`` is a moment in its recovery, at which the power fails once more; 0 for none."""

    workload: str
    run: int  # the seed of the workload
    moment: int  # how many events came before it
    variation: int  # what survived, see Survivors
    again: int = 0
    again_variation: int = 0

    @property
    def number(self) -> int:
        """The one number that says it all."""
        number = list(WORKLOADS).index(self.workload)
        for value, limit in self._places():
            assert value < limit
            number = number * limit + value
        return number

    def _places(self) -> list[tuple[int, int]]:
        return [
            (self.moment, 1 << 20),
            (self.variation, VARIATIONS),
            (self.again, 1 << 12),
            (self.again_variation, VARIATIONS),
            (self.run, 1 << 32),
        ]

    @classmethod
    def of(cls, number: int) -> Cut:
        number, run = divmod(number, 1 << 32)
        number, again_variation = divmod(number, VARIATIONS)
        number, again = divmod(number, 1 << 12)
        number, variation = divmod(number, VARIATIONS)
        workload, moment = divmod(number, 1 << 20)
        return cls(list(WORKLOADS)[workload], run, moment, variation, again, again_variation)

    @property
    def first(self) -> Cut:
        """Without the second one."""
        return Cut(self.workload, self.run, self.moment, self.variation)


def boundaries(events: list[Event]) -> list[int]:
    """Just before each flush, in it and after it, and after each acknowledgement."""
    found = []
    for moment, event in enumerate(events):
        if event.kind is Kind.FLUSHING:
            found += [moment, moment + 1]
        elif event.kind in (Kind.FLUSHED, Kind.FAILED) or (
            event.kind is Kind.MARK and "done" in event.mark["what"]
        ):
            found.append(moment + 1)
    return sorted({*found, len(events)})


def some_cuts(workload: str, run: int, events: list[Event], count: int) -> list[Cut]:
    """So many cuts, most at boundaries, in order; the first variations are extremes and come more often."""
    rng = random.Random(f"cuts {workload} {run}")
    flushes = boundaries(events)
    found: set[Cut] = set()
    while len(found) < count:
        moment = rng.choice(flushes) if rng.random() < 0.7 else rng.randint(0, len(events))
        variation = rng.randrange(VARIATIONS) if rng.random() < 0.8 else rng.randrange(len(EXTREMES))
        found.add(Cut(workload, run, moment, variation))
    return sorted(found)


class Checker:
    """Looks at what is left after cuts of one recording, in the folder ``scratch``, best in memory.

    ``before`` judges what is found after a cut that came before the recording's store was open.
    """

    def __init__(self, recording: Recording, scratch: Path, before: Judge | None = None) -> None:
        self._recording = recording
        self._history = History(recording.events, recording.contents)
        self._before = before
        self._scratch = scratch
        self._medium = Medium(recording.base)

    def wrong(self, moment: int, seed: str, variation: int) -> str:
        """What is wrong after a cut; empty when nothing is."""
        with self._left(moment, seed, variation) as folder:
            return visited(folder / STORE, self._judge())

    @contextlib.contextmanager
    def recovered(self, moment: int, seed: str, variation: int) -> Iterator[Checker]:
        """For cuts within the recovery after a cut, which must be one that nothing is wrong after."""
        with (
            self._left(moment, seed, variation) as folder,
            tempfile.TemporaryDirectory(dir=self._scratch) as place,
        ):
            base, trace = Path(place, "base"), Path(place, "trace")
            shutil.copytree(folder, base)
            found: Contents = {}

            def judge(contents: Contents) -> str:
                found.update(contents)
                return ""

            recorder = Recorder(folder, folder / STORE, trace)
            try:
                wrong = visited(folder / STORE, judge, recorder)
            finally:
                recorder.stop()
            assert not wrong, wrong
            yield Checker(Recording(base, found, read(trace)), Path(place), self._judge())

    @property
    def events(self) -> list[Event]:
        return self._recording.events

    def _judge(self) -> Judge:
        medium = self._medium
        if self._before is not None and medium.played <= self._history.opened:
            return self._before
        return lambda found: self._history.wrong(found, medium)

    @contextlib.contextmanager
    def _left(self, moment: int, seed: str, variation: int) -> Iterator[Path]:
        if moment < self._medium.played:
            self._medium = Medium(self._recording.base)
        while self._medium.played < moment:
            self._medium.play(self._recording.events[self._medium.played])
        folder = self._scratch / "left"
        shutil.rmtree(folder, ignore_errors=True)
        Survivors(self._medium, f"{seed} {moment}", variation).write(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def visited(store: Path, judge: Judge, marks: Marks | None = None) -> str:
    """What is wrong with a store when it is opened, looked through, written to, and opened again."""
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    try:
        return opened_and_written(store, judge, marks or Unmarked())
    except Exception:
        return traceback.format_exc()
    finally:
        faulthandler.cancel_dump_traceback_later()


def opened_and_written(store: Path, judge: Judge, marks: Marks) -> str:
    check_other_boot(store)
    clean = says_clean(store)
    complaints = Complaints()
    writer = Writer(marks, AFTER, 0, full=True)
    with writer.open(store) as driver:
        marks.mark(what="opened")
        found = contents(driver)
        wrong = judge(found) or unsound(driver)
        if clean and complaints.heard:
            wrong = wrong or f"a store that says that it was closed cleanly: {complaints.heard}"
        if wrong:
            return wrong
        if writer.bucket not in found:
            writer.make_bucket()
        for size in (20, 9000):
            key = f"{AFTER}.{len(found)}-{size}"
            data = random.Random(key).randbytes(size)
            writer.write({key: data}, functools.partial(driver.put, writer.bucket, key, data))
        writer.close()
    with writer.open(store) as driver:
        driver.compact()
        expected = found | {writer.bucket: "a bucket"}
        expected |= {f"{writer.bucket}/{key}": digest(data) for key, data in writer.held.items()}
        again = contents(driver)
        if again != expected:
            return f"after it was opened, written to and closed: {again} and not {expected}"
        return unsound(driver)


class Complaints(logging.Handler):
    """What the engine says of the store from now on, which nobody else needs to hear."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        logger = logging.getLogger("trove")
        logger.handlers, logger.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def says_clean(store: Path) -> bool:
    """Whether the state says that all was on disk, the index too: then nothing may be wrong with it."""
    state = store / "state"
    return state.exists() and is_clean(state.read_bytes())


def unsound(driver: EngineDriver) -> str:
    started = time.process_time()
    report = driver.verify()
    if not report.ok:
        return f"verify: {report.problems}"
    took = time.process_time() - started
    return f"verify took {took:.1f} s of processor time" if took > QUICK else ""


def check_other_boot(store: Path) -> None:
    """The engine must take the state that it finds for one of another boot, as after a power cut."""
    state = store / "state"
    if state.exists():
        assert this_boot(str(store)) not in state.read_bytes()
