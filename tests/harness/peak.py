"""How much memory this process takes at most."""

from __future__ import annotations

import resource
import sys


class Peak:
    """How far the memory of this process has risen above what it was, in bytes."""

    def __init__(self) -> None:
        self._unit = 1 if sys.platform == "darwin" else 1024
        self._before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def risen(self) -> int:
        return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self._before) * self._unit
