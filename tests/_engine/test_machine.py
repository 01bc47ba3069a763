"""Random histories: the driver's answers hold against a model, and the rows against a count of their own."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.alone import TESTS
from harness.index_rows import check_store
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

import trove
from trove._engine import compact
from trove._engine.cold import COLD, require_cold
from trove.driver import Driver, LifecycleRule
from trove.driver.types import STANDARD
from trove.drivers.engine import EngineDriver
from trove.errors import (
    BucketNotEmptyError,
    BucketNotFoundError,
    ObjectNotFoundError,
    PreconditionFailedError,
    UnsupportedOptionError,
)
from trove.testing import run_machine

MODES = [(durability, name) for durability in ("full", "relaxed") for name in ("xxh3", "blake3")]


def hash_there(name: str) -> None:
    if name == "blake3":
        pytest.importorskip("blake3", reason="the blake3 extra is not installed")


def classes() -> list[str | None]:
    """The classes of storage that make a difference here."""
    try:
        require_cold()
    except UnsupportedOptionError:
        return [None]
    return [None, COLD]


def against_the_model(folder: Path, durability: str, hash_name: str, histories: int) -> None:
    hash_there(hash_name)
    stores: list[Path] = []

    def opened() -> Driver:
        stores.append(folder / f"{len(stores)}")
        return trove.open(f"trove://{stores[-1]}?durability={durability}&hash={hash_name}&chunk_size=256")

    run_machine(opened, histories=histories)
    check_store(stores[-1], folder / "scratch")


@pytest.mark.parametrize(("durability", "hash_name"), MODES)
def test_random_histories_agree_with_the_model(tmp_path: Path, durability: str, hash_name: str) -> None:
    against_the_model(tmp_path, durability, hash_name, 12)


@pytest.mark.slow
@pytest.mark.parametrize(("durability", "hash_name"), MODES)
def test_many_random_histories_agree_with_the_model(tmp_path: Path, durability: str, hash_name: str) -> None:
    against_the_model(tmp_path, durability, hash_name, 400)


# Rows: what the calls leave behind, in this process and in another one.

BUCKETS = ("b", "c")
KEYS = ("k1", "k2", "k3", "k4")
OPTIONS = {"chunk_size": "1024"}  # objects of a few chunks, and of long lists of them, are small then


HALVES = bytes(each & 15 for each in range(256))


def content(parts: list[int]) -> bytes:
    """Pieces that return in other contents, at other places: chunks are shared and so are whole lists.

    Every other one can be compressed.
    """
    pieces = [random.Random(part).randbytes(200 * 3**part) for part in parts]
    return b"".join(
        data.translate(HALVES) if part % 2 else data for part, data in zip(parts, pieces, strict=True)
    )


CONTENTS = st.lists(st.integers(0, 5), max_size=3)


class Other:
    """The same store in a process of its own, which does as it is told."""

    PROGRAM = (
        "import sys, trove\n"
        "with trove.open(sys.argv[1]) as driver:\n"
        "    for line in sys.stdin:\n"
        "        verb, *words = line.split()\n"
        "        if verb == 'put':\n"
        "            driver.put(*words[:2], bytes.fromhex(''.join(words[2:])))\n"
        "        elif verb == 'copy':\n"
        "            driver.copy(*words)\n"
        "        else:\n"
        "            driver.delete(*words)\n"
        "        print('done', flush=True)\n"
    )

    def __init__(self, dsn: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.PROGRAM, dsn],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=TESTS,
        )

    def do(self, *words: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def close(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0


class Rows(RuleBasedStateMachine):
    """At the end of each history references are counted right, and the log gives the same index."""

    hash_name = "xxh3"

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="trove-rows-"))
        self.dsn = f"trove://{self.folder}/store?durability=relaxed&hash={self.hash_name}"
        self.model: dict[str, dict[str, bytes]] = {"b": {}}
        self.driver = self._opened()
        self.driver.create_bucket("b")
        self.other: Other | None = None

    def _opened(self) -> EngineDriver:
        driver = EngineDriver()
        driver.open(self.dsn, **OPTIONS)
        return driver

    def teardown(self) -> None:
        try:
            found = {
                info.name: {
                    each.key: self.driver.get(info.name, each.key).read()
                    for each in self.driver.list(info.name)
                }
                for info in self.driver.list_buckets()
            }
            self.driver.close()
            if self.other is not None:
                self.other.close()
            assert found == self.model
            check_store(self.folder / "store", self.folder / "scratch")
        finally:
            shutil.rmtree(self.folder)

    def _puts(self, call: Callable[[], Any], bucket: str, key: str, data: bytes) -> None:
        if bucket not in self.model:
            with pytest.raises(BucketNotFoundError):
                call()
            return
        call()
        self.model[bucket][key] = data

    @rule(
        bucket=st.sampled_from(BUCKETS),
        key=st.sampled_from(KEYS),
        parts=CONTENTS,
        stream=st.booleans(),
        storage=st.sampled_from(classes()),
    )
    def put(self, bucket: str, key: str, parts: list[int], stream: bool, storage: str | None) -> None:
        data = content(parts)
        source: Any = iter([data[at : at + 777] for at in range(0, len(data), 777)]) if stream else data
        self._puts(
            lambda: self.driver.put(bucket, key, source, tags={"t": "1"}, storage_class=storage),
            bucket,
            key,
            data,
        )

    @precondition(lambda self: "b" in self.model)
    @rule(storage=st.sampled_from(classes()))
    def transition(self, storage: str | None) -> None:
        move = LifecycleRule("move", transition_days=0, transition_storage=storage or STANDARD)
        self.driver.set_lifecycle("b", [move])
        self.driver.apply_lifecycle()
        assert {info.storage_class for info in self.driver.list("b")} <= {storage or STANDARD}

    @rule(key=st.sampled_from(KEYS), parts=CONTENTS, seconds=st.sampled_from([-1, 3600]))
    def put_with_expiry(self, key: str, parts: list[int], seconds: int) -> None:
        data, when = content(parts), datetime.now(UTC) + timedelta(seconds=seconds)
        self._puts(lambda: self.driver.put("b", key, data, expires_at=when), "b", key, data)
        if seconds < 0 and "b" in self.model:
            # As if it were deleted, though its row is there still.
            del self.model["b"][key]

    @rule(key=st.sampled_from(KEYS), parts=CONTENTS)
    def put_if_absent(self, key: str, parts: list[int]) -> None:
        data = content(parts)
        if key in self.model.get("b", {}):
            with pytest.raises(PreconditionFailedError):
                self.driver.put("b", key, data, if_none_match="*")
        else:
            self._puts(lambda: self.driver.put("b", key, data, if_none_match="*"), "b", key, data)

    @rule(
        source=st.sampled_from(KEYS),
        key=st.sampled_from(KEYS),
        bucket=st.sampled_from(BUCKETS),
    )
    def copy(self, source: str, key: str, bucket: str) -> None:
        if source not in self.model.get("b", {}):
            with pytest.raises((ObjectNotFoundError, BucketNotFoundError)):
                self.driver.copy("b", source, bucket, key)
        else:
            data = self.model["b"][source]
            self._puts(lambda: self.driver.copy("b", source, bucket, key), bucket, key, data)

    @rule(bucket=st.sampled_from(BUCKETS), key=st.sampled_from(KEYS))
    def delete(self, bucket: str, key: str) -> None:
        if bucket not in self.model:
            with pytest.raises(BucketNotFoundError):
                self.driver.delete(bucket, key)
        else:
            self.driver.delete(bucket, key)
            self.model[bucket].pop(key, None)

    @rule(parts=st.lists(CONTENTS, min_size=4, max_size=4), fails=st.booleans())
    def batch(self, parts: list[list[int]], fails: bool) -> None:
        """Over all keys; the last change of one that fails is of a bucket that is never there."""
        error = BucketNotFoundError if fails or "b" not in self.model else None
        after = dict(self.model.get("b", {}))

        def run() -> None:
            with self.driver.batch() as batch:
                for key, each in zip(KEYS, parts, strict=True):
                    after[key] = content(each)
                    batch.put("b", key, after[key])
                batch.copy("b", "k1", "b", "k2")
                batch.delete("b", "k3")
                after["k2"] = after["k1"]
                del after["k3"]
                if fails:
                    batch.delete("never", "k")

        if error is not None:
            with pytest.raises(error):
                run()
        else:
            run()
            self.model["b"] = after

    @rule(bucket=st.sampled_from(BUCKETS))
    def make_or_drop_a_bucket(self, bucket: str) -> None:
        if bucket not in self.model:
            self.driver.create_bucket(bucket)
            self.model[bucket] = {}
        elif self.model[bucket]:
            with pytest.raises(BucketNotEmptyError):
                self.driver.delete_bucket(bucket)
        else:
            # It may hold rows of objects that have expired.
            self.driver.delete_bucket(bucket)
            del self.model[bucket]

    @rule()
    def close_and_open(self) -> None:
        self.driver.close()
        self.driver = self._opened()

    @rule()
    def snapshot(self) -> None:
        self.driver.snapshot()

    @rule(kept=st.sampled_from([0, 1000]))
    def compact(self, kept: int) -> None:
        """However little there is to gain; with the newest commits kept, or none."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (("ACTIVE_DEAD", 0), ("KEPT_LEAST", kept), ("KEPT_MOST", kept)):
                patch.setattr(compact, name, value)
            self.driver.compact()

    @precondition(lambda self: self.other is None)
    @rule()
    def open_in_another_process(self) -> None:
        self.other = Other(self.dsn)

    @precondition(lambda self: self.other is not None and "b" in self.model)
    @rule(key=st.sampled_from(KEYS), parts=CONTENTS, into=st.sampled_from(KEYS))
    def change_in_the_other_process(self, key: str, parts: list[int], into: str) -> None:
        assert self.other is not None
        data = content(parts)
        self.other.do("put", "b", key, data.hex())
        self.other.do("copy", "b", key, "b", into)
        self.model["b"][key] = self.model["b"][into] = data
        if into != key and len(data) % 2:
            self.other.do("delete", "b", key)
            del self.model["b"][key]


def rows_hold(hash_name: str, histories: int) -> None:
    hash_there(hash_name)
    machine = type("RowsOf", (Rows,), {"hash_name": hash_name})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=30,
            phases=(Phase.generate, Phase.shrink),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("hash_name", ["xxh3", "blake3"])
def test_rows_hold_after_random_histories(hash_name: str) -> None:
    rows_hold(hash_name, 6)


@pytest.mark.slow
@pytest.mark.parametrize("hash_name", ["xxh3", "blake3"])
def test_rows_hold_after_many_random_histories(hash_name: str) -> None:
    rows_hold(hash_name, 300)
