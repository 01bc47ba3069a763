from .reports import Problem

def examined_copy(folder: str, target: str) -> tuple[int | None, list[Problem]]:
    """Copy the index in ``folder`` to the new folder ``target`` and examine the copy, in another process.

    Gives the commit that it is at, ``None`` when it is not readable at all, and its problems.
    """

def main() -> None:
    """Copy and examine: the folder of an index, a new folder; the answer on standard output."""
