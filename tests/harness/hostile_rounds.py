"""Damages small stores, one seed after the other, and tries each; prints what failed, as JSON.

In ``tests``, ``python -m harness.hostile_rounds rounds FOLDER SEED 1`` tries one seed again: the store
is left in the folder if it fails. ``found`` instead of ``rounds`` tries faults that are planted.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

from crash.powercut import forked

from . import small_compactions, small_store
from .accidents import befall, befall_files
from .alone import Child
from .expected_loss import Damage, Whole
from .hostile_case import Case
from .isolated import outcome
from .log_map import log_map
from .planted_faults import PLANTED, Fault, Planted, forge
from .small_store import History, settle_in

SECONDS = 30  # that a case may take; it takes a third of one
PLANTED_SECONDS = 4
MAKERS = {**small_store.MAKERS, **small_compactions.MAKERS}
FORGED = "the checksum of a commit is not checked"

Befall = Callable[[Path, Random, Path], list[str]]


def made(folder: Path) -> list[Whole]:
    """A store of each kind; they are made in processes of their own, so that this one never opened any."""
    found = []
    for number, (kind, make) in enumerate(MAKERS.items()):
        path = folder / f"whole-{number}"
        shutil.rmtree(path, ignore_errors=True)

        def work(path: Path = path, kind: str = kind, make: object = make) -> None:
            history = History(kind)
            make(path, history)  # type: ignore[operator]
            path.with_suffix(".history").write_bytes(pickle.dumps(history))

        assert Child(work).wait() == 0
        history = pickle.loads(path.with_suffix(".history").read_bytes())
        found.append(Whole(kind, path, history, log_map(path)))
    return found


def tried(
    whole: Whole,
    other: Whole,
    folder: Path,
    seed: int,
    befall: Befall = befall,
    planted: Planted = contextlib.nullcontext,
    seconds: float = SECONDS,
) -> dict[str, object]:
    """Let accidents happen to a copy of a store; how that went, ``said`` being ``""`` if well."""
    store = folder / f"kept-{seed}"
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(whole.path, store)
    settle_in(whole.kind, store)
    random = Random(seed)
    accidents = befall(store, random, other.path)

    def work() -> None:
        forked.use()
        with planted():
            Case(store, Damage(whole, store, other, accidents), random).run()

    said = outcome(work, seconds)
    if not said:
        shutil.rmtree(store)
    return {"seed": seed, "kind": whole.kind, "accidents": accidents, "said": said}


def rounds(stores: list[Whole], folder: Path, first: int, count: int) -> dict[str, object]:
    """Try ``count`` seeds, from ``first`` on."""
    began = time.monotonic()
    tries = (
        tried(stores[seed % len(stores)], stores[(seed + 1) % len(stores)], folder, seed)
        for seed in range(first, first + count)
    )
    failures = [each for each in tries if each["said"]]
    return {"cases": count, "seconds": round(time.monotonic() - began, 1), "failures": failures}


def found(stores: list[Whole], folder: Path, first: int, count: int) -> dict[str, object]:
    """What is said of each planted fault by the first case that finds it; ``""`` where none does."""
    said: dict[str, object] = {}
    for name, fault in PLANTED.items():
        said[name] = ""
        for seed in range(first, first + count):
            whole, other = stores[seed % len(stores)], stores[(seed + 1) % len(stores)]
            happens = partial(aimed, fault) if fault.files else befall
            one = tried(whole, other, folder, seed, happens, fault.planted, PLANTED_SECONDS)
            if one["said"]:
                said[name] = one["said"]
                break
    forged = tried(stores[0], stores[1], folder, first, befall=with_forged_commit)
    said[FORGED] = forged["said"]
    return said


def aimed(fault: Fault, store: Path, random: Random, other: Path) -> list[str]:
    """Accidents that show a fault if any do."""
    if fault.without:
        shutil.rmtree(store / fault.without)
    return befall_files(store, random, fault.files)


def with_forged_commit(store: Path, random: Random, other: Path) -> list[str]:
    """A commit that says something else under a checksum that fits, and no index that says what it was."""
    forge(store, random)
    shutil.rmtree(store / "index")
    return [FORGED]


def main() -> None:
    what, folder, first, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    print(json.dumps({"rounds": rounds, "found": found}[what](made(folder), folder, first, count)))


if __name__ == "__main__":
    main()
