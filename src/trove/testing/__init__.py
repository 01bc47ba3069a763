"""Tests for drivers and stores: suites that any of them can be put through, and what goes with them.

Install it as ``trove-engine[testing]``. The whole suite takes one fixture::

    import pytest
    from trove.testing import DriverSuite

    class TestMyDriver(DriverSuite):
        @pytest.fixture
        def driver(self, tmp_path):
            drv = MyDriver()
            drv.open(f"mydriver://{tmp_path}")
            yield drv
            drv.close()

Stores of records have a suite of their own. It takes the fixture ``store``, with the suite's clock::

    class TestMyStore(StoreSuite):
        @pytest.fixture
        def store(self, clock):
            with MyStore(clock=clock) as store:
                yield store

Each of its parts, from ``StoreRecordSuite`` to ``StoreThreadSuite``, can be taken alone.

Each capability of a driver has a suite of its own, which ``DriverSuite`` includes and which skips its tests
when the driver lacks the capability. :func:`run` is ``trove conformance DSN``. :class:`DriverMachine`
compares a driver with a model under random histories, :class:`MockDriver` stands in for a driver in the
tests of a program.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .extras import require
from .mock import Call, MockDriver
from .objects import assert_object_equals, random_data, read_all, test_object

if TYPE_CHECKING:
    from .conformance import run
    from .machine import DriverMachine, machine_test_case, run_machine
    from .stores import (
        StoreArgumentSuite,
        StoreClosingSuite,
        StoreExpirySuite,
        StoreListSuite,
        StoreOptionSuite,
        StoreRecordSuite,
        StoreSuite,
        StoreThreadSuite,
    )
    from .stores.clock import ManualClock
    from .suite import (
        DriverSuite,
        LifecycleSuite,
        MultipartSuite,
        NotificationSuite,
        PresignSuite,
        QuotaSuite,
        RangeSuite,
        ServerCopySuite,
        VersioningSuite,
    )

__all__ = [
    "Call",
    "DriverMachine",
    "DriverSuite",
    "LifecycleSuite",
    "ManualClock",
    "MockDriver",
    "MultipartSuite",
    "NotificationSuite",
    "PresignSuite",
    "QuotaSuite",
    "RangeSuite",
    "ServerCopySuite",
    "StoreArgumentSuite",
    "StoreClosingSuite",
    "StoreExpirySuite",
    "StoreListSuite",
    "StoreOptionSuite",
    "StoreRecordSuite",
    "StoreSuite",
    "StoreThreadSuite",
    "VersioningSuite",
    "assert_object_equals",
    "machine_test_case",
    "random_data",
    "read_all",
    "run",
    "run_machine",
    "test_object",
]

# These need the extra, which the rest of the package does without; and run() needs pytest to be running
# before what has assertions in it is imported. So they are imported when they are asked for.
_LATER = {
    "run": "conformance",
    **dict.fromkeys(("DriverMachine", "machine_test_case", "run_machine"), "machine"),
    **{name: "stores" if name.startswith("Store") else "suite" for name in __all__ if name.endswith("Suite")},
    "ManualClock": "stores.clock",
}


if pytest := sys.modules.get("pytest"):
    # Before any of them is imported, by whatever way: only then does pytest explain the assertions in them.
    pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in ("suite", "stores", "machine")))


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require(f"{__name__}.{name}", "testing", "pytest", "hypothesis")
    return getattr(import_module(f".{_LATER[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
