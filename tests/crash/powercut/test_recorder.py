"""Every call that changes files below the folder is in the trace, in order."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from crash.powercut.medium import File, Medium
from crash.powercut.searching import TESTS
from crash.powercut.trace import Kind, read

CALLS = """
import mmap, os, shutil, sys
from pathlib import Path
from crash.powercut.recorder import Recorder

root = Path(sys.argv[1])
recorder = Recorder(root, root / "store", Path(sys.argv[2]))
os.mkdir(root / "store")
with open(root / "store" / "file", "wb") as file:
    file.write(b"written")
    file.flush()
    os.fsync(file.fileno())
    os.pwrite(file.fileno(), b"W", 0)
    os.writev(file.fileno(), [b" and", b" more"])
    os.ftruncate(file.fileno(), 12)
    os.posix_fallocate(file.fileno(), 0, 20)
    os.fdatasync(file.fileno())
os.truncate(root / "store" / "file", 14)
os.rename(root / "store" / "file", root / "store" / "renamed")
with open(root / "store" / "state", "w+b") as file:
    os.posix_fallocate(file.fileno(), 0, 4096)
    with mmap.mmap(file.fileno(), 4096) as mapped:
        mapped[1000:1003] = b"map"
        recorder.mark(what="noted")
        mapped[1001] = ord("o")
        mapped.flush()
os.makedirs(root / "gone" / "within")
(root / "gone" / "within" / "too").write_bytes(b"x")
shutil.rmtree(root / "gone")
if os.fork() == 0:
    (root / "of the child").write_bytes(b"y")
    os._exit(0)
os.wait()
(root / "of the child").unlink()
recorder.fail_flush("renamed", 2)
with open(root / "store" / "renamed", "r+b") as file:
    os.fsync(file.fileno())
    try:
        os.fsync(file.fileno())
    except OSError:
        pass
    else:
        sys.exit("the flush did not fail")
recorder.stop()
(root / "afterwards").touch()
"""


def test_every_call_is_recorded(recorder_library: Path, tmp_path: Path) -> None:
    root, base, trace = tmp_path / "root", tmp_path / "base", tmp_path / "trace"
    root.mkdir()
    base.mkdir()
    environment = {**os.environ, "LD_PRELOAD": str(recorder_library), "PYTHONPATH": str(TESTS)}
    subprocess.run([sys.executable, "-c", CALLS, root, trace], env=environment, check=True, timeout=60)
    events = read(trace)
    assert {event.kind for event in events} == set(Kind) - {Kind.LEFT_OUT}
    flushes = [(event.kind.name, event.path) for event in events if event.kind.name.startswith("FL")]
    assert (
        flushes
        == [
            (kind, f"store/{name}")
            for name in ("file", "file", "state", "renamed", "renamed")
            for kind in ("FLUSHING", "FLUSHED")
        ][:-1]
    )
    medium = Medium(base)
    for event in events:
        medium.play(event)
        if event.kind is Kind.MARK:
            # What was written through a mapping is noted before what comes after it.
            state = medium.find("store/state")
            assert isinstance(state, File)
            assert state.now[1000:1003] == b"map"
    os.unlink(root / "afterwards")
    played = {path: bytes(file.now) for path, file in medium.files()}
    assert played == {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }
    assert played["store/renamed"] == b"Written and " + bytes(2)
    assert bytes(played["store/state"][1000:1003]) == b"mop"
