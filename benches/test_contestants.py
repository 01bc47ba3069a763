"""Every group, for every driver of ours, every peer, and the drivers that ``--driver-dsn`` names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trove.testing.benchmarks import Benchmarks, Entry

from .contestants import everyone

if TYPE_CHECKING:
    import pytest


class TestContestants(Benchmarks):
    @classmethod
    def entries(cls, config: pytest.Config) -> Sequence[Entry]:
        return [*everyone(), *super().entries(config)]
