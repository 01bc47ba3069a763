"""Keeper: what is measured of those who keep records."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime, timedelta

from trove.testing.benchmarks import Contestant, Entry


class Keeper(Contestant):
    """One open store of records: a contestant whose contents are gone when they are told to be."""

    @abstractmethod
    def put_for(self, key: str, data: bytes, ttl: timedelta) -> object:
        """Store ``data``, gone ``ttl`` from now on."""

    def keys(self, prefix: str) -> int:
        """List the keys that begin with ``prefix``, in order; how many there were."""
        raise NotImplementedError

    def expire(self, now: datetime) -> object:
        """Free the room of what is gone at ``now``, which may be to come: nobody waits for it here."""
        raise NotImplementedError


def has(entry: Entry, verb: str) -> bool:
    """Whether a keeper has the verb; it is assumed of one that is not installed, which skips."""
    return getattr(entry.kind, verb, None) is not getattr(Keeper, verb)
