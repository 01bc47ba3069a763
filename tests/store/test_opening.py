"""open(): which store a DSN names; and the registry of stores."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from trove import store
from trove.driver import schemes
from trove.errors import (
    DriverClosedError,
    InvalidArgumentError,
    InvalidDSNError,
    UnknownDriverError,
    UnsupportedOptionError,
)
from trove.store import DriverStore, EngineStore, MemoryStore, NoopStore, Record, opening, registry
from trove.testing import ManualClock

Install = Callable[..., None]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry in which nothing was registered or looked up yet."""
    monkeypatch.setattr(registry._schemes, "_factories", {})
    monkeypatch.setattr(registry._schemes, "_installed", None)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Install:
    def install(**points: str) -> None:
        monkeypatch.setattr(
            schemes,
            "entry_points",
            lambda *, group: [EntryPoint(name, value, group) for name, value in points.items()],
        )

    return install


@pytest.mark.parametrize(
    ("dsn", "kind"),
    [
        ("memory://", MemoryStore),
        ("noop://", NoopStore),
        ("trove://{folder}/store", EngineStore),
        ("trove://{folder}/store?durability=relaxed&bucket=b", EngineStore),
        ("mem://", DriverStore),
        ("mem://?events=5&bucket=b", DriverStore),
        ("file://{folder}/files?durability=relaxed", DriverStore),
    ],
)
def test_dsn_gives_a_store_of_its_kind_that_is_ready(tmp_path: Path, dsn: str, kind: type) -> None:
    with store.open(dsn.format(folder=tmp_path)) as opened:
        assert isinstance(opened, kind)
        opened.write(Record("key", b""))
        assert opened.list() == ([] if kind is NoopStore else ["key"])


def test_relative_path_of_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with store.open("trove://./a%20b", durability="relaxed") as opened:
        opened.write(Record("key", b""))
    assert (tmp_path / "a b").is_dir()


@pytest.mark.parametrize("dsn", ["memory://", "noop://", "mem://", "trove://{folder}"])
def test_options_stand_in_the_dsn_or_in_the_call(tmp_path: Path, dsn: str) -> None:
    dsn = dsn.format(folder=tmp_path)
    given = {"namespace": "a/b", "prefix": "p&", "suffix": "=s"}
    with store.open(f"{dsn}?name%73pace=a/b&prefix=p%26&suffix=%3Ds") as opened:
        assert {name: opened.options[name] for name in given} == given
    with store.open(dsn, **given) as opened:
        assert {name: opened.options[name] for name in given} == given
    with pytest.raises(InvalidDSNError, match="prefix"):
        store.open(f"{dsn}?prefix=a", prefix="b")


def test_clock_is_taken() -> None:
    clock = ManualClock()
    with store.open("memory://", clock=clock) as opened:
        opened.write(Record("key", b""), expiry=clock())
        assert opened.list() == []


@pytest.mark.parametrize(
    "dsn",
    [
        *("", "memory", "memory://host", "memory:///path", "noop://u:p@", "memory://?colour=red", "trove://"),
        *("trove://host/path", "trove:///tmp/x?compaction=off", "mem://?colour=red"),
        "memory://?prefix=a&prefix=b",
    ],
)
def test_bad_dsn_is_refused(dsn: str) -> None:
    with pytest.raises(InvalidDSNError):
        store.open(dsn)


def test_unknown_scheme_is_an_error_that_names_the_stores() -> None:
    with pytest.raises(
        UnknownDriverError,
        match="'nowhere'; the stores are cloudflare, etcd, etcds, memory, noop, postgres, postgresql, trove",
    ):
        store.open("nowhere://")


@pytest.mark.parametrize("dsn", ["memory://", "mem://", "trove:///dev/shm/never"])
def test_unknown_option_is_refused(dsn: str) -> None:
    with pytest.raises(UnsupportedOptionError, match="colour"):
        store.open(dsn, colour="red")


def test_closing_a_store_that_was_opened_closes_its_driver() -> None:
    opened = store.open("mem://")
    assert isinstance(opened, DriverStore)
    opened.close()
    with pytest.raises(DriverClosedError):
        opened._driver.ping()


def test_registered_factory_makes_the_store_and_is_given_options() -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def make(dsn: str, **options: Any) -> MemoryStore:
        asked.append((dsn, options))
        return MemoryStore(**options)

    store.register("kept", make)
    assert store.lookup("kept") is make
    assert store.open("kept://host/path?prefix=p&own=1", suffix="s").options["prefix"] == "p"
    assert asked == [("kept://host/path?own=1", {"prefix": "p", "suffix": "s"})]


def test_own_stores_are_found_by_their_entry_points() -> None:
    own = ["cloudflare", "etcd", "etcds", "memory", "noop", "postgres", "postgresql", "trove"]
    assert store.stores() == own
    store.register("zeta", MemoryStore)
    assert store.stores() == [*own, "zeta"]
    assert store.lookup("nowhere") is None


@pytest.mark.parametrize("value", ["no_such_module_at_all:Store", "trove.store:NoSuchStore"])
def test_entry_point_that_can_not_be_imported_is_an_error_with_its_cause(
    installed: Install, value: str
) -> None:
    installed(broken=value)
    with pytest.raises(UnknownDriverError, match="'broken' is installed as") as raised:
        store.open("broken://")
    assert isinstance(raised.value.__cause__, (ImportError, AttributeError))


def test_name_that_is_taken_is_refused(installed: Install) -> None:
    installed(theirs="nowhere:Store")
    store.register("kept", MemoryStore)
    for name in ("theirs", "kept"):
        with pytest.raises(InvalidArgumentError, match="registered already"):
            store.register(name, MemoryStore)


@pytest.mark.parametrize("name", ["", "Upper", "1st", "a b", None, 5])
def test_name_that_is_no_scheme_is_refused(name: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="can't be a store's name"):
        store.register(name, MemoryStore)


@pytest.mark.parametrize("factory", [None, "MemoryStore", 5])
def test_factory_that_can_not_be_called_is_refused(factory: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="give a callable"):
        store.register("mine", factory)


@pytest.mark.parametrize("name", [None, 5, b"memory", []])
def test_lookup_of_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="no store's name"):
        store.lookup(name)


def test_factory_that_gives_no_store_is_an_error_that_says_so() -> None:
    factory: Any = lambda dsn: None  # noqa: E731 - a factory is what is tested
    store.register("bad", factory)
    with pytest.raises(UnknownDriverError, match="'bad' gave None, which is no Store"):
        store.open("bad://")


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_child_forked_while_locks_were_held_goes_on() -> None:
    store.register("kept", MemoryStore)
    opened = MemoryStore()
    cached = store.CachedStore(opened)
    cached.write(Record("key", b""))
    with registry._schemes._lock, opened._lock, opened._init_lock, cached._flights_lock, cached._key_locks[0]:
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            sound = store.lookup("kept") is MemoryStore and cached.get("key") == Record("key", b"")
            for number in range(200):
                cached.write(Record(f"key-{number}", b""))
            os._exit(0 if sound else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("dsn", "option"),
    [("etcd://host", "user"), ("etcd://host", "password"), ("cloudflare://a:t@n", "token")],
)
def test_part_of_the_dsn_is_refused_as_an_option(dsn: str, option: str) -> None:
    with pytest.raises(InvalidDSNError, match=option):
        store.open(dsn, **{option: "x"})


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "inf", "1e12", "soon", ""])
@pytest.mark.parametrize("dsn", ["etcd://host", "cloudflare://a:t@n", "postgresql://host"])
def test_bad_timeout_in_a_dsn_is_refused(dsn: str, timeout: str) -> None:
    with pytest.raises(InvalidArgumentError, match="timeout"):
        store.open(f"{dsn}?timeout={timeout}")


@pytest.mark.parametrize("dsn", ["memory://?prefix=a", "mem://?prefix=a", "trove://{folder}/store?prefix=a"])
def test_factory_that_is_looked_up_takes_options_from_the_dsn_too(tmp_path: Path, dsn: str) -> None:
    factory = store.lookup(dsn.partition(":")[0]) or opening.open_on_driver
    with factory(dsn.format(folder=tmp_path)) as opened:
        assert opened.options["prefix"] == "a"
