"""Snapshots: copies of the index at one commit, from which a rebuild begins.

``snapshots/<sequence>.mdb`` is a compacted copy made by LMDB, ``<sequence>.xxh3`` its XXH3-128. A snapshot
counts once it was read back and its checksum is there; the two newest are kept, so that no single damaged
file makes commits necessary that are gone.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import xxhash

from trove.errors import StorageIOError, TroveError

from .folder_lock import FolderLock
from .reports import Snapshot
from .rows import is_older, named_by, owner_of
from .store import private

KEPT = 2
LAST = (1 << 64) - 1  # no commit has a higher number
_NAME = re.compile(r"[0-9]{20}\.mdb")
_BLOCK = 1 << 20
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)  # of something that this process or the system lacks


def found(store: str) -> list[Path]:
    """The snapshots of a store, newest first, whole or not."""
    folder = Path(store, "snapshots")
    if not folder.is_dir():
        return []  # opened to write, a store gets the folder back
    try:
        return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)
    except OSError as error:
        raise StorageIOError.of(error, f"listing {folder}") from error


def whole(path: Path) -> bool:
    """Whether a snapshot is what was written. Raises OSError where that can't be looked at just now."""
    try:
        return checksum(path) == path.with_suffix(".xxh3").read_text().strip()
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _SHORT:
            raise
        return False


def checksum(path: Path) -> str:
    digest = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def foreign(path: Path, store_id: bytes) -> bool:
    """Whether a whole snapshot is of another store than the one with that id, and says so."""
    return _asked(path, lambda: owner_of(str(path)) not in (0, named_by(store_id)))


def usable(path: Path, store_id: bytes) -> bool:
    """Whether an index of the store with that id can be made from a snapshot.

    One that an older version made lacks what this one keeps in tables of their own.
    """
    return whole(path) and _fits(path, store_id)


def _fits(path: Path, store_id: bytes) -> bool:
    return _asked(path, lambda: not is_older(str(path))) and not foreign(path, store_id)


def _asked(path: Path, question: Callable[[], bool]) -> bool:
    """What the answer of a snapshot is; False where it is dropped meanwhile."""
    try:
        return question()
    except (OSError, TroveError):
        if path.exists():
            raise
        return False


def restore(
    store: str, index: str, store_id: bytes, *, least: int = 0, most: int = LAST, oldest: bool = False
) -> int:
    """Put the newest usable snapshot, or the ``oldest``, where an index is to be; its sequence, 0 for none.

    Only those from commit ``least`` up to ``most`` count.
    """
    paths = [path for path in found(store) if least <= int(path.stem) <= most]
    for path in reversed(paths) if oldest else paths:
        if usable(path, store_id):
            os.makedirs(index, 0o700, exist_ok=True)
            with open(path, "rb") as kept, open(Path(index, "data.mdb"), "wb", opener=private) as copy:
                shutil.copyfileobj(kept, copy, _BLOCK)
            return int(path.stem)
    return 0


def since(store: str, sequence: int) -> list[Path]:
    """Those of that commit or a later one."""
    return [path for path in found(store) if int(path.stem) >= sequence]


def newest(store: str) -> int:
    """The commit that the newest snapshot is at, whole or not; 0 when there is none."""
    return max((int(path.stem) for path in found(store)), default=0)


def take(
    store: str, store_id: bytes, copy: Callable[[str], int], flush: Callable[[], None], wait: bool = True
) -> Snapshot | None:
    """Take a snapshot; ``None`` if another one is being taken and ``wait`` is False.

    ``copy(folder)`` makes a copy of the index and gives the commit that it is at; ``flush()`` puts the log
    on disk.
    """
    folder = os.path.join(store, "snapshots")
    temporary = Path(folder, "new")
    try:
        with FolderLock(folder, wait=wait) as alone:
            if not alone:
                return None
            shutil.rmtree(temporary, ignore_errors=True)
            try:
                sequence = copy(str(temporary))
                # A snapshot that outlives a power cut must not know of chunks that don't.
                flush()
                kept = _keep(store, store_id, sequence, temporary / "data.mdb")
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            return Snapshot(sequence, kept.stat().st_size, str(kept))
    except OSError as error:
        if isinstance(error, TroveError):
            raise
        raise StorageIOError.of(error, f"taking a snapshot in {folder}") from error


def _keep(store: str, store_id: bytes, sequence: int, temporary: Path) -> Path:
    """Make the copy at ``temporary`` the snapshot of ``sequence``, and drop those that are too old."""
    target = Path(store, "snapshots", f"{sequence:020d}.mdb")
    if usable(target, store_id):
        return target  # of the same commit: nothing is gained by writing over it
    written = checksum(temporary)
    _flush(temporary, forget=True)
    if checksum(temporary) != written:
        raise StorageIOError(
            f"a snapshot in {target.parent} reads back otherwise than it was written; check the medium"
        )
    sums = target.with_suffix(".xxh3")
    with open(sums, "w", encoding="ascii", opener=private) as file:
        file.write(written + "\n")
    _flush(sums)
    # The name of the checksum first, and in ``_drop`` last: to be without it means to be damaged.
    _flush(sums.parent)
    os.rename(temporary, target)
    _flush(target.parent)
    there = [path for path in found(store) if whole(path)]
    kept = [path for path in there if _fits(path, store_id)][:KEPT]
    _drop(target.parent, [path for path in there if path not in kept] if len(kept) == KEPT else [])
    return target


def _drop(folder: Path, old: list[Path]) -> None:
    """Remove snapshots, and the checksums that belong to none."""
    for path in old:
        path.unlink(missing_ok=True)
    if old:
        _flush(folder)
    for sums in folder.glob("*.xxh3"):
        if not sums.with_suffix(".mdb").exists():
            sums.unlink(missing_ok=True)


def _flush(path: Path, forget: bool = False) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
        if forget and hasattr(os, "posix_fadvise"):
            # What is read next comes from the medium.
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)
