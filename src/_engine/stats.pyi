from .core import Core
from .reports import Stats

def stats(core: Core) -> Stats:
    """See the driver's ``stats``."""
