"""When rules next have something to do is known without looking through what there is."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from harness.changed_rows import changed_rows
from harness.index_rows import check_due, check_store, rows_of
from harness.opened import opened

from trove._engine import schedule
from trove._engine.examine import Examination
from trove.driver import LifecycleReport, LifecycleRule, VersionInfo
from trove.drivers.engine import EngineDriver
from trove.drivers.memory import MemoryDriver
from trove.errors import CorruptStoreError, TroveError

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
RULES = [
    LifecycleRule("goes", prefix="log", expiration_days=3),
    LifecycleRule("moves", prefix="l", transition_days=1, transition_storage="COLD"),
    LifecycleRule("back", transition_days=2, transition_storage="STANDARD"),
    LifecycleRule("off", expiration_days=0, enabled=False),
    LifecycleRule("all", expiration_days=7),
]
KEYS = ("log/1", "log/2", "lamp", "other")


def age(driver: EngineDriver, days: float) -> LifecycleReport:
    return driver.apply_lifecycle(NOW + days * DAY)


def filled(folder: Path, objects: int, due: int) -> EngineDriver:
    """A store with that many objects whose rules are due in ten years, and some in a day."""
    driver = opened(folder, durability="relaxed")
    driver.create_bucket("b")
    rules = [
        LifecycleRule("late", "stays", expiration_days=3650),
        LifecycleRule("soon", "goes", expiration_days=1),
    ]
    driver.set_lifecycle("b", rules)
    driver.put_many("b", {f"stays/{n}": b"x" for n in range(objects)})
    driver.put_many("b", {f"goes/{n}": b"x" for n in range(due)})
    return driver


@pytest.mark.parametrize("due", [0, 100])
def test_applying_rules_costs_what_is_due_and_not_what_is_there(tmp_path: Path, due: int) -> None:
    def cost(objects: int) -> float:
        took = []
        for again in range(5):
            with filled(tmp_path / f"{objects}-{again}", objects, due) as driver:
                began = time.process_time()
                assert age(driver, 2).expired == due
                took.append(time.process_time() - began)
        return sorted(took)[2]

    assert cost(20_000) < 10 * cost(20)


def test_an_old_version_that_goes_costs_the_same_before_a_thousand_that_stay(tmp_path: Path) -> None:
    def cost(kept: int, again: int = 0) -> float:
        with opened(tmp_path / f"{kept}-{again}", durability="relaxed") as driver:
            driver.create_bucket("b")
            driver.set_versioning("b", True)
            driver.set_lifecycle("b", [LifecycleRule("all", expiration_days=1)])
            driver.put("b", "k", b"first")
            age(driver, 100)  # a marker that hides it from that day on
            for number in range(kept):
                driver.put("b", "k", b"%d" % number)
            began = time.process_time()
            assert age(driver, 50).expired == 1  # what is current; before the first one goes nothing
            took = time.process_time() - began
            assert len(driver.list_versions("b", "k")) == kept + 3
            return took

    assert min(cost(2000), cost(2000, 1)) < 10 * max(cost(1), cost(1, 1))


def test_nothing_old_goes_before_what_is_older(tmp_path: Path) -> None:
    """However time went while they were made."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.set_versioning("b", True)
        driver.set_lifecycle("b", [LifecycleRule("all", expiration_days=2)])
        driver.put("b", "k", b"1")
        assert age(driver, 10).expired == 1
        driver.put("b", "k", b"2")
        driver.put("b", "k", b"3")
        assert (age(driver, 3).expired, age(driver, 6).expired_versions) == (1, 0)
        assert (
            age(driver, 12.5).expired_versions == 5
        )  # and the marker of the third day, which alone was left
        assert driver.list_versions("b", "k") == []
        assert driver.verify().ok
    rows = check_store(tmp_path / "store", tmp_path / "scratch")
    assert len(rows["due"]) == 1


class History:
    """Calls of the engine and of the memory driver, which say the same and come to the same."""

    def __init__(self, driver: EngineDriver, model: MemoryDriver, seed: int) -> None:
        self.stores = (driver, model)
        self.chance = random.Random(seed)
        self.ids: list[tuple[str, str]] = [("", "")]  # of each version, in both
        for bucket in ("kept", "plain"):
            self.both("create_bucket", bucket)

    def both(self, call: str, *args: Any, version: tuple[str, ...] = (), **options: Any) -> list[Any]:
        said = []
        for side, store in enumerate(self.stores):
            try:
                said.append(getattr(store, call)(*args, *version[side : side + 1], **options))
            except TroveError as error:
                said.append(type(error))
        assert isinstance(said[0], type) == isinstance(said[1], type), said
        return said

    def step(self) -> None:
        chance = self.chance
        bucket, key = chance.choice(("kept", "plain")), chance.choice(KEYS)
        action = chance.choice(
            (
                "put",
                "put",
                "put",
                "delete",
                "delete_version",
                "restore",
                "versioning",
                "rules",
                "rules",
                "apply",
            )
        )
        if action == "put":
            storage = chance.choice((None, "COLD"))
            made = self.both(
                "put", bucket, key, chance.randbytes(chance.choice((5, 5000))), storage_class=storage
            )
            self.ids.append((made[0].version_id or "", made[1].version_id or ""))
        elif action == "delete":
            self.both("delete", bucket, key)
        elif action == "delete_version":
            self.both("delete_version", bucket, key, version=chance.choice(self.ids))
        elif action == "restore":
            self.both("restore_version", bucket, key, version=chance.choice(self.ids))
        elif action == "versioning":
            self.both("set_versioning", "kept", chance.random() < 0.7)
        elif action == "rules":
            self.both("set_lifecycle", bucket, chance.sample(RULES, chance.randrange(5)))
        else:
            one, other = self.both("apply_lifecycle", NOW + chance.uniform(0, 9) * DAY)
            assert one == other
        for key in KEYS:
            for bucket in ("kept", "plain"):
                one, other = self.both("list_versions", bucket, key)
                assert [described(info) for info in one] == [described(info) for info in other]


def described(version: VersionInfo) -> tuple[object, ...]:
    return version.key, version.size, version.is_latest, version.is_delete_marker


@pytest.mark.parametrize("seed", range(12))
def test_every_change_moves_when_something_is_due(tmp_path: Path, seed: int) -> None:
    """A rebuild comes to the same as the changes did one by one."""
    with opened(tmp_path, durability="relaxed") as driver, MemoryDriver() as model:
        model.open("mem://")
        history = History(driver, model, seed)
        for _ in range(150):
            history.step()
        assert driver.verify().problems == ()
    check_store(tmp_path / "store", tmp_path / "scratch")


def test_rules_go_with_their_bucket_and_leave_nothing_due(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        for _ in range(2):
            driver.create_bucket("b")
            driver.put("b", "k", b"x")
            driver.set_lifecycle("b", RULES)
            driver.delete("b", "k")
            driver.delete_bucket("b")
        driver.create_bucket("b")
        driver.put("b", "log", b"x")
        driver.set_lifecycle("b", RULES)
        driver.set_lifecycle("b", [])
    assert check_store(tmp_path / "store", tmp_path / "scratch")["due"] == {}


def test_verify_says_where_it_is_not_known_when_something_is_due(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.set_lifecycle("b", RULES)
        driver.put("b", "log", b"x")
        driver.put("b", "other", b"x")
    with changed_rows(tmp_path / "store" / "index" / "data.mdb", "due") as rows:
        gone = next(key for key in rows if key.endswith(b"b\0log"))
        del rows[gone]
    with opened(tmp_path) as driver:
        one, count, *_ = (problem for problem in driver.verify().problems if "due" in problem.what)
        assert (one.bucket, one.key) == ("b", "log")
        assert "3 places" in count.what
        driver.repair()
        assert driver.verify().ok
    assert gone in rows_of(tmp_path / "store", tmp_path / "scratch")["due"]


def test_a_repair_knows_again_when_rules_have_something_to_do(tmp_path: Path) -> None:
    """Where the bucket's first commit is damaged, and its row comes from the index."""
    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.set_lifecycle("b", RULES)
        driver.put("b", "log", b"x")
    (pack,) = (tmp_path / "store" / "packs").iterdir()
    with pack.open("r+b") as file:
        file.seek(64 + 40)  # into the first commit
        file.write(b"\xff" * 8)
    with opened(tmp_path) as driver:
        driver.repair()
        assert driver.verify().problems == ()
        assert driver.get_lifecycle("b") == RULES
    check_due(rows_of(tmp_path / "store", tmp_path / "scratch"))


def test_rules_that_nobody_can_read_are_told_and_can_be_set_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def older(**fields: object) -> LifecycleRule:
        raise TypeError("unexpected keyword argument 'size_at_least'")

    with opened(tmp_path) as driver:
        driver.create_bucket("b")
        driver.set_lifecycle("b", RULES[:1])
        schedule._known.clear()
        with monkeypatch.context() as patch:
            patch.setattr(schedule, "LifecycleRule", older)
            (problem,) = Examination(driver.opened().index).run()
            assert problem.bucket == "b"
            with pytest.raises(CorruptStoreError, match="newer Trove"):
                driver.get_lifecycle("b")
        driver.set_lifecycle("b", [])
        assert driver.verify().ok


def test_a_thousand_rules_cost_what_those_do_that_apply(tmp_path: Path) -> None:
    def cost(rules: int) -> float:
        with opened(tmp_path / f"{rules}", durability="relaxed") as driver:
            driver.create_bucket("b")
            for number in range(2000):
                driver.put("b", f"k{number}", b"x")
            some = [
                LifecycleRule(f"{number}", f"none/{number}/", expiration_days=1) for number in range(rules)
            ]
            took = []
            for again in (some, [*some, LifecycleRule("all", expiration_days=1)], []):
                began = time.process_time()
                driver.set_lifecycle("b", again)
                took.append(time.process_time() - began)
            return took[2]

    assert cost(1000) < 5 * max(cost(1), cost(2))
