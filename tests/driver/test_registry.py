"""The registry: which driver answers to a scheme."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import pytest

import trove
from trove import InvalidArgumentError, UnknownDriverError
from trove.driver import drivers, lookup, register, registry, schemes
from trove.drivers import MemoryDriver

Install = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry in which nothing was registered or looked up yet."""
    monkeypatch.setattr(registry._schemes, "_factories", {})
    monkeypatch.setattr(registry._schemes, "_installed", None)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Makes entry points be what is installed; gives the groups that are asked for, as they are."""

    def install(**points: str) -> list[str]:
        asked: list[str] = []

        def entry_points(*, group: str) -> list[EntryPoint]:
            asked.append(group)
            return [EntryPoint(name, value, group) for name, value in points.items()]

        monkeypatch.setattr(schemes, "entry_points", entry_points)
        return asked

    return install


def test_registered_factory_is_found_and_opened() -> None:
    register("kept", MemoryDriver)
    assert lookup("kept") is MemoryDriver


def test_unknown_name_is_none() -> None:
    assert lookup("nowhere") is None


@pytest.mark.parametrize("name", ["file", "local", "mem"])
def test_own_drivers_are_found_by_their_entry_points(name: str) -> None:
    factory = lookup(name)
    assert factory is not None
    assert isinstance(factory(), trove.Driver)


def test_names_are_sorted_and_hold_both_kinds(installed: Install) -> None:
    installed(zeta="nowhere:Zeta", alpha="nowhere:Alpha")
    register("middle", MemoryDriver)
    assert drivers() == ["alpha", "middle", "zeta"]


def test_entry_points_are_read_once_and_not_before_a_name_is_missing(installed: Install) -> None:
    asked = installed(theirs="trove.drivers.memory:MemoryDriver")
    registry._schemes._factories["ours"] = MemoryDriver
    assert lookup("ours") is MemoryDriver
    assert asked == []
    assert lookup("theirs") is MemoryDriver
    assert lookup("theirs") is MemoryDriver
    assert lookup("nowhere") is None
    assert asked == ["trove.drivers"]


def test_names_are_listed_without_importing_the_drivers(installed: Install) -> None:
    installed(broken="no_such_module_at_all:Driver")
    assert drivers() == ["broken"]


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("no_such_module_at_all:Driver", ModuleNotFoundError),
        ("trove.drivers.memory:NoSuchDriver", AttributeError),
    ],
)
def test_entry_point_that_can_not_be_imported_is_an_error_with_its_cause(
    installed: Install, value: str, cause: type[Exception]
) -> None:
    installed(broken=value)
    with pytest.raises(UnknownDriverError, match="'broken' is installed as") as raised:
        lookup("broken")
    assert value in str(raised.value)
    assert isinstance(raised.value.__cause__, cause)
    with pytest.raises(UnknownDriverError):
        trove.open("broken://")


def test_name_that_was_registered_is_taken() -> None:
    register("kept", MemoryDriver)
    with pytest.raises(InvalidArgumentError, match="'kept' is registered already"):
        register("kept", MemoryDriver)


def test_name_of_an_entry_point_is_taken(installed: Install) -> None:
    installed(theirs="nowhere:Driver")
    with pytest.raises(InvalidArgumentError, match="'theirs' is registered already"):
        register("theirs", MemoryDriver)
    assert drivers() == ["theirs"]


@pytest.mark.parametrize("name", ["", "Upper", "1st", "a b", "a/b", "a:", "é", "-a", "a\n", None, 5, b"mem"])
def test_name_that_is_no_scheme_is_refused(name: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="can't be a driver's name"):
        register(name, MemoryDriver)


@pytest.mark.parametrize("name", ["a", "s3", "a+b", "a.b", "a-b", "x1"])
def test_name_that_is_a_scheme_is_taken(name: str) -> None:
    register(name, MemoryDriver)
    assert name in drivers()


@pytest.mark.parametrize("factory", [None, "MemoryDriver", 5])
def test_factory_that_can_not_be_called_is_refused(factory: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="give a class or a callable"):
        register("mine", factory)
    assert lookup("mine") is None


@pytest.mark.parametrize("name", [None, 5, b"mem", [], {}])
def test_lookup_of_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="no driver's name"):
        lookup(name)


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_child_forked_while_the_lock_was_held_can_look_up() -> None:
    register("kept", MemoryDriver)
    with registry._schemes._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            os._exit(0 if lookup("kept") is MemoryDriver else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("made", [None, "driver", MemoryDriver])
def test_factory_that_gives_no_driver_is_an_error_that_says_so(made: object) -> None:
    factory: Any = lambda: made  # noqa: E731 - a factory is what is tested
    register("bad", factory)
    with pytest.raises(UnknownDriverError, match=r"'bad' gave .*, which is no Driver"):
        trove.open("bad://")


def test_names_in_errors_are_cut() -> None:
    long = "a" * 5000
    with pytest.raises(UnknownDriverError) as unknown:
        trove.open(f"{long}://")
    register(long, MemoryDriver)
    with pytest.raises(InvalidArgumentError) as taken:
        register(long, MemoryDriver)
    with pytest.raises(InvalidArgumentError) as other:
        trove.open(f"{long}://")
    for raised in (unknown, taken, other):
        assert len(str(raised.value)) < 400
