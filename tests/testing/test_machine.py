"""The state machine: it agrees with a sound driver, and finds what is wrong with others."""

from __future__ import annotations

import unittest

import pytest
from broken import FAULTS
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

import trove
from trove.driver import Driver
from trove.errors import TroveError
from trove.testing import DriverMachine, machine_test_case, run_machine
from trove.testing.machine import machine_for

FOUND = (
    "CopyDoesNotClear",
    "CursorSkips",
    "DelimiterOfOneCharacter",
    "IgnoresIfNoneMatch",
    "RangeOneTooLong",
    "RestoreKeepsTheId",
    "Utf16Order",
    "PartsInOrderOfArrival",
)


class MemoryMachine(DriverMachine):
    def open_driver(self) -> Driver:
        return trove.open("mem://")


TestMemoryMachine = MemoryMachine.TestCase
TestMemoryMachine.settings = settings(
    max_examples=30, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def broken(name: str) -> Driver:
    driver = FAULTS[name].driver()
    driver.open("mem://")
    return driver


@pytest.mark.parametrize("name", FOUND)
def test_machine_finds_the_fault(name: str) -> None:
    # Shrinking is Hypothesis's own business; here it is enough that a history is found.
    found = settings(
        max_examples=2000,
        stateful_step_count=40,
        phases=(Phase.generate,),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises((AssertionError, pytest.fail.Exception, TroveError, ExceptionGroup)):
        run_state_machine_as_test(machine_for(lambda: broken(name)), settings=found)


def test_machine_closes_its_drivers() -> None:
    drivers: list[Driver] = []

    def opened() -> Driver:
        drivers.append(trove.open("mem://"))
        return drivers[-1]

    run_machine(opened, histories=3)
    assert drivers
    for driver in drivers:
        with pytest.raises(trove.DriverClosedError):
            driver.ping()


def test_machine_leaves_no_bucket() -> None:
    driver = trove.open("mem://")
    driver.create_bucket("theirs")

    class Shared(DriverMachine):
        def open_driver(self) -> Driver:
            return driver

        def close_driver(self, driver: Driver) -> None:
            pass

    run_state_machine_as_test(Shared, settings=settings(max_examples=5, database=None, deadline=None))
    assert [info.name for info in driver.list_buckets()] == ["theirs"]
    driver.close()


def test_machine_without_open_driver_says_what_is_missing() -> None:
    with pytest.raises(NotImplementedError, match="open_driver"):
        DriverMachine()


def test_machine_test_case_is_a_test_case() -> None:
    assert issubclass(machine_test_case(lambda: trove.open("mem://")), unittest.TestCase)
