from .core import Core
from .reports import Progress, VerifyReport

def verify(core: Core, progress: Progress | None = None) -> VerifyReport:
    """Whether the store is whole: see the driver's ``verify``."""
