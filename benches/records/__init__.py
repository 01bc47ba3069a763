"""Records with an expiry: Trove's stores of them beside what people keep such records in, one file each."""

from __future__ import annotations

from trove.testing.benchmarks import Entry

from ..peers import found

KEEPERS = ("ours", "diskcache", "sqlite")


def keepers() -> list[Entry]:
    """The entries of all who keep records; each opens a :class:`~.contestant.Keeper`."""
    return found(__name__, KEEPERS)
