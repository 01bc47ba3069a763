from typing import Any

from .reports import Problem

class Examination:
    """Goes through an index that nobody changes meanwhile."""

    def __init__(self, index: Any) -> None: ...
    def run(self) -> list[Problem]:
        """All problems of the index."""

def examined_copy(folder: str, target: str, lock: bool = True) -> tuple[int | None, list[Problem]]:
    """Copy the index in ``folder`` to the new folder ``target`` and examine the copy, in another process.

    ``lock`` is False for one that nobody writes to, and whose lock file must not be written either. Gives
    the commit that it is at, ``None`` when it is not readable at all, and its problems.
    """

def main() -> None:
    """Copy and examine: the folder of an index, a new folder, 0 or 1; the answer on standard output."""
