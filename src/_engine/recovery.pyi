from collections.abc import Callable

from .index import Index
from .scan import Log

def replay_chain(
    index: Index, log: Log, base: int, until: int = ..., progress: Callable[[int], None] | None = None
) -> int:
    """Apply the chain of commits after ``base`` to ``index``; the number it is at then."""
