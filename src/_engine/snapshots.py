"""Snapshots: copies of the index at one commit, from which a rebuild begins.

``snapshots/<sequence>.mdb`` is a compacted copy made by LMDB, ``<sequence>.xxh3`` its XXH3-128. A snapshot
counts once it was read back and its checksum is there; the two newest are kept, so that no single damaged
file makes commits necessary that are gone.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path

import xxhash

KEPT = 2
_NAME = re.compile(r"[0-9]{20}\.mdb")
_BLOCK = 1 << 20


def found(store: str) -> list[Path]:
    """The snapshots of a store, newest first, whole or not."""
    folder = Path(store, "snapshots")
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)


def whole(path: Path) -> bool:
    """Whether a snapshot is what was written."""
    try:
        return checksum(path) == path.with_suffix(".xxh3").read_text().strip()
    except (OSError, ValueError):
        return False


def checksum(path: Path) -> str:
    digest = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def restore(store: str, index: str) -> int:
    """Put the newest whole snapshot where an index is to be; its sequence, 0 when there is none."""
    for path in found(store):
        if whole(path):
            os.makedirs(index, 0o700, exist_ok=True)
            shutil.copyfile(path, Path(index, "data.mdb"))
            return int(path.stem)
    return 0


def keep(store: str, sequence: int, temporary: Path) -> Path:
    """Make the copy at ``temporary`` the snapshot of ``sequence``, and drop those that are too old."""
    target = Path(store, "snapshots", f"{sequence:020d}.mdb")
    _flush(temporary)
    digest = checksum(temporary)
    sums = target.with_suffix(".xxh3")
    sums.write_text(digest + "\n")
    _flush(sums)
    os.rename(temporary, target)
    _flush(target.parent)
    for old in [path for path in found(store) if whole(path)][KEPT:]:
        for path in (old, old.with_suffix(".xxh3")):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
    return target


def _flush(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
