"""The benchmarks of the drivers that ``--driver-dsn`` names."""

from __future__ import annotations

from .suite import Benchmarks


class TestDriver(Benchmarks):
    """Those that :meth:`Benchmarks.entries` finds by itself."""
