class State:
    """The page that all processes that have a store open share."""

    def __init__(self, path: str) -> None: ...
    @property
    def boot(self) -> bytes: ...
    @property
    def clean(self) -> bool: ...
    sequence: int
    @property
    def inflight(self) -> tuple[int, int, int]:
        """The commit being written and where its record begins: (sequence, pack, offset)."""
    tail: tuple[int, int]
    def mark(self, clean: bool, boot: bytes) -> None:
        """Say whether the store is clean, durably."""

    def reset(self, sequence: int) -> None:
        """Begin anew after a rebuild: the index is at ``sequence``, nothing is in flight."""

    def unflushed(self) -> list[tuple[int, int]]:
        """The packs that hold bytes which may not be on disk: [(pack, end)]."""

def this_boot() -> bytes:
    """What tells this boot of the machine from others: 16 bytes; zeros where the system does not say."""
