"""Locks and forks: the thread that held a lock while another one forked does not exist in the child.

A lock that it held would be held there for ever, so whoever has locks registers here to get new ones.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Renewable(Protocol):
    def _renew_locks(self) -> None: ...


_all: WeakSet[Renewable] = WeakSet()


def renew_in_child(owner: Renewable) -> None:
    """Have ``owner`` renew its locks in every child that is forked from now on; does not keep it alive."""
    _all.add(owner)


def _renew() -> None:
    for owner in list(_all):
        owner._renew_locks()


os.register_at_fork(after_in_child=_renew)
