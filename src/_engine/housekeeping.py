"""Housekeeping: what becomes due by itself in a store that is open to write, and when it is looked for.

Space is given back when enough of it is dead. With ``lifecycle=auto`` what is over by its own word, by the
rules of its bucket or by the age of an upload goes, too. One thread for each store of a process does both.
"""

from __future__ import annotations

import threading
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trove.errors import TroveError

if TYPE_CHECKING:
    from .core import Core

LOOK_SECONDS = 10.0  # between two looks at the space
EXPIRY_SECONDS = 60.0  # between two looks for what is over by its own word
RULES_SECONDS = 3600.0  # and between two looks for what rules ask for, whose ages are days

# Compaction begins when so many bytes are dead, beside a twentieth of what lives, and as many as the index
# takes, of which two copies are made by the way.
DEAD_BYTES = 32 << 20
DEAD_SHARE = 20


@dataclass(slots=True)
class Wishes:
    """What those who have a store open in this process want done by itself."""

    compaction: bool = True
    lifecycle: bool = False
    upload_days: int = 0  # after so many days an upload is aborted; 0 for never

    def add(self, other: Wishes) -> None:
        """Heed somebody else's too: compaction is for all to allow, and the rest for any to ask for."""
        self.compaction = self.compaction and other.compaction
        self.lifecycle = self.lifecycle or other.lifecycle
        days = [each for each in (self.upload_days, other.upload_days) if each]
        self.upload_days = min(days, default=0)


def heed(core: Core, wishes: Wishes) -> None:
    """Add somebody's wishes to those of the others who have the store open in this process."""
    if core.readonly:
        return
    core.wishes.add(wishes)
    if core.wishes.lifecycle:
        core.background.keep_house(core)


def keep_house(core_of: weakref.ref[Core], stopped: threading.Event) -> None:
    """Do what is due until ``stopped``, or the store is gone."""
    from . import compact, lifecycle, multipart  # they need `core` themselves, which needs this module

    expiry = rules = time.monotonic()
    hopeless = 0  # bytes that were left dead by a run that could remove nothing
    while not stopped.wait(LOOK_SECONDS):
        core = core_of()
        if core is None:
            return
        now = time.monotonic()
        # Nothing depends on it but space: what fails is tried again with the next look.
        with suppress(TroveError, OSError):
            compact.leave_if_asked(core)
            compact.let_go_of_removed(core)
            if core.wishes.compaction and is_due(core, hopeless):
                report = compact.compact(core, wait=False, stopped=stopped, gentle=True)
                if report is not None:
                    hopeless = 0 if report.packs else dead_bytes(core)
        if core.wishes.lifecycle and now - expiry >= EXPIRY_SECONDS:
            expiry = now
            with suppress(TroveError):
                lifecycle.free_expired(core, stopped)
            with suppress(TroveError):
                multipart.abort_older(core, core.wishes.upload_days, stopped)
        if core.wishes.lifecycle and now - rules >= RULES_SECONDS:
            rules = now
            with suppress(TroveError):
                lifecycle.apply_lifecycle(core, False, None, stopped)
        del core


def is_due(core: Core, hopeless: int = 0) -> bool:
    """Whether so much more than ``hopeless`` bytes is dead that it is worth to compact the store."""
    from .compact import space_of

    sizes = space_of(core).values()
    live = sum(live for _, live, _ in sizes)
    dead = sum(dead for _, _, dead in sizes) - hopeless
    return dead > DEAD_BYTES + live // DEAD_SHARE and dead > core.index.used_bytes()


def dead_bytes(core: Core) -> int:
    """What of the packs is dead, in bytes."""
    from .compact import space_of

    return sum(dead for _, _, dead in space_of(core).values())
