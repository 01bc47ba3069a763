from collections.abc import Callable

from .reports import Progress, RepairReport
from .store import Parameters

def repair(
    path: str, make_parameters: Callable[[], Parameters], progress: Progress | None = None
) -> RepairReport:
    """Repair the store in the folder ``path``, which nobody has open: see the driver's ``repair``."""
