"""Threads of several processes on few keys, some of them killed: what they saw has an order."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

import trove
from trove.drivers.engine import EngineDriver
from trove.errors import VersionNotFoundError

from . import versions
from .clients import Client
from .operations import EMPTY, Operation, read, step
from .order import unexplained

TESTS = Path(__file__).parents[2]
PROCESSES, CLIENTS, CALLS = 3, 3, 40
FIRST = int(os.environ.get("LINEAR_SEED", "0"))
WAIT = 120  # seconds that nothing here needs


def started(dsn: str, log: Path, seed: str, dies: int, kept: bool, compacts: bool) -> subprocess.Popen[bytes]:
    said = [str(CLIENTS), str(CALLS), str(dies), "kept" if kept else "not kept"]
    said.append("compacts" if compacts else "does not compact")
    return subprocess.Popen(
        [sys.executable, "-m", "stress.linear.clients", dsn, log, seed, *said],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stderr=subprocess.PIPE,
    )


def gathered(logs: list[Path]) -> list[Operation]:
    """The operations in those files: as returned, or as called where their client died."""
    calls: dict[tuple[str, int], Operation] = {}
    for log in logs:
        for line in log.read_text().splitlines():
            operation = read(line)
            calls[operation.client, operation.called] = operation
    return list(calls.values())


def history(folder: Path, seed: int, durability: str, kept: bool, compacting: int = 0) -> list[Operation]:
    """What so many clients did and saw; some of their processes died in the middle.

    So many of these compact the store meanwhile.
    """
    draw = random.Random(seed)
    dsn = f"trove://{folder}/store?durability={durability}&chunk_size=4096"
    with trove.open(dsn) as driver:
        driver.create_bucket("b")
        driver.set_versioning("b", kept)  # type: ignore[attr-defined]
    logs, running = [], []
    for process in range(PROCESSES):
        dies = draw.choice([0, draw.randrange(1, CLIENTS * CALLS)])
        logs.append(folder / f"{process}.log")
        running.append((started(dsn, logs[-1], f"{seed}.{process}", dies, kept, process < compacting), dies))
    for process_, dies in running:
        _, errors = process_.communicate(timeout=WAIT)
        assert process_.returncode == (-signal.SIGKILL if dies else 0), errors.decode()
    with trove.open(dsn) as driver:
        assert driver.verify().problems == ()  # type: ignore[attr-defined]
    return gathered(logs)


@pytest.mark.parametrize("durability", ["full", "relaxed"])
@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_what_clients_saw_has_an_order(tmp_path: Path, durability: str, rounds: int) -> None:
    for seed in range(rounds):
        folder = tmp_path / str(seed)
        folder.mkdir()
        operations = history(folder, seed, durability, kept=False)
        assert len(operations) > CLIENTS * CALLS // 4
        assert unexplained(operations) is None, f"seed {seed}"


@pytest.mark.parametrize("durability", ["full", "relaxed"])
@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_what_clients_saw_of_versions_has_an_order(tmp_path: Path, durability: str, rounds: int) -> None:
    for seed in range(rounds):
        folder = tmp_path / str(seed)
        folder.mkdir()
        operations = history(folder, seed, durability, kept=True)
        assert unexplained(operations, versions.step, versions.NONE) is None, f"seed {seed}"


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("rounds", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_what_clients_saw_of_a_store_that_was_compacted_has_an_order(
    tmp_path: Path, rounds: int, kept: bool
) -> None:
    model = (versions.step, versions.NONE) if kept else (step, EMPTY)
    removed = 0
    for seed in range(FIRST, FIRST + rounds):
        folder = tmp_path / str(seed)
        folder.mkdir()
        operations = history(folder, seed, ("full", "relaxed")[seed % 2], kept, compacting=2)
        assert unexplained(operations, *model) is None, f"seed {seed}"
        removed += not (folder / "store" / "packs" / "0000000001.pack").exists()
    assert removed > rounds // 2, "few of them had anything to compact"


# The check is worth something: drivers with a fault are found out.


class Forgetful(EngineDriver):
    """Answers ``head`` with what it said of the key before, half of the time."""

    said: ClassVar[dict[str, trove.ObjectInfo]] = {}

    def head(self, bucket: str, key: str, *, version_id: str | None = None) -> trove.ObjectInfo:
        before = self.said.get(key)
        self.said[key] = super().head(bucket, key, version_id=version_id)
        return before or self.said[key]


class Careless(EngineDriver):
    """Takes conditions for granted."""

    def put(self, bucket: str, key: str, data: Any, **options: Any) -> trove.ObjectInfo:
        options.pop("if_match", None)
        options.pop("if_none_match", None)
        return super().put(bucket, key, data, **options)


class Piecemeal(EngineDriver):
    """Makes the changes of a batch one after the other, and others get a look in between."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = threading.Event()

    def list(self, *arguments: Any, **options: Any) -> trove.ObjectIterator:
        try:
            return super().list(*arguments, **options)
        finally:
            self.listed.set()

    @contextmanager
    def batch(self) -> Iterator[Any]:  # type: ignore[override]
        yield self

    def delete(self, bucket: str, key: str, **options: Any) -> None:
        self._wait()
        super().delete(bucket, key, **options)

    def put(self, bucket: str, key: str, data: Any, **options: Any) -> trove.ObjectInfo:
        self._wait()
        return super().put(bucket, key, data, **options)

    def _wait(self) -> None:
        self.listed.clear()
        self.listed.wait(0.02)


class Tidy(EngineDriver):
    """Keeps two old versions of each key."""

    def put(self, bucket: str, key: str, data: Any, **options: Any) -> trove.ObjectInfo:
        info = super().put(bucket, key, data, **options)
        for each in self.list_versions(bucket, key)[3:]:
            with contextlib.suppress(VersionNotFoundError):
                super().delete_version(bucket, key, each.version_id)
        return info


class Revealing(EngineDriver):
    """Makes a deletion by deleting the version that was newest when it was asked to."""

    def delete(self, bucket: str, key: str, *, version_id: str | None = None) -> None:
        if version_id is not None:
            return super().delete(bucket, key, version_id=version_id)
        for each in self.list_versions(bucket, key)[:1]:
            with contextlib.suppress(VersionNotFoundError):
                super().delete(bucket, key, version_id=each.version_id)
        return None


FAULTY = ((Forgetful, False), (Careless, False), (Piecemeal, False), (Tidy, True), (Revealing, True))


@pytest.mark.parametrize(("faulty", "kept"), FAULTY)
def test_a_driver_with_a_fault_is_found_out(tmp_path: Path, faulty: type[EngineDriver], kept: bool) -> None:
    for seed in range(30):
        log = tmp_path / f"{seed}.log"
        fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with faulty() as driver:
            driver.open(f"trove://{tmp_path}/store-{seed}?durability=relaxed&chunk_size=4096")
            driver.create_bucket("b")
            driver.set_versioning("b", kept)
            clients = [
                Client(driver, fd, f"{seed}.{number}", CALLS, itertools.count(1), 0, kept)
                for number in range(CLIENTS)
            ]
            for client in clients:
                client.start()
            for client in clients:
                client.join()
        os.close(fd)
        assert [client.failure for client in clients] == [None] * CLIENTS
        operations = gathered([log])
        model = (versions.step, versions.NONE) if kept else (step, EMPTY)
        if unexplained(operations, *model) is not None:
            return
    pytest.fail("no history of it was found to contradict itself")
