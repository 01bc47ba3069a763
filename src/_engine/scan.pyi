from collections.abc import Callable, Iterator

from .pack import Packs

LAST: int

def record_at(packs: Packs, number: int, offset: int) -> tuple[int, int, bytes] | None:
    """The record that stands there: (kind, sequence, payload); ``None`` when it is no whole one."""

def records(packs: Packs, number: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Every whole record of a pack, in order: (kind, sequence, offset, payload offset, payload length)."""

class Log:
    """The commits of all packs: which there are, and in which order they follow."""

    def __init__(
        self,
        packs: Packs,
        base: int = 0,
        progress: Callable[[int], None] | None = None,
        lenient: bool = False,
        raised: tuple[int, int] = (0, 0),
        begin: dict[int, int] | None = None,
        until: int = ...,
    ) -> None: ...
    @property
    def ends(self) -> dict[int, int]: ...
    @property
    def highest(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def holes(self) -> dict[int, list[tuple[int, int]]]: ...
    def damaged_after(self, end: int) -> bool:
        """Whether a commit is there that the chain, which ends at ``end``, would reach if all was whole."""

    def unchained(self) -> list[tuple[int, int]]:
        """Commits that the chain does not reach, in order: [(sequence, entry)]."""
