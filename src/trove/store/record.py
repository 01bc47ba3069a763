"""Record: what a store keeps under a key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Record:
    """A key, its value, and how long it has to live.

    ``expiry`` is the time left, ``None`` for as long as nobody deletes it. In a record that was read it is
    what was left when it was read; in one that is written it counts from the write.
    """

    key: str
    value: bytes
    expiry: timedelta | None = None
