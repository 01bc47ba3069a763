"""How much memory this process takes at most."""

from __future__ import annotations


def _highest() -> int:
    # Of this program alone: what getrusage says begins with the memory of the process that started it.
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    raise AssertionError("the system does not say")


class Peak:
    """How far the memory of this process has risen above what it was, in bytes."""

    def __init__(self) -> None:
        self._before = _highest()

    def risen(self) -> int:
        return _highest() - self._before
