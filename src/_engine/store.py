"""The STORE file: what a store is, written once when it is made.

Three lines of text: a title with the format version, the parameters as JSON, and the XXH3-128 of the two
lines before.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xxhash import xxh3_128_hexdigest

from trove.errors import CorruptStoreError, InvalidDSNError, NotFoundError, StorageIOError, shown

from .chunker import Chunker
from .gate import Gate
from .pack import sync_folder

FORMAT = 1
NAME = "STORE"
HASHES = ("xxh3", "blake3")
_PACKED = struct.Struct("<IIIBBxx")
_FILES = ("LOCK", "reserve", "state", NAME, NAME + ".new")
_FOLDERS = ("index", "index.new", "packs", "quarantine", "snapshots")
_NAMES = frozenset(_FILES + _FOLDERS)
_MADE_FIRST = ("packs", "index", "snapshots")  # the folders that are there before the STORE file
_TITLE = re.compile(r"trove store ([0-9]+)")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What was chosen when the store was made and can't change: sizes in bytes."""

    store_id: str
    hash: str
    chunk_minimum: int
    chunk_normal: int
    chunk_maximum: int
    chunk_level: int

    def packed(self) -> bytes:
        """The chunking and the hash in 16 bytes, as the header of every pack repeats them."""
        return _PACKED.pack(
            self.chunk_minimum,
            self.chunk_normal,
            self.chunk_maximum,
            self.chunk_level,
            HASHES.index(self.hash),
        )

    @classmethod
    def unpacked(cls, store_id: bytes, packed: bytes) -> Parameters:
        minimum, normal, maximum, level, hash_number = _PACKED.unpack(packed)
        return cls(store_id.hex(), HASHES[hash_number], minimum, normal, maximum, level)


def private(path: str, flags: int) -> int:
    """An opener for ``open``: a file that it makes is its owner's alone."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def new_store_id() -> str:
    return secrets.token_hex(16)


def write(folder: str, parameters: Parameters) -> None:
    """Make the STORE file, whole and durable or not at all."""
    write_sealed(Path(folder, NAME), f"trove store {FORMAT}", asdict(parameters))


def write_sealed(target: Path, title: str, value: dict[str, Any]) -> None:
    """Make a file of a title, a value as JSON and the checksum of both: whole and durable, or not at all.

    Its name is durable when the folder is flushed.
    """
    text = f"{title}\n{json.dumps(value, sort_keys=True)}\n"
    text += xxh3_128_hexdigest(text.encode()) + "\n"
    temporary = target.with_name(target.name + ".new")
    try:
        with open(temporary, "wb", opener=private) as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, target)
    except OSError as error:
        raise StorageIOError.of(error, f"writing {target}") from error


def make_folder(path: str) -> None:
    """Make a folder and those above it, where they lack, and make their names durable."""
    made = []
    above = path
    while not os.path.lexists(above):
        made.append(above)
        above = os.path.dirname(above)
    try:
        os.makedirs(path, 0o700, exist_ok=True)
        for folder in made:
            sync_folder(os.path.dirname(folder))
    except OSError as error:
        raise StorageIOError.of(error, f"making the folder {path}") from error


def read(folder: str) -> Parameters | None:
    """The parameters of the store in ``folder``, ``None`` when there is no STORE file.

    Raises CorruptStoreError for a damaged file and for a format that this version does not know.
    """
    path = Path(folder, NAME)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageIOError.of(error, f"reading {path}") from error
    title, _, rest = raw.partition(b"\n")
    version = _format_of(title)
    if version > FORMAT:
        raise CorruptStoreError(
            f"{path} has the format {version} and this Trove knows {FORMAT}: a newer one made it; "
            "update Trove"
        )
    body, _, checksum = rest.partition(b"\n")
    if not version or checksum.strip() != xxh3_128_hexdigest(title + b"\n" + body + b"\n").encode():
        raise CorruptStoreError(
            f"{path} is damaged, or of another program; put back a copy of it, or run `trove repair`"
        )
    try:
        return checked(Parameters(**json.loads(body)))
    except (TypeError, ValueError) as error:
        raise CorruptStoreError(
            f"{path} says what this Trove does not know, or not all that it needs: {error}; update Trove"
        ) from error


def is_folder(path: str) -> bool:
    """Whether there is a folder ``path``. Raises InvalidDSNError for what is something else."""
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StorageIOError.of(error, f"looking for {path}") from error
    if not stat.S_ISDIR(mode):
        raise InvalidDSNError(f"{path} is a file; a store is a folder: name one, or a new one")
    return True


def existing(folder: str) -> Parameters:
    """The parameters of the store in ``folder``; nothing is made.

    Raises NotFoundError where a new store could be made, and what ``read`` and ``check_empty`` raise.
    """
    if is_folder(folder):
        with Gate(folder):  # nobody makes one meanwhile
            parameters = read(folder)
            if parameters is not None:
                return parameters
            check_empty(folder)
    raise NotFoundError(f"there is no store in {folder}; check the path, or open it with mode=rw to make one")


def checked(parameters: Parameters) -> Parameters:
    """``parameters`` themselves. Raises ValueError unless a store can have been made with them."""
    if not re.fullmatch("[0-9a-f]{32}", parameters.store_id):
        raise ValueError("the id of the store is not 32 hexadecimal digits")
    if parameters.hash not in HASHES:
        raise ValueError(f"the hash {shown(parameters.hash)} is unknown")
    Chunker(
        parameters.chunk_minimum, parameters.chunk_normal, parameters.chunk_maximum, parameters.chunk_level
    )
    return parameters


def _format_of(title: bytes) -> int:
    """The format version that the title of a STORE file says; 0 when it is none."""
    match = _TITLE.fullmatch(title.decode("ascii", "replace"))
    return int(match[1][:9]) if match else 0


def made_by_newer(folder: str) -> bool:
    """Whether the STORE file is of a format that this version does not know."""
    try:
        title, _, rest = Path(folder, NAME).read_bytes().partition(b"\n")
    except OSError:
        return False
    # Unless it is just the number that is damaged: then the checksum fits with the right one.
    body, _, checksum = rest.partition(b"\n")
    ours = f"trove store {FORMAT}\n".encode() + body + b"\n"
    return _format_of(title) > FORMAT and checksum.strip() != xxh3_128_hexdigest(ours).encode()


def looks_like_one(folder: str) -> bool:
    """Whether a folder without a readable STORE file was a store: nothing but a store's files are there."""
    names = set(os.listdir(folder))
    if not names or names - _NAMES:
        return False
    try:
        return Path(folder, NAME).read_bytes()[:6] == b"trove " or bool(names & {"LOCK", "packs"})
    except FileNotFoundError:
        return "packs" in names


def check_empty(folder: str) -> None:
    """Raise unless a store can be made in ``folder``: nothing of anybody's may be there yet."""
    try:
        names = set(os.listdir(folder))
        parts = [part for part in _MADE_FIRST if os.path.isdir(Path(folder, part))]
        filled = [part for part in parts if os.listdir(Path(folder, part))]
    except OSError as error:
        raise StorageIOError.of(error, f"looking into {folder}") from error
    if filled:
        raise CorruptStoreError(
            f"{Path(folder, NAME)} is missing and {filled[0]} of a store are there; put the file back, or "
            "run `trove repair`"
        )
    others = names - {*parts, "LOCK", "state", "reserve", NAME + ".new"}
    if others:
        raise InvalidDSNError(
            f"{folder} holds other things than a store ({', '.join(sorted(others)[:3])}); "
            "check the path, or name a new or empty folder"
        )
