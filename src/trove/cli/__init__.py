"""The ``trove`` command: one file per group of verbs, and what they share.

``command`` is the command itself; ``location`` reads what the user wrote, ``failure`` ends the run,
``output`` and ``progress`` show it; ``local`` and ``transfer`` are the two sides of a copy.
"""

from .command import main

__all__ = ["main"]
