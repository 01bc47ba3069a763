"""Backup folder: what stands in which file of a backup.

``BACKUP`` says which files the store had, how long they were and of which blocks they are made; a block is a
file of its own, ``<name of the file>/<number>-<XXH3-128>``, written once and never again. So a backup that is
brought up to date lacks nothing of the earlier one until the new ``BACKUP`` has taken its place.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import starmap
from pathlib import Path
from typing import Any

from xxhash import xxh3_128_hexdigest

from trove.errors import CorruptStoreError, InvalidArgumentError, NotFoundError, StorageIOError

from .pack import sync_folder
from .store import NAME as STORE
from .store import Parameters, checked, private, write_sealed

NAME = "BACKUP"
FORMAT = 1
BLOCK = 4 << 20
FOLDERS = ("packs", "snapshots")
_TITLE = re.compile(rb"trove backup ([0-9]{1,9})")
_FILE = re.compile(r"packs/[0-9]{10}\.pack|snapshots/[0-9]{20}\.mdb")
_DIGEST = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class File:
    """A file of the store as a backup has it: its path in the store, its bytes, the XXH3-128 of its blocks.

    ``seen`` is the inode and the time of the last change, in nanoseconds, of a file that need not be read
    again as long as it has them; zeros where it must.
    """

    name: str
    length: int
    blocks: tuple[str, ...]
    seen: tuple[int, int]


def block_name(number: int, digest: str) -> str:
    """The name of a block in the folder of its file."""
    return f"{number:06d}-{digest}"


def block_names(digests: Iterable[str]) -> Iterator[str]:
    """The names of all blocks of a file."""
    return starmap(block_name, enumerate(digests))


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``BACKUP`` says; ``sequence`` is the commit that it is at. One just begun is not ``whole``."""

    parameters: Parameters
    whole: bool
    sequence: int
    files: tuple[File, ...]

    @property
    def size(self) -> int:
        return sum(file.length for file in self.files)


class BackupFolder:
    """A backup in a folder, by its absolute path."""

    def __init__(self, path: str) -> None:
        self.path = path

    # The manifest.

    def manifest(self) -> Manifest | None:
        """What ``BACKUP`` says; ``None`` where there is none. Raises CorruptStoreError for a damaged one."""
        path = Path(self.path, NAME)
        try:
            raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StorageIOError.of(error, f"reading {path}") from error
        title, _, rest = raw.partition(b"\n")
        body, _, checksum = rest.partition(b"\n")
        match = _TITLE.fullmatch(title)
        if not match or checksum.strip() != xxh3_128_hexdigest(title + b"\n" + body + b"\n").encode():
            raise CorruptStoreError(f"{path} is damaged; put back a copy of it, or begin a backup elsewhere")
        if int(match[1]) != FORMAT:
            raise CorruptStoreError(
                f"{path} has the format {int(match[1])} and this Trove knows {FORMAT}: a newer one made it; "
                "update Trove"
            )
        try:
            return _parsed(json.loads(body))
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptStoreError(
                f"{path} says what this Trove does not know: {error}; update Trove"
            ) from error

    def whole(self) -> Manifest:
        """The manifest of a backup that can be restored. Raises NotFoundError where there is none."""
        manifest = self.manifest()
        if manifest is None:
            raise NotFoundError(f"there is no backup in {self.path}; check the path")
        if not manifest.whole:
            raise NotFoundError(f"the first backup in {self.path} did not come to its end; make it again")
        return manifest

    def write(self, manifest: Manifest) -> None:
        """Have ``BACKUP`` say this from now on, durably. What it names is on disk."""
        write_sealed(Path(self.path, NAME), f"trove backup {FORMAT}", asdict(manifest))
        sync_folder(self.path)

    def begun(self, parameters: Parameters) -> Manifest:
        """The manifest of the folder, which is one of that store's or becomes one.

        Raises InvalidArgumentError where something else is there.
        """
        manifest = self.manifest()
        if manifest is None:
            names = set(os.listdir(self.path)) - {NAME + ".new"}
            if STORE in names:
                raise InvalidArgumentError(f"{self.path} is a store; name another folder for the backup")
            if names:
                raise InvalidArgumentError(
                    f"{self.path} holds other things than a backup ({', '.join(sorted(names)[:3])}); "
                    "name a new or empty folder"
                )
            manifest = Manifest(parameters, False, 0, ())
            self.write(manifest)
        if manifest.parameters != parameters:
            raise InvalidArgumentError(f"{self.path} is a backup of another store; name another folder")
        sync_folder(self.path)  # who wrote it may have died before
        return manifest

    # Blocks.

    def add(self, block: str, data: bytes) -> None:
        """Write a block; its bytes are durable then, its name when its folder is flushed."""
        with open(os.path.join(self.path, block), "wb", opener=private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def blocks(self, name: str) -> set[str]:
        """The names of the blocks that are there of a file."""
        try:
            return set(os.listdir(os.path.join(self.path, name)))
        except FileNotFoundError:
            return set()

    def read(self, file: File, number: int) -> bytes:
        """A block, as it was written. Raises CorruptStoreError where it is not."""
        path = os.path.join(self.path, file.name, block_name(number, file.blocks[number]))
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError as error:
            raise CorruptStoreError(f"{path} is missing: put it back, or restore another backup") from error
        except OSError as error:
            raise StorageIOError.of(error, f"reading {path}") from error
        if xxh3_128_hexdigest(data) != file.blocks[number]:
            raise CorruptStoreError(f"{path} is damaged: put back a copy of it, or restore another backup")
        return data

    def sweep(self, manifest: Manifest) -> None:
        """Remove what ``manifest`` does not name: of an earlier backup, or one that came to no end."""
        named = {file.name: set(block_names(file.blocks)) for file in manifest.files}
        for above in FOLDERS:
            folder = Path(self.path, above)
            for path in list(folder.iterdir()) if folder.is_dir() else []:
                keep = named.get(f"{above}/{path.name}")
                if keep is None:
                    shutil.rmtree(path)
                    continue
                for block in set(os.listdir(path)) - keep:
                    os.unlink(path / block)


def _parsed(value: dict[str, Any]) -> Manifest:
    files = []
    for each in value["files"]:
        inode, changed = each["seen"]
        file = File(each["name"], int(each["length"]), tuple(each["blocks"]), (int(inode), int(changed)))
        # They become paths.
        if not _FILE.fullmatch(file.name) or not all(map(_DIGEST.fullmatch, file.blocks)):
            raise ValueError("the name of a file or a block")
        if len(file.blocks) != -(-file.length // BLOCK):
            raise ValueError("the blocks of a file")
        files.append(file)
    parameters = checked(Parameters(**value["parameters"]))
    return Manifest(parameters, bool(value["whole"]), int(value["sequence"]), tuple(files))
