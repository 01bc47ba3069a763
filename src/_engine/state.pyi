from mmap import mmap

class State:
    """The page that all processes that have a store open share."""

    def __init__(self, path: str, store_id: bytes) -> None: ...
    @property
    def boot(self) -> bytes: ...
    @property
    def clean(self) -> bool: ...
    sequence: int
    @property
    def inflight(self) -> tuple[int, int, int]:
        """The commit being written and where its record begins: (sequence, pack, offset)."""
    tail: tuple[int, int]
    def count_opening(self) -> None:
        """Tell readers that do without the index's lock file that somebody is about to write."""

    def mark(self, clean: bool, boot: bytes) -> None:
        """Say whether the store is clean, durably."""

    def reset(self, sequence: int) -> None:
        """Begin anew: the index is at ``sequence``, nothing in flight, all flushed but what failed."""

    @property
    def failed(self) -> set[int]:
        """The packs of this boot that a flush failed for, and that were not written again since."""

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

def this_boot(store: str) -> bytes:
    """What tells this boot of the machine, and this store's state file, from others: 16 bytes.

    Zeros where the system does not say.
    """
