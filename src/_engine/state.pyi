from collections.abc import Container
from mmap import mmap
from typing import NamedTuple

class Known(NamedTuple):
    """What a state file says of its store's log and index: see ``known``."""

    least: int
    """The commit that the log reaches at least, by all that is said; 0 where nothing is."""
    surely: int
    """And by what can't be the work of a damaged word."""
    intact: bool
    """Whether the index, and all of the log, are what their last writers left."""
    index_time: int
    """The last change of the index's file at a clean close in this boot, in nanoseconds; else 0."""

class State:
    """The page that all processes that have a store open share."""

    def __init__(self, path: str, store_id: bytes, alone: bool = True) -> None:
        """The state file of the store with that id, made if need be by who is ``alone`` with it."""

    @property
    def boot(self) -> bytes: ...
    @property
    def clean(self) -> bool: ...
    sequence: int
    @property
    def inflight(self) -> tuple[int, int, int]:
        """The commit being written and where its record begins: (sequence, pack, offset)."""
    tail: tuple[int, int]
    def known(self, store: str) -> Known:
        """What it says of the log and the index of the store at that path: see ``known``."""

    def ask_to_leave(self, number: int) -> None:
        """Have whoever appends to a pack up to that number begin another one."""

    def count_opening(self) -> None:
        """Tell readers that do without the index's lock file that somebody is about to write."""

    def mark(self, clean: bool, boot: bytes, index_time: int = 0) -> None:
        """Say whether the store is clean, durably; ``index_time`` is that of the index's file then."""

    def reset(self, sequence: int) -> None:
        """Begin anew: the index is at ``sequence``, nothing in flight, all flushed but what failed."""

    @property
    def failed(self) -> set[int]:
        """The packs of this boot that a flush failed for, and that were not written again since."""

    def drop_slots(self, numbers: Container[int]) -> None:
        """Forget what is said of packs whose numbers are not in ``numbers``: they are not there."""

    def forget(self) -> None:
        """Another boot: what was in memory is gone, and what is left was read from the disk."""

    @property
    def raised(self) -> tuple[int, int]:
        """Commits that raised, should their records be there: above the first number, up to the second."""

    def declare_raised(self, start: int, end: int) -> None:
        """Say, durably where the medium lets us, that commits above ``start`` up to ``end`` are none."""

    def unflushed(self) -> list[tuple[int, int, int, bool]]:
        """The packs that hold bytes which may not be on disk: [(pack, from, end, whether a flush failed)]."""

def head_of_state(store_id: bytes) -> bytes:
    """What the state file of that store begins with."""

def is_state(page: bytes | mmap, store_id: bytes) -> bool:
    """Whether ``page`` is of that store, and in the form that is known here."""

def raised_in(page: bytes | mmap) -> tuple[int, int]:
    """What a state file says of commits that raised: see ``State.raised``."""

def is_clean(page: bytes | mmap) -> bool:
    """Whether a state file says that everything is on disk and nobody has the store open."""

def durable_in(page: bytes | mmap) -> int:
    """The commit up to which all are on disk, as far as a state file says."""

def known(store: str, page: bytes | mmap | None) -> Known:
    """What the state file ``page`` of the store at that path says; ``None`` for one that there is not."""

def this_boot(store: str) -> bytes:
    """What tells this boot of the machine, and this store's state file, from others: 16 bytes.

    Zeros where the system does not say.
    """
