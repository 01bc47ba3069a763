"""A soak: several workers on one store, watched from outside until the time is over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trove.drivers.engine import EngineDriver

from . import kept
from .load import BUCKET

TESTS = Path(__file__).parents[2]


@dataclass(frozen=True)
class Soak:
    """What was seen: the samples of each worker, and of the store in the same rhythm."""

    workers: list[list[dict[str, Any]]]
    store: list[dict[str, Any]]

    def quantile(self, kind: str, part: str) -> list[float]:
        """That quantile of the latencies of such calls, of the slowest worker, sample by sample."""
        length = min(len(samples) for samples in self.workers)
        return [
            max(samples[at]["kinds"].get(kind, {}).get(part, 0.0) for samples in self.workers)
            for at in range(length)
        ]

    def calls(self) -> int:
        """How many calls there were."""
        return sum(
            int(summary["count"])
            for samples in self.workers
            for sample in samples
            for summary in sample["kinds"].values()
        )


def soak(
    folder: Path,
    seconds: float,
    *,
    every: float,
    workers: int = 2,
    threads: int = 2,
    durability: str = "relaxed",
) -> Soak:
    """Load a new store in ``folder`` for so long. Raises AssertionError where an answer was wrong."""
    dsn = f"trove://{folder}/store?durability={durability}"
    driver = EngineDriver()
    driver.open(dsn)
    with driver:
        driver.create_bucket(BUCKET)
        driver.create_bucket(kept.BUCKET)
        driver.set_versioning(kept.BUCKET, True)
    files = [folder / f"{number}.jsonl" for number in range(workers)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "stress.soak.worker", dsn, str(file), f"w{number}"]
            + [str(given) for given in (seconds, every, threads)],
            env={**os.environ, "PYTHONPATH": str(TESTS)},
            stderr=subprocess.PIPE,
        )
        for number, file in enumerate(files)
    ]
    store: list[dict[str, Any]] = []
    try:
        _watch(dsn, running, every, store)
        for process in running:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors.decode()
    finally:
        for process in running:
            process.kill()
            process.communicate()
    reader = EngineDriver()
    reader.open(dsn)
    with reader:
        reader.compact()
        store.append(_sample(reader))
        assert reader.verify().problems == ()
    return Soak([[json.loads(line) for line in file.read_text().splitlines()] for file in files], store)


def _watch(
    dsn: str, running: list[subprocess.Popen[bytes]], every: float, store: list[dict[str, Any]]
) -> None:
    """Look at the store regularly, as somebody who only reads, until the first worker ends."""
    reader = EngineDriver()
    reader.open(dsn, mode="r")
    with reader:
        while True:
            store.append(_sample(reader))
            try:
                running[0].wait(every)
            except subprocess.TimeoutExpired:
                continue
            return


def _sample(driver: EngineDriver) -> dict[str, Any]:
    stats = driver.stats()
    return {
        "objects": stats.objects,
        "live": stats.live_bytes,
        "packs": stats.pack_bytes,
        "index": stats.index_bytes,
        "snapshots": stats.snapshot_bytes,
    }
