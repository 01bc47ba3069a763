"""Streaming: an object larger than memory should be, in and out, and the memory that it takes.

Measured in a process of its own (``python -m benches.figures.streaming DSN FOLDER SIZE``), so that nothing
else is in its memory.
"""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from trove.testing.benchmarks import DriverContestant
from trove.testing.benchmarks.workload import SEED, shown_size

from .bench import MIB, Bench, UnavailableError
from .figure import Figure

STATUS = Path("/proc/self/status")
INTERVAL = 0.005
"""Seconds between two looks at the memory."""


def streaming(bench: Bench) -> Iterator[Figure]:
    if not STATUS.exists():
        raise UnavailableError("the system doesn't say how much memory is a process's own; Linux does")
    size = bench.amount.stream
    bench.need(size)
    result = subprocess.run(
        [sys.executable, "-m", __name__, bench.dsn("relaxed"), str(bench.new_folder()), str(size)],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(f"streaming failed:\n{result.stderr}")
    for way, measured in json.loads(result.stdout).items():
        yield Figure(
            f"streaming {shown_size(size)} {way}: memory of the whole process beside the page cache",
            "under 100 MiB",
            100.0,
            measured["memory"] / MIB,
            "MiB",
            note=f"{size / measured['seconds'] / 1e9:.2f} GB/s",
        )


class Source(io.RawIOBase):
    """A file of ``size`` bytes that are made while it is read; nothing in it repeats."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._generator = random.Random(SEED)
        self._block = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._block:
            length = min(MIB, self._left)
            self._left -= length
            self._block = self._generator.randbytes(length)
        if size < 0 or size >= len(self._block):
            piece, self._block = self._block, b""
        else:
            piece, self._block = self._block[:size], self._block[size:]
        return piece


class Watched:
    """Runs a function and samples the process's own memory (in bytes) meanwhile; keeps the most."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._most = 0

    def run(self, function: Callable[[], object]) -> dict[str, float]:
        self._over.clear()
        self._most = 0
        thread = threading.Thread(target=self._watch)
        thread.start()
        begin = time.perf_counter()
        try:
            function()
        finally:
            seconds = time.perf_counter() - begin
            self._over.set()
            thread.join()
        return {"memory": self._most, "seconds": seconds}

    def _watch(self) -> None:
        while True:
            self._most = max(self._most, own_memory())
            if self._over.wait(INTERVAL):
                return


def own_memory() -> int:
    """Bytes of this process that are no pages of files."""
    lines = STATUS.read_text(encoding="ascii").splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem")))


def main(dsn: str, folder: str, size: int) -> None:
    store = DriverContestant(dsn, Path(folder))
    watched = Watched()
    result = {"in": watched.run(lambda: store.put_stream("stream", Source(size)))}  # type: ignore[arg-type]

    def read() -> None:
        if store.get_stream("stream", MIB) != size:
            raise AssertionError("the stream came back with another size")

    result["out"] = watched.run(read)
    store.close()
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
