"""The ``trove`` command: one file per group of verbs, and what they share.

``command`` is the command itself; ``location`` reads what the user wrote, ``failure`` ends the run,
``secrets`` keeps passwords out of what it says, ``output`` and ``progress`` show it; ``local`` reads and
writes local files, ``streams`` standard input and output; ``store`` keeps house; ``transfer`` is what a
copy goes from and to, ``steps`` what the demo does.
"""

from .command import main

__all__ = ["main"]
