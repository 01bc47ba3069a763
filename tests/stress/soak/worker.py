"""One process of a soak: ``python -m stress.soak.worker DSN SAMPLES NAME SECONDS EVERY THREADS``.

Its threads load the store, and every EVERY seconds a line of JSON goes to the file SAMPLES: what the process
takes, and how long calls took since the line before. In between the store is closed and opened again.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from trove.drivers.engine import EngineDriver

from .load import Latencies, Load

REOPENED_EVERY = 4  # samples


def memory() -> int:
    """The bytes of memory that this process has for itself."""
    with open("/proc/self/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) << 10
    raise AssertionError("the system does not say")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class Pausing:
    """Lets threads work until they are asked to rest, and again when they need not any more."""

    def __init__(self, loads: list[Load]) -> None:
        self._loads = loads
        self._until = 0.0
        self._failures: list[BaseException] = []

    def work(self, seconds: float) -> None:
        """Have every load work for so long, each in a thread. Raises what one of them raised."""
        self._until = time.monotonic() + seconds
        threads = [threading.Thread(target=self._run, args=(load,)) for load in self._loads]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _run(self, load: Load) -> None:
        try:
            while time.monotonic() < self._until and not self._failures:
                load.step()
        except BaseException as error:
            self._failures.append(error)


def main() -> None:
    dsn, path, name, seconds, every, threads = sys.argv[1:]
    driver = EngineDriver()
    driver.open(dsn)
    loads = [Load(driver, f"{name}.{number}") for number in range(int(threads))]
    pausing = Pausing(loads)
    end = time.monotonic() + float(seconds)
    number = 0
    with open(path, "w", encoding="utf-8", buffering=1) as samples:
        while time.monotonic() < end:
            pausing.work(min(float(every), max(0.1, end - time.monotonic())))
            kinds: dict[str, Latencies] = {}
            for load in loads:
                for kind, latencies in load.latencies.items():
                    kinds.setdefault(kind, Latencies()).join(latencies)
                load.latencies = {}
            sample: dict[str, Any] = {"time": time.time(), "memory": memory(), "descriptors": descriptors()}
            sample["kinds"] = {kind: latencies.summary() for kind, latencies in kinds.items()}
            samples.write(json.dumps(sample) + "\n")
            number += 1
            if number % REOPENED_EVERY == 0:
                driver.close()
                driver.open(dsn)
    for load in loads:
        load.check()
    driver.close()


if __name__ == "__main__":
    main()
