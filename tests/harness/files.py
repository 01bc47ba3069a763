"""What lies in a store's folder, byte for byte, and who may touch it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

NOBODY = 65534


def tree(folder: Path, *, times: bool = True) -> dict[str, tuple[int, int, str]]:
    """Every file and folder below ``folder``: mode, time of the last change in ns, content."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        said = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (said.st_mode, said.st_mtime_ns if times else 0, content)
    return found


@contextlib.contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Nothing below ``folder`` is written, made or removed in the block."""
    before = tree(folder)
    yield
    after = tree(folder)
    assert {name for name in before | after if before.get(name) != after.get(name)} == set()


def in_a_child(work: Callable[[], object]) -> str:
    """Do ``work`` in a forked child; the ``repr`` of its result, or its error in words."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            said = repr(work())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode()[:60_000])
        os._exit(0)
    os.close(writer)
    with open(reader, encoding="utf-8") as file:
        said = file.read()
    os.waitpid(pid, 0)
    return said


def as_another_user(work: Callable[[], object]) -> str:
    """The same in a child that is not root, whoever we are."""

    def without_rights() -> object:
        if os.geteuid() == 0:
            os.setegid(NOBODY)
            os.seteuid(NOBODY)
        return work()

    return in_a_child(without_rights)


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """A new folder that every user can look into and write in; pytest's own are their owner's alone."""
    with tempfile.TemporaryDirectory(prefix="trove-test-", dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def readable_by_all(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | (0o055 if path.is_dir() else 0o044))


@contextlib.contextmanager
def mounted_readonly(folder: Path, at: Path) -> Iterator[Path]:
    """``folder``, seen through a file system that can't be written, at the new folder ``at``."""
    at.mkdir()
    for options in (["--bind"], ["-o", "remount,bind,ro"]):
        try:
            run = subprocess.run(["mount", *options, str(folder), str(at)], capture_output=True, text=True)
        except OSError as error:
            pytest.skip(f"there is no mount command: {error}")
        if run.returncode:
            subprocess.run(["umount", str(at)], capture_output=True, check=False)
            pytest.skip(f"file systems can't be mounted here: {run.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True)
