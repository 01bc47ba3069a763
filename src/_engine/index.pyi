from typing import Any, Final

from trove.errors import CorruptStoreError, StorageIOError

TABLES: Final[tuple[str, ...]]
SPARE: Final[str]
LIB_VERSION: Final[int]

def index_error(error: Exception, doing: str) -> CorruptStoreError | StorageIOError:
    """The typed error for an ``lmdb.Error``; raise it from ``error``."""

def is_older(folder: str) -> bool:
    """Whether the index in that folder, which nobody has open, has some of our tables and lacks others."""

class Index:
    """The LMDB environment and its tables, in a folder."""

    def __init__(self, folder: str, readonly: bool = False, lock: bool = True, bulk: int = 0) -> None:
        """``bulk`` is for an index that is being built and that nobody else has: the bytes it may take."""

    @property
    def folder(self) -> str: ...
    @property
    def readonly(self) -> bool: ...
    @property
    def env(self) -> Any: ...
    def copy(self, folder: str, compact: bool = True) -> None:
        """A copy of the index at one commit, made by LMDB, in the new folder ``folder``."""

    def used_bytes(self) -> int:
        """How much of the file has ever been used."""

    def grow(self) -> None:
        """Give the map more room. Raises StorageFullError when the disk has none."""

    def sync(self) -> None:
        """Make the index durable."""

    def close(self) -> None: ...
