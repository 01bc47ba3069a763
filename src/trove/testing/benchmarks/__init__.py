"""Benchmarks for any driver: put, get, head, list, range, delete, copy, overwrite, batches, streams, threads.

They need the extra ``bench`` (``pip install 'trove-engine[bench]'``) and run from an installed package,
against one driver or several side by side::

    python -m trove.testing.benchmarks "mydriver://{folder}" "mydriver://{folder}?durability=relaxed"

Where ``{folder}`` stands, every measurement gets a fresh folder; in a store without it a bucket is made,
and removed after. What follows the DSNs is for pytest, such as ``--benchmark-json=results.json`` or
``-k "put and not copy"``. The long form of the same::

    pytest -p trove.testing.pytest_plugin --benchmark-only --pyargs trove.testing.benchmarks --driver-dsn=DSN

In a test suite of your own, subclass :class:`Benchmarks` as ``TestSomething`` and name your contestants; a
:class:`Contestant` can also be something that is no driver, to compare with::

    from trove.testing.benchmarks import Benchmarks, Durability, Entry, dsn_entry

    class TestMine(Benchmarks):
        @classmethod
        def entries(cls, config):
            return [dsn_entry("mydriver://{folder}", family="mine"), dsn_entry("mem://")]

Groups are named after what is done, at which size, and how durable a write is when it is acknowledged:
``put-1KiB-durable`` and ``put-1KiB-relaxed`` are never compared with each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..extras import require_benchmarks
from .contestant import Contestant, Durability, Entry
from .driver import DriverContestant, dsn_entry

if TYPE_CHECKING:
    from .suite import Benchmarks

__all__ = ["Benchmarks", "Contestant", "DriverContestant", "Durability", "Entry", "dsn_entry"]


def __getattr__(name: str) -> Any:
    # When it is asked for: without the extra, whoever runs this package is to be told which one it is.
    if name != "Benchmarks":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_benchmarks()
    from .suite import Benchmarks

    return Benchmarks
