"""Who takes part: Trove's own drivers, each as durable as it can be told to be, and the peers."""

from __future__ import annotations

from trove.testing.benchmarks import Durability, Entry, dsn_entry

from .peers import peers


def own() -> list[Entry]:
    """The entries of Trove's drivers; those that are not in this installation say so."""
    return [
        dsn_entry("trove://{folder}?durability=full", variant="full", durability=Durability.DURABLE),
        dsn_entry("trove://{folder}?durability=relaxed", variant="relaxed"),
        dsn_entry("file://{folder}?durability=full", variant="full", durability=Durability.DURABLE),
        dsn_entry("file://{folder}?durability=relaxed", variant="relaxed"),
        dsn_entry("mem://"),
    ]


def everyone() -> list[Entry]:
    return [*own(), *peers()]
