"""Housekeeping: space comes back and what is over goes by itself, if that is wanted."""

from __future__ import annotations

import os
import random
import threading
import weakref
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.alone import Child
from harness.gathered import Call
from harness.opened import opened

import trove
from trove._engine import compact, housekeeping, multipart
from trove._engine.housekeeping import Wishes, is_due, keep_house
from trove._engine.reports import CompactReport
from trove.driver import LifecycleRule
from trove.drivers.engine import EngineDriver
from trove.errors import InvalidDSNError

MIB = 1 << 20


class Looks(threading.Event):
    """Is set after so many looks; no wait takes time."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._left = count

    def wait(self, timeout: float | None = None) -> bool:
        if timeout == housekeeping.LOOK_SECONDS:  # the others are pauses between two slices
            self._left -= 1
            if self._left < 0:
                self.set()
        return self.is_set()


def look(driver: EngineDriver) -> None:
    """Have the house kept once, as its thread does when its time has come."""
    keep_house(weakref.ref(driver.opened()), Looks(1))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look is also one for what has expired and for what rules ask."""
    for name in ("EXPIRY_SECONDS", "RULES_SECONDS"):
        monkeypatch.setattr(housekeeping, name, 0.0)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A little that is dead is enough."""
    monkeypatch.setattr(housekeeping, "DEAD_BYTES", 2 * MIB)


def overwrite(driver: EngineDriver, count: int = 4) -> None:
    for number in range(count):
        driver.put("b", "key", random.Random(number).randbytes(2 * MIB))


def test_space_comes_back_by_itself(tmp_path: Path, small: None) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        overwrite(driver)
        assert is_due(driver.opened())
        look(driver)
        assert driver.stats().pack_bytes < 4 * MIB
        assert not is_due(driver.opened())
        assert driver.get("b", "key").read() == random.Random(3).randbytes(2 * MIB)


def test_a_thread_of_the_store_looks_after_it(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "LOOK_SECONDS", 0.01)
    looked = threading.Event()
    first = housekeeping.is_due

    def due(core: Any, hopeless: int) -> bool:
        found = first(core, hopeless)
        if found:
            looked.set()
        return found

    monkeypatch.setattr(housekeeping, "is_due", due)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        overwrite(driver)
        assert looked.wait(60)
    # Closing waits for what it is at, and does not wait for its next look.
    assert not [thread for thread in threading.enumerate() if thread.name == "trove-house"]


def test_nothing_is_done_while_little_is_dead(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        overwrite(driver)
        assert not is_due(driver.opened())


def test_a_fork_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as driver:
        core: Any = driver.opened()
        paused, go_on = threading.Event(), threading.Event()

        def fork() -> None:
            core.pause()
            paused.set()
            go_on.wait(30)
            core.resume()

        forking = Call(fork)

        def space_of(_: object) -> dict[int, tuple[int, int, int]]:
            forking.start()
            assert paused.wait(30)
            threading.Thread(target=go_on.set).start()
            return {1: (1 << 40, 0, 1 << 40)}

        monkeypatch.setattr(compact, "space_of", space_of)
        assert is_due(core)
        forking.join()


def test_who_only_writes_lets_go_of_packs_that_others_compacted_away(tmp_path: Path) -> None:
    with opened(tmp_path, durability="relaxed") as driver:
        driver.create_bucket("b")
        driver.put("b", "gone", random.Random(1).randbytes(4 * MIB))
        driver.delete("b", "gone")
        driver.opened().writer.retire()
        driver.put("b", "key", b"x")

        def compact_there() -> None:
            assert driver.compact().packs == 1

        assert Child(compact_there).wait() == 0
        assert any(is_gone(path) for path in held_open())
        look(driver)
        assert not any(is_gone(path) for path in held_open())


def held_open() -> Iterator[str]:
    """The files that this process has open."""
    for fd in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # of the listing itself
            yield os.readlink(f"/proc/self/fd/{fd}")


def is_gone(path: str) -> bool:
    return path.endswith(".pack (deleted)")


@pytest.mark.parametrize(("removed", "runs"), [(0, 1), (1, 3)])
def test_what_could_not_be_given_back_is_not_tried_again_until_more_is_dead(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch, removed: int, runs: int
) -> None:
    tried: list[int] = []

    def compact(core: object, **options: object) -> CompactReport:
        tried.append(removed)
        return CompactReport(0, 0, removed)

    monkeypatch.setattr("trove._engine.compact.compact", compact)
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        overwrite(driver)
        keep_house(weakref.ref(driver.opened()), Looks(3))
        assert len(tried) == runs


def test_compaction_can_be_switched_off_by_any_who_has_the_store_open(tmp_path: Path, small: None) -> None:
    with opened(tmp_path) as driver, opened(tmp_path, compaction="off"):
        driver.create_bucket("b")
        overwrite(driver)
        look(driver)
        assert driver.stats().pack_bytes > 8 * MIB


def test_a_process_that_is_asked_to_leave_its_pack_does_so_without_writing(tmp_path: Path) -> None:
    with opened(tmp_path, compaction="off") as driver:
        driver.create_bucket("b")
        overwrite(driver)
        core = driver.opened()
        look(driver)
        own = core.writer.pack
        assert own is not None
        core.state.ask_to_leave(own.number)
        look(driver)
        assert core.writer.pack is not own
        overwrite(driver, 1)
        assert driver.verify().ok


@pytest.mark.parametrize("lifecycle", ["auto", "off"])
def test_what_has_expired_and_what_rules_ask_goes_if_that_is_wanted(
    tmp_path: Path, impatient: None, lifecycle: str
) -> None:
    with opened(tmp_path, lifecycle=lifecycle) as driver:
        driver.create_bucket("b")
        driver.put("b", "over", b"x", expires_at=datetime.now(UTC) - timedelta(seconds=1))
        driver.put("b", "ruled", b"x")
        driver.set_lifecycle("b", [LifecycleRule("all", "ruled", expiration_days=0)])
        look(driver)
        assert driver.stats().objects == (0 if lifecycle == "auto" else 2)


@pytest.fixture
def uploads(tmp_path: Path) -> Iterator[EngineDriver]:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        for key in ("a", "b"):
            upload = driver.initiate_multipart("b", key)
            driver.upload_part("b", key, upload, 1, random.Random(key).randbytes(100_000))
        yield driver


def test_old_uploads_are_aborted_and_young_ones_stay(
    uploads: EngineDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert multipart.abort_older(uploads.opened(), 0) == 0
    assert multipart.abort_older(uploads.opened(), 1) == 0
    monkeypatch.setattr(multipart, "DAY", 0)
    assert multipart.abort_older(uploads.opened(), 1) == 2
    assert uploads.list_multiparts("b") == []
    assert uploads.stats().live_bytes == 0


def test_wishes_of_several_add_up() -> None:
    wishes = Wishes()
    wishes.add(Wishes(compaction=False, upload_days=7))
    wishes.add(Wishes(lifecycle=True, upload_days=3))
    assert wishes == Wishes(compaction=False, lifecycle=True, upload_days=3)


@pytest.mark.parametrize(
    "setting", ["compaction=on", "lifecycle=yes", "upload_days=-1", "upload_days=x", "upload_days=1.5"]
)
def test_what_can_not_be_wished_for_is_refused(tmp_path: Path, setting: str) -> None:
    with pytest.raises(InvalidDSNError, match=setting.split("=", maxsplit=1)[0]):
        trove.open(f"trove://{tmp_path}/store?{setting}")
    assert not (tmp_path / "store").exists()
