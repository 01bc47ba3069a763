from collections.abc import Collection
from typing import Final

from trove.errors import CorruptStoreError

PACK_MAGIC: Final[bytes]
PACK_LIMIT: Final[int]

class MissingPackError(CorruptStoreError):
    """A pack is not there: it was lost, or compacted away, and the index knows where its chunks are."""

    number: int

class Pack:
    """One append-only file, open for as long as somebody holds this object."""

    @property
    def number(self) -> int: ...
    @property
    def path(self) -> str: ...
    @property
    def fd(self) -> int: ...
    def read(self, length: int, offset: int) -> bytes: ...
    def view(self, offset: int, length: int) -> memoryview:
        """Mapped bytes, read-only; whoever holds the view keeps the mapping."""

class Packs:
    """The folder of packs, with the ones in use open."""

    def __init__(self, folder: str, store_id: bytes, parameters: bytes) -> None: ...
    @property
    def folder(self) -> str: ...
    @property
    def store_id(self) -> bytes: ...
    @property
    def parameters(self) -> bytes: ...
    @property
    def seed(self) -> int: ...
    def path(self, number: int) -> str: ...
    def numbers(self) -> list[int]: ...
    def open(self, number: int) -> Pack: ...
    def sync(self, leave_out: Collection[int] = ()) -> None:
        """Put every pack on disk but those of ``leave_out``, whoever wrote to it."""

    def create(self) -> Pack:
        """A new pack, locked as this process's own, its name durable."""

class PackWriter:
    """Appends to this process's own pack."""

    @property
    def pack(self) -> Pack | None:
        """That pack; ``None`` until the first append, and when it was left."""

    @property
    def tail(self) -> int:
        """Where the next record goes, in bytes."""

    def end(self) -> None:
        """Append nothing any more: later appends raise DriverClosedError."""

    def trim(self) -> None:
        """Give back the space ahead of the tail."""

    def retire(self) -> None:
        """Append no more to the present pack; the next append makes a new one."""

def pack_header(number: int, store_id: bytes, parameters: bytes) -> bytes: ...
def is_unmade(start: bytes) -> bool:
    """Whether nothing is in a pack that begins with ``start``: its bytes up to one beyond the header."""

def sync_folder(path: str) -> None:
    """Make the names in a folder durable."""
