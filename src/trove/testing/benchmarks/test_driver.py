"""The benchmarks of the drivers that ``--driver-dsn`` names."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from .contestant import Entry
from .suite import Benchmarks


class TestDriver(Benchmarks):
    @classmethod
    def entries(cls, config: pytest.Config) -> Sequence[Entry]:
        entries = super().entries(config)
        if not entries:
            raise pytest.UsageError(
                "no driver to benchmark: give -p trove.testing.pytest_plugin and --driver-dsn=DSN"
            )
        return entries
