"""Recordings: a workload that ran once, event by event, with what there was before."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.alone import Child

from .histories import Contents
from .medium import Medium
from .recorder import Recorder
from .trace import Event, read
from .workloads import NEW, play, prepare

STORE = "above/store"  # where the store is in the folder that is recorded


@dataclass(frozen=True)
class Recording:
    base: Path  # the files before the first event
    contents: Contents  # and what they held
    events: list[Event]


def record(workload: str, seed: int, folder: Path) -> Recording:
    """Run a workload in a child of this process, which has the recorder preloaded; all in ``folder``."""
    live, base = folder / "live", folder / "base"

    def work() -> None:
        live.mkdir(parents=True)
        held: Contents = {}
        if workload not in NEW:
            held = prepare(live / STORE)
        (folder / "contents").write_text(json.dumps(held))
        shutil.copytree(live, base)
        recorder = Recorder(live, live / STORE, folder / "trace")
        play(workload, recorder, live / STORE, seed)
        recorder.stop()

    # So that nothing of it stays in this process.
    assert Child(work).wait() == 0, "a workload ended badly"
    recording = load(folder)
    check_complete(recording, live)
    shutil.rmtree(live)
    return recording


def load(folder: Path) -> Recording:
    """One that was recorded before."""
    return Recording(folder / "base", json.loads((folder / "contents").read_text()), read(folder / "trace"))


def check_complete(recording: Recording, live: Path) -> None:
    """The events must lead to the files that there are, or something was not recorded."""
    medium = Medium(recording.base)
    for event in recording.events:
        medium.play(event)
    played = {path: bytes(file.now) for path, file in medium.files()}
    there = {str(path.relative_to(live)): path.read_bytes() for path in live.rglob("*") if path.is_file()}
    assert played.keys() == there.keys(), "names were not recorded"
    for path, content in there.items():
        if path.endswith("lock.mdb"):
            continue  # LMDB writes it through a mapping, and reads nothing of it after a power cut
        assert played[path] == content, f"writes to {path} were not recorded"
