from types import TracebackType
from typing import Self

class Gate:
    """Held while a store is opened or closed: the lock of its folder's descriptor."""

    def __init__(self, path: str) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

def locked(fd: int) -> bool:
    """Whether nobody else has the file ``fd`` locked; now it is, for us alone."""

def in_use(path: str) -> bool:
    """Whether some process has the store at ``path`` open to write. The gate is held."""

def await_lockless_readers(path: str) -> None:
    """Wait until no reader is left that does without the index's lock file."""
