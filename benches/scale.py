"""``python -m benches.scale``: what one put, get, head, delete and page costs as a store grows.

Each store is filled in steps and measured at each; the stores come one after the other.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from trove.testing.benchmarks import Contestant, Durability, Entry
from trove.testing.benchmarks.contestant import readers
from trove.testing.benchmarks.machine import describe
from trove.testing.benchmarks.workload import KIB, SEED

from .contestants import everyone
from .figures.turns import shown_time, timed

STEPS = (10_000, 100_000, 1_000_000)
CONTESTANTS = "trove,rocksdict,lmdb,sqlite3"
"""Those measured by default: the ones whose users have a million objects in one store."""

PAGE = 1000
BATCH = 1000


@dataclass(frozen=True)
class Cost:
    """What one call took at the median, in seconds, with ``objects`` objects in the store."""

    contestant: str
    verb: str
    objects: int
    seconds: float


class Growing:
    """One contestant's store and the keys in it."""

    def __init__(self, entry: Entry, folder: Path) -> None:
        self.name = entry.family
        self._entry = entry
        self._store: Contestant = entry.open(folder)
        self._keys: list[str] = []
        self._new = 0
        self._generator = random.Random(SEED)

    def grow(self, count: int) -> None:
        """Put until there are ``count`` objects."""
        while len(self._keys) < count:
            objects = self._objects(min(BATCH, count - len(self._keys)))
            if self._entry.can("put_batch"):
                self._store.put_batch(objects)
            else:
                for key, data in objects:
                    self._store.put(key, data)
            self._keys += [key for key, _ in objects]

    def measure(self, rounds: int, calls: int) -> Iterator[Cost]:
        """Put, read and delete ``calls`` objects in each of ``rounds``: none more is left."""
        store = self._store
        last = min(PAGE, len(self._keys) // 2)
        times: dict[str, list[float]] = {}

        def add(verb: str, function: Callable[..., object], arguments: Iterable[tuple[object, ...]]) -> None:
            listed = list(arguments)
            times.setdefault(verb, []).append(timed(function, listed) / len(listed))

        for _ in range(rounds):
            objects = self._objects(calls)
            chosen = [(self._generator.choice(self._keys),) for _ in range(calls)]
            add("put", store.put, objects)
            add("get", store.get, chosen)
            if self._entry.can("head"):
                add("head", store.head, chosen)
            if self._entry.can("list"):
                add("list from the start", store.list, [("", last)])
                add("list at the end", store.list, [(self._keys[-last - 1], last)])
            add("delete", store.delete, [(key,) for key, _ in objects])
        for verb, seconds in times.items():
            yield Cost(self.name, verb, len(self._keys), statistics.median(seconds))

    def close(self) -> None:
        self._store.close()
        self._store.remove()

    def _objects(self, count: int) -> list[tuple[str, bytes]]:
        first = self._new
        self._new += count
        return [(f"object-{first + n:010d}", self._generator.randbytes(KIB)) for n in range(count)]


def table(costs: list[Cost]) -> Iterator[str]:
    """A line for each contestant and verb, a column for each step."""
    steps = sorted({cost.objects for cost in costs})
    by_place = {(cost.contestant, cost.verb, cost.objects): cost.seconds for cost in costs}
    yield f"{'':16}{'':22}" + "".join(f"{step:>14,}" for step in steps) + f"{'last/first':>12}"
    for name, verb in dict.fromkeys((cost.contestant, cost.verb) for cost in costs):
        seconds = [by_place[name, verb, step] for step in steps]
        growth = f"{seconds[-1] / seconds[0]:.2f}x"
        yield f"{name:16}{verb:22}" + "".join(f"{shown_time(s):>14}" for s in seconds) + f"{growth:>12}"


def chosen(names: list[str], say: Callable[[str], object]) -> list[Entry]:
    """The entries of these families that can run here, one of each, not flushing."""
    available = []
    for entry in readers([entry for entry in everyone() if entry.durability is not Durability.DURABLE]):
        if entry.family not in names:
            continue
        if entry.missing:
            say(f"{entry.family} is left out: {entry.missing}")
        else:
            available.append(entry)
    return available


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.scale", description=__doc__)
    parser.add_argument("--objects", default=",".join(map(str, STEPS)), metavar="N,N,...")
    parser.add_argument("--contestants", default=CONTESTANTS, metavar="NAME,NAME,...")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=1000, help="calls in a round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the costs to this file")
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()), metavar="FOLDER")
    given = parser.parse_args()

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    steps = sorted(int(step) for step in given.objects.split(","))
    entries = chosen(given.contestants.split(","), say)
    costs: list[Cost] = []
    for entry in entries:
        # One after the other, each removed before the next: a million objects take some space.
        folder = Path(tempfile.mkdtemp(prefix="trove-scale-", dir=given.dir))
        try:
            growing = Growing(entry, folder)
            for step in steps:
                begin = time.perf_counter()
                growing.grow(step)
                say(f"{entry.family}: {step:,} objects after {time.perf_counter() - begin:.1f} s more")
                costs += growing.measure(given.rounds, given.calls)
            growing.close()
        finally:
            shutil.rmtree(folder)
    print("\n".join(table(costs)))
    if given.json:
        document = {"machine": describe(given.dir), "costs": [asdict(cost) for cost in costs]}
        given.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
