"""What ``trove conformance`` collects: the suite on the driver of the DSN that :func:`run` was given.

Run it through :func:`trove.testing.run`, which brings the fixture ``conformance_dsn``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import trove

from ..driver import Driver, lookup
from .machine import run_machine
from .suite import DriverSuite

__all__ = ["TestConformance", "TestHistories"]


class TestConformance(DriverSuite):
    @pytest.fixture
    def dsn(self, conformance_dsn: str) -> str:
        return conformance_dsn

    @pytest.fixture
    def new_driver(self, conformance_dsn: str) -> object:
        return lookup(conformance_dsn.partition("://")[0])

    @pytest.fixture
    def driver(self, conformance_dsn: str) -> Iterator[Driver]:
        with trove.open(conformance_dsn) as driver:
            yield driver


class TestHistories:
    def test_random_histories(self, conformance_dsn: str) -> None:
        run_machine(lambda: trove.open(conformance_dsn))
