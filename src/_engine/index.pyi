from typing import Any

def head_of(index: Index, txn: Any) -> int:
    """The sequence of the last commit that the index has, in an open transaction of it."""

def head(index: Index) -> int:
    """The same, of an index that no transaction is open of yet."""

def cut_in(index: Index, txn: Any) -> int:
    """The commit up to which the log may lack some, in an open transaction of it; 0 where it has all."""

def cut_of(index: Index) -> int:
    """The same, of an index that no transaction is open of yet."""

class Index:
    """The LMDB environment and its tables, in a folder."""

    def __init__(
        self, folder: str, readonly: bool = False, lock: bool = True, bulk: int = 0, store_id: bytes = b""
    ) -> None:
        """``bulk`` is for an index that is being built and that nobody else has: the bytes it may take.

        ``store_id`` is the store that it is to belong to; needed where rows are changed."""

    @property
    def folder(self) -> str: ...
    @property
    def readonly(self) -> bool: ...
    @property
    def owner(self) -> int: ...
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
