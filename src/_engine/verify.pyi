from .core import Core
from .reports import Progress, VerifyReport

def verify(core: Core, progress: Progress | None = None) -> VerifyReport:
    """Whether the store is whole: see the driver's ``verify``."""

class Meter:
    """Tells a caller of ``progress`` how far the work is; ``total`` is an estimate until it is done."""

    def __init__(self, progress: Progress | None, total: int) -> None: ...
    def move(self, count: int) -> None: ...
    def finish(self) -> None: ...

def pack_file(number: int) -> str:
    """The path of a pack within its store."""
