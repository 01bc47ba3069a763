"""What is flushed, and in which order."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faults
import pytest

from trove import InvalidDSNError, StorageIOError
from trove.drivers import LocalDriver
from trove.drivers.local import folder

Opener = Callable[..., LocalDriver]

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="names files by /proc")


def recorded(operation: Callable[[], object], root: Path) -> list[str]:
    """The flushes and moves of ``operation``, with what they are of."""
    steps: list[str] = []

    def kind(path: str) -> str:
        relative = os.path.relpath(path, root)
        if relative.startswith(".trove/tmp/"):
            return "temporary"
        return "shelf" if relative.count("/") == 3 and relative.startswith(".trove/meta/") else relative

    def before(name: str, args: tuple[Any, ...]) -> None:
        if name == "fsync":
            steps.append(f"fsync {kind(os.readlink(f'/proc/self/fd/{args[0]}'))}")
        elif name == "rename":
            steps.append("move " + ("sidecar" if args[1].endswith(b".json") else args[1].decode()))
        elif name == "mkdir":
            steps.append(f"mkdir {os.fsdecode(args[0])}")
        elif name == "utime":
            steps.append("utime")
        elif name == "unlink" and not args[0].endswith(b".json"):
            steps.append("unlink")
        elif name == "unlink":
            steps.append("unlink sidecar")

    with faults.intercepted(before):
        operation()
    return steps


def test_full_flushes_in_the_order_that_the_commit_needs(opener: Opener, root: Path) -> None:
    driver = opener("full")
    driver.create_bucket("b")
    driver.put("b", "first", b"x")
    steps = recorded(lambda: driver.put("b", "d/k", b"x"), root)
    assert steps == [
        "utime",
        "fsync temporary",
        "mkdir d",
        "fsync b",
        "mkdir 91",  # the folder of the sidecar, by the hash of its key
        "fsync .trove/meta/b",
        "fsync temporary",
        "move sidecar",
        "fsync shelf",
        "move k",
        "fsync b/d",
    ]


def test_full_flushes_once_the_folders_that_others_may_not_have(
    opener: Opener, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a process that died after it made them, or one with another durability."""
    maker = opener("relaxed")
    maker.create_bucket("b")
    maker.put("b", "d/e/first", b"x")
    driver = opener("full")
    monkeypatch.setattr(folder, "_settled", set())
    steps = recorded(lambda: driver.put("b", "d/e/first", b"x"), root)
    assert steps == [
        "utime",
        "fsync temporary",
        "fsync .",  # the name of the bucket
        "fsync b",
        "fsync b/d",
        "fsync .trove/meta",
        "fsync .trove/meta/b",
        "fsync temporary",
        "move sidecar",
        "fsync shelf",
        "move first",
        "fsync b/d/e",
        "unlink",  # the second name of the old file
    ]
    steps = recorded(lambda: driver.put("b", "d/e/first", b"y"), root)
    assert [step for step in steps if step.startswith("fsync")] == [
        "fsync temporary",
        "fsync temporary",
        "fsync shelf",
        "fsync b/d/e",
    ]


def test_full_flushes_once_the_folders_of_a_store_that_it_finds(
    opener: Opener, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener("relaxed")
    monkeypatch.setattr(folder, "_settled", set())
    assert recorded(lambda: opener("full"), root) == ["fsync ..", "fsync .", *["fsync .trove"] * 4]
    assert recorded(lambda: opener("full"), root) == []


def test_folder_made_again_is_flushed_again(opener: Opener, root: Path) -> None:
    driver = opener("full")
    driver.create_bucket("b")
    driver.put("b", "first", b"x")
    for _ in range(3):
        steps = recorded(lambda: driver.put("b", "d/k", b"x"), root)
        assert steps.index("fsync b") == steps.index("mkdir d") + 1
        driver.delete("b", "d/k")


def test_folder_made_again_by_somebody_else_is_flushed_again(opener: Opener, root: Path) -> None:
    """File systems give the number of a folder that is gone to the next one."""
    driver = opener("full")
    driver.create_bucket("b")
    for _ in range(3):
        (root / "b" / "d").mkdir()
        (root / "b" / "d" / "other").write_bytes(b"x")
        assert "fsync b" in recorded(lambda: driver.put("b", "d/k", b"x"), root)
        shutil.rmtree(root / "b" / "d")


def test_folder_whose_flush_failed_is_flushed_by_the_next_put(opener: Opener, root: Path) -> None:
    driver = opener("full")
    driver.create_bucket("b")
    driver.put("b", "k", b"x")
    (root / "b" / "d").mkdir()
    (root / "b" / "d" / "other").write_bytes(b"x")
    flush = os.fsync

    def failing(fd: int) -> None:
        if os.readlink(f"/proc/self/fd/{fd}") == str(root / "b"):
            raise OSError(errno.EIO, "not now")
        flush(fd)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(StorageIOError):
            driver.put("b", "d/k", b"x")
    assert "fsync b" in recorded(lambda: driver.put("b", "d/k", b"x"), root)


def test_full_flushes_a_deletion_before_its_sidecar_goes(opener: Opener, root: Path) -> None:
    driver = opener("full")
    driver.create_bucket("b")
    driver.put("b", "k", b"x")
    assert recorded(lambda: driver.delete("b", "k"), root) == ["unlink", "fsync b", "unlink sidecar"]


def test_relaxed_flushes_nothing(opener: Opener, root: Path) -> None:
    def everything() -> None:
        driver = opener("relaxed")
        driver.create_bucket("b")
        driver.put("b", "a/k", b"x")
        driver.put("b", "a/k", b"y")
        driver.copy("b", "a/k", "b", "a")
        driver.delete("b", "a/k")
        driver.delete("b", "a")
        driver.delete_bucket("b")

    steps = recorded(everything, root)
    assert "move k" in steps
    assert not [step for step in steps if step.startswith("fsync")]


@pytest.mark.parametrize("durability", ["", "FULL", "none", "1"])
def test_unknown_durability_is_refused(root: Path, durability: str) -> None:
    driver = LocalDriver()
    with pytest.raises(InvalidDSNError, match="full or relaxed"):
        driver.open(f"file://{root}", durability=durability)
    assert not root.exists()
