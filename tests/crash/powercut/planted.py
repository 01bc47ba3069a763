"""Planted faults: recordings as a faulty engine would have left them, which the check has to find.

Events keep their numbers where they can: a flush that is left out leaves an event in its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .trace import Event, Kind


def without_flush(ends: tuple[str, ...]) -> Callable[[list[Event]], list[Event]]:
    """Leaves out the flushes of what has such a path."""

    def plant(events: list[Event]) -> list[Event]:
        return [
            replace(event, kind=Kind.LEFT_OUT)
            if event.kind is Kind.FLUSHED and event.path.endswith(ends)
            else event
            for event in events
        ]

    return plant


def index_last(events: list[Event]) -> list[Event]:
    """The index is flushed after the state says that all is clean, not before."""
    order = list(events)
    at = max(number for number, event in enumerate(order) if is_flush(event, Kind.FLUSHING, "index/data.mdb"))
    flush = order[at : at + 2]
    assert is_flush(flush[1], Kind.FLUSHED, "index/data.mdb")
    del order[at : at + 2]
    after = max(number for number, event in enumerate(order) if is_flush(event, Kind.FLUSHED, "state")) + 1
    assert after > at
    return order[:after] + flush + order[after:]


def is_flush(event: Event, kind: Kind, end: str) -> bool:
    return event.kind is kind and event.path.endswith(end)


PLANTED: dict[str, Callable[[list[Event]], list[Event]]] = {
    "pack": without_flush((".pack",)),
    "one of two packs": without_flush(("2.pack",)),
    "folder of packs": without_flush(("/packs",)),
    "folder of the store": without_flush(("/store",)),
    "folder above the store": without_flush(("above",)),
    "state": without_flush(("/state",)),
    "index": without_flush(("/index/data.mdb",)),
    "snapshot": without_flush(("/new/data.mdb",)),
    "index after clean": index_last,
}
