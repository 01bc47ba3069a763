"""Restore: a store made from a backup, and proved.

It is laid out under another name, with each pack cut off at the first commit that the backup does not
promise: what the promised ones need stands before it, and of later ones the backup may have some and lack
others. The index is made from the snapshots and the log, as for any store that lost it; then all of the store
is verified, and gets its name.
"""

from __future__ import annotations

import os
import shutil
import tempfile

import xxhash

from trove.errors import CorruptStoreError, InvalidDSNError, StorageIOError, TroveError

from . import store
from .backup_folder import FOLDERS, BackupFolder, File, Manifest
from .cores import close_core, open_core
from .folder_lock import FolderLock
from .index import head
from .pack import Packs, sync_folder
from .reports import Problem, Progress, RestoreReport
from .scan import records
from .verify import Meter, verify


def restore(source: str | os.PathLike[str], path: str, progress: Progress | None = None) -> RestoreReport:
    """See the driver's ``restore``; ``path`` is where the store is to be."""
    path = os.path.realpath(path)
    folder = BackupFolder(os.path.realpath(source))
    folder.whole()  # or nothing is made
    _check_free(path)
    above = os.path.dirname(path)
    store.make_folder(above)
    try:
        made = tempfile.mkdtemp(prefix=f".{os.path.basename(path)}.", dir=above)
        try:
            with FolderLock(folder.path, shared=True):
                manifest = folder.whole()
                # To read it is one half of the work, to verify it the other.
                half = max(1, manifest.size)
                meter = Meter(progress and (lambda done, _: progress(done, 2 * half)), half)
                for file in manifest.files:
                    _lay_out(folder, file, made, meter)
            shown = progress and (lambda done, total: progress(half + done * half // total, 2 * half))
            problems = _proved(made, manifest, shown)
            _flush(made)
            os.rename(made, path)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        sync_folder(above)
    except OSError as error:
        if isinstance(error, TroveError):
            raise
        raise StorageIOError.of(error, f"restoring the backup in {folder.path} to {path}") from error
    return RestoreReport(manifest.sequence, manifest.size, problems)


def _check_free(path: str) -> None:
    """Raise InvalidDSNError unless there is nothing yet."""
    try:
        names = os.listdir(path) if store.is_folder(path) else []
    except OSError as error:
        raise StorageIOError.of(error, f"looking into {path}") from error
    if names:
        raise InvalidDSNError(
            f"{path} is not empty ({', '.join(sorted(names)[:3])}); name a new or empty folder to restore to"
        )


def _lay_out(folder: BackupFolder, file: File, made: str, meter: Meter) -> None:
    """Put a file where the store is to have it, and the checksum of a snapshot beside it."""
    target = os.path.join(made, file.name)
    os.makedirs(os.path.dirname(target), 0o700, exist_ok=True)
    digest = xxhash.xxh3_128()
    with open(target, "wb", opener=store.private) as copy:
        for number in range(len(file.blocks)):
            data = folder.read(file, number)
            digest.update(data)
            copy.write(data)
            meter.move(len(data))
    if file.name.endswith(".mdb"):
        with open(target[: -len(".mdb")] + ".xxh3", "w", encoding="ascii", opener=store.private) as sums:
            sums.write(digest.hexdigest() + "\n")


def _proved(made: str, manifest: Manifest, progress: Progress | None) -> tuple[Problem, ...]:
    """Make a store of the files, and verify it; what is wrong with it."""
    for name in FOLDERS:
        os.makedirs(os.path.join(made, name), 0o700, exist_ok=True)
    _cut_off(made, manifest)
    store.write(made, manifest.parameters)
    core = open_core(made, None)
    try:
        if head(core.index) != manifest.sequence:
            raise CorruptStoreError(
                f"the store that was backed up was at commit {manifest.sequence}, and its log leads to "
                f"{head(core.index)}: it was damaged then; repair the store and back it up again, or restore "
                "another backup"
            )
        return verify(core, progress).problems
    finally:
        close_core(core)


def _cut_off(made: str, manifest: Manifest) -> None:
    """Cut each pack at its first commit beyond the one that the backup is at."""
    parameters = manifest.parameters
    packs = Packs(os.path.join(made, "packs"), bytes.fromhex(parameters.store_id), parameters.packed())
    for number in packs.numbers():
        for _, sequence, offset, _, _ in records(packs, number):
            if sequence > manifest.sequence:
                os.truncate(packs.path(number), offset)
                break


def _flush(made: str) -> None:
    """Put on disk all that is in the folder."""
    for folder, _, names in os.walk(made):
        for name in names:
            fd = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        sync_folder(folder)
