"""LifecycleSuite: LifecycleDriver."""

# Capabilities are abstract classes, which having() asks for but never calls.
# mypy: disable-error-code="type-abstract"

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ...driver import (
    Driver,
    EventType,
    LifecycleDriver,
    LifecycleReport,
    LifecycleRule,
    NotificationDriver,
    ObjectInfo,
    VersioningDriver,
)
from ...errors import BucketNotFoundError, InvalidArgumentError
from .base import KEY, Suite, content_of, exists, having, honoured, keys_of, unchanged, unique_name
from .notification import events_of

EXPIRE = LifecycleRule("expire", expiration_days=2)
MOVE = LifecycleRule("move", transition_days=2, transition_storage="COLD")
SECOND = timedelta(seconds=1)

BAD_RULES: dict[str, list[Any]] = {
    "one-id-twice": [LifecycleRule("one", expiration_days=1), LifecycleRule("one", expiration_days=9)],
    "move-after-expiry": [
        LifecycleRule("one", expiration_days=10, transition_days=30, transition_storage="COLD")
    ],
    "negative-days": [LifecycleRule("one", expiration_days=-1)],
    "negative-move": [LifecycleRule("one", transition_days=-1, transition_storage="COLD")],
    "move-to-nowhere": [LifecycleRule("one", transition_days=1)],
    "days-of-text": [LifecycleRule("one", expiration_days="1")],  # type: ignore[arg-type]
    "no-rule": ["expire"],
    "none": [None],
    "prefix-of-another-type": [LifecycleRule("one", prefix=5, expiration_days=1)],  # type: ignore[arg-type]
}


class LifecycleSuite(Suite):
    """What the contract asks of a LifecycleDriver; most of it only in a store without other buckets."""

    @pytest.fixture
    def ageing(self, driver: Driver) -> LifecycleDriver:
        return having(driver, LifecycleDriver)

    @pytest.fixture
    def alone(self, ageing: LifecycleDriver, bucket: str) -> str:
        """A bucket that is the only one: ``apply_lifecycle`` with a time to come reaches them all."""
        others = [info.name for info in ageing.list_buckets() if info.name != bucket]
        if others:
            pytest.skip(f"the store has other buckets, whose objects would age too: {others[:3]}")
        return bucket

    def _aged(self, ageing: LifecycleDriver, info: ObjectInfo, age: timedelta) -> LifecycleReport:
        return ageing.apply_lifecycle(info.last_modified + age)

    # Rules.

    def test_lifecycle_no_rules_at_first(self, ageing: LifecycleDriver, bucket: str) -> None:
        assert ageing.get_lifecycle(bucket) == []

    def test_lifecycle_rules_as_they_were_set(self, ageing: LifecycleDriver, bucket: str) -> None:
        rules = [
            LifecycleRule("z", prefix="logs/", expiration_days=30, enabled=False),
            LifecycleRule("a", prefix="tmp/日本", expiration_days=1),
        ]
        ageing.set_lifecycle(bucket, rules)
        assert ageing.get_lifecycle(bucket) == rules

    def test_lifecycle_transition_rule_as_it_was_set(self, ageing: LifecycleDriver, bucket: str) -> None:
        rule = LifecycleRule("one", "x/", 60, 30, "COLD", True)
        with honoured("transition_storage"):
            ageing.set_lifecycle(bucket, [rule])
        assert ageing.get_lifecycle(bucket) == [rule]

    def test_lifecycle_rules_are_replaced(self, ageing: LifecycleDriver, bucket: str) -> None:
        ageing.set_lifecycle(bucket, [EXPIRE])
        other = LifecycleRule("other", prefix="x", expiration_days=5)
        ageing.set_lifecycle(bucket, iter([other]))
        assert ageing.get_lifecycle(bucket) == [other]

    def test_lifecycle_rules_are_removed(self, ageing: LifecycleDriver, bucket: str) -> None:
        ageing.set_lifecycle(bucket, [EXPIRE])
        ageing.set_lifecycle(bucket, [])
        assert ageing.get_lifecycle(bucket) == []

    def test_lifecycle_rules_are_per_bucket(
        self, ageing: LifecycleDriver, bucket: str, make_bucket: Callable[[], str]
    ) -> None:
        ageing.set_lifecycle(bucket, [EXPIRE])
        assert ageing.get_lifecycle(make_bucket()) == []

    def test_lifecycle_rules_go_with_their_bucket(self, ageing: LifecycleDriver, bucket: str) -> None:
        ageing.set_lifecycle(bucket, [EXPIRE])
        ageing.delete_bucket(bucket)
        ageing.create_bucket(bucket)
        assert ageing.get_lifecycle(bucket) == []

    def test_lifecycle_keeps_no_hold_of_the_rules_given(self, ageing: LifecycleDriver, bucket: str) -> None:
        rules = [EXPIRE]
        ageing.set_lifecycle(bucket, rules)
        rules.clear()
        ageing.get_lifecycle(bucket).clear()
        assert ageing.get_lifecycle(bucket) == [EXPIRE]

    @pytest.mark.parametrize("kind", BAD_RULES)
    def test_lifecycle_bad_rules(self, ageing: LifecycleDriver, bucket: str, kind: str) -> None:
        ageing.set_lifecycle(bucket, [EXPIRE])
        with pytest.raises(InvalidArgumentError):
            ageing.set_lifecycle(bucket, BAD_RULES[kind])
        assert ageing.get_lifecycle(bucket) == [EXPIRE]

    @pytest.mark.parametrize("days", [10**9, 10**12, 10**30])
    def test_lifecycle_days_beyond_all_time(self, ageing: LifecycleDriver, bucket: str, days: int) -> None:
        """Such rules may be refused, but not break what the lifecycle of other objects is."""
        ageing.put(bucket, KEY, b"data")
        try:
            ageing.set_lifecycle(bucket, [LifecycleRule("late", expiration_days=days)])
        except InvalidArgumentError:
            assert ageing.get_lifecycle(bucket) == []
        with unchanged(ageing, bucket):
            ageing.apply_lifecycle()

    @pytest.mark.parametrize("rules", [None, 5, "rules"], ids=repr)
    def test_lifecycle_rules_of_another_type(self, ageing: LifecycleDriver, bucket: str, rules: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            ageing.set_lifecycle(bucket, rules)

    def test_lifecycle_bucket_not_found(self, ageing: LifecycleDriver) -> None:
        with pytest.raises(BucketNotFoundError):
            ageing.set_lifecycle(unique_name(), [EXPIRE])
        with pytest.raises(BucketNotFoundError):
            ageing.get_lifecycle(unique_name())

    # Applying them.

    @pytest.mark.parametrize(
        "now",
        [datetime(2100, 1, 1), "2100-01-01", 5, datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))],
        ids=["naive", "text", "int", "before-the-first-in-utc"],
    )
    def test_lifecycle_bad_now(self, ageing: LifecycleDriver, bucket: str, now: Any) -> None:
        with pytest.raises(InvalidArgumentError):
            ageing.apply_lifecycle(now)

    def test_lifecycle_nothing_is_due_now(self, ageing: LifecycleDriver, bucket: str) -> None:
        ageing.set_lifecycle(bucket, [EXPIRE])
        ageing.put(bucket, KEY, b"data")
        with unchanged(ageing, bucket):
            ageing.apply_lifecycle()

    def test_lifecycle_expires_at_the_age(self, ageing: LifecycleDriver, alone: str) -> None:
        info = ageing.put(alone, KEY, b"data")
        ageing.set_lifecycle(alone, [EXPIRE])
        self._aged(ageing, info, timedelta(days=2))
        assert not exists(ageing, alone, KEY)
        assert keys_of(ageing.list(alone)) == []

    def test_lifecycle_does_not_expire_before_the_age(self, ageing: LifecycleDriver, alone: str) -> None:
        info = ageing.put(alone, KEY, b"data")
        ageing.set_lifecycle(alone, [EXPIRE])
        self._aged(ageing, info, timedelta(days=2) - SECOND)
        assert content_of(ageing, alone, KEY) == b"data"

    def test_lifecycle_age_counts_from_the_last_write(self, ageing: LifecycleDriver, alone: str) -> None:
        first = ageing.put(alone, KEY, b"first")
        second = ageing.put(alone, KEY, b"second")
        ageing.set_lifecycle(alone, [EXPIRE])
        if second.last_modified == first.last_modified:
            pytest.skip("both writes bear the same time")
        self._aged(ageing, first, timedelta(days=2))
        assert exists(ageing, alone, KEY)

    def test_lifecycle_expires_under_the_prefix_alone(self, ageing: LifecycleDriver, alone: str) -> None:
        for key in ("tmp", "tmp/a", "tmp/b", "x/tmp/c"):
            info = ageing.put(alone, key, b"data")
        ageing.set_lifecycle(alone, [LifecycleRule("tmp", prefix="tmp/", expiration_days=2)])
        self._aged(ageing, info, timedelta(days=3))
        assert keys_of(ageing.list(alone)) == ["tmp", "x/tmp/c"]

    def test_lifecycle_disabled_rule_does_nothing(self, ageing: LifecycleDriver, alone: str) -> None:
        info = ageing.put(alone, KEY, b"data")
        ageing.set_lifecycle(alone, [LifecycleRule("off", expiration_days=2, enabled=False)])
        self._aged(ageing, info, timedelta(days=30))
        assert exists(ageing, alone, KEY)

    def test_lifecycle_removed_rule_does_nothing(self, ageing: LifecycleDriver, alone: str) -> None:
        info = ageing.put(alone, KEY, b"data")
        ageing.set_lifecycle(alone, [EXPIRE])
        ageing.set_lifecycle(alone, [])
        self._aged(ageing, info, timedelta(days=30))
        assert exists(ageing, alone, KEY)

    def test_lifecycle_report_of_expired(self, ageing: LifecycleDriver, alone: str) -> None:
        for key in ("a", "b", "c"):
            info = ageing.put(alone, key, b"data")
        ageing.set_lifecycle(alone, [EXPIRE])
        assert self._aged(ageing, info, timedelta(days=3)).expired == 3
        assert self._aged(ageing, info, timedelta(days=3)).expired == 0

    def test_lifecycle_moves_at_the_age(self, ageing: LifecycleDriver, alone: str) -> None:
        info = ageing.put(alone, KEY, b"data")
        with honoured("transition_storage"):
            ageing.set_lifecycle(alone, [MOVE])
        self._aged(ageing, info, timedelta(days=2) - SECOND)
        assert ageing.head(alone, KEY).storage_class == "STANDARD"
        self._aged(ageing, info, timedelta(days=2))
        assert ageing.head(alone, KEY).storage_class == "COLD"

    def test_lifecycle_move_keeps_the_object(self, ageing: LifecycleDriver, alone: str) -> None:
        info = ageing.put(alone, KEY, b"data", content_type="text/css", metadata={"n": "1"})
        with honoured("transition_storage"):
            ageing.set_lifecycle(alone, [MOVE])
        self._aged(ageing, info, timedelta(days=2))
        head = ageing.head(alone, KEY)
        assert (head.etag, head.content_type, dict(head.metadata)) == (info.etag, "text/css", {"n": "1"})
        assert content_of(ageing, alone, KEY) == b"data"

    def test_lifecycle_report_of_moves(self, ageing: LifecycleDriver, alone: str) -> None:
        for key in ("a", "b"):
            info = ageing.put(alone, key, b"data")
        with honoured("transition_storage"):
            ageing.set_lifecycle(alone, [MOVE])
        assert self._aged(ageing, info, timedelta(days=3)).transitioned == 2
        assert self._aged(ageing, info, timedelta(days=3)).transitioned == 0

    def test_lifecycle_moves_and_then_expires(self, ageing: LifecycleDriver, alone: str) -> None:
        info = ageing.put(alone, KEY, b"data")
        with honoured("transition_storage"):
            ageing.set_lifecycle(alone, [LifecycleRule("both", "", 5, 2, "COLD")])
        self._aged(ageing, info, timedelta(days=3))
        assert ageing.head(alone, KEY).storage_class == "COLD"
        self._aged(ageing, info, timedelta(days=5))
        assert not exists(ageing, alone, KEY)

    def test_lifecycle_removes_what_expires_at(self, ageing: LifecycleDriver, alone: str) -> None:
        with honoured("expires_at"):
            ageing.put(alone, KEY, b"data", expires_at=datetime.now(UTC) + timedelta(hours=1))
        ageing.apply_lifecycle(datetime.now(UTC) + timedelta(hours=2))
        assert not exists(ageing, alone, KEY)

    def test_lifecycle_in_a_versioned_bucket(self, ageing: LifecycleDriver, alone: str) -> None:
        versioning = having(ageing, VersioningDriver)
        versioning.set_versioning(alone, True)
        info = ageing.put(alone, KEY, b"data")
        ageing.set_lifecycle(alone, [EXPIRE])
        self._aged(ageing, info, timedelta(days=2))
        assert not exists(ageing, alone, KEY)

    def test_lifecycle_old_versions_go_in_their_order(self, ageing: LifecycleDriver, alone: str) -> None:
        """However old each of them is: the first one was hidden at a later time than the others were made."""
        versioning = having(ageing, VersioningDriver)
        versioning.set_versioning(alone, True)
        ageing.set_lifecycle(alone, [EXPIRE])
        info = ageing.put(alone, KEY, b"1")
        self._aged(ageing, info, timedelta(days=10))
        for data in (b"2", b"3"):
            ageing.put(alone, KEY, data)
        report = self._aged(ageing, info, timedelta(days=4))
        assert (report.expired, report.expired_versions) == (1, 0)
        assert len(versioning.list_versions(alone, KEY)) == 5
        self._aged(ageing, info, timedelta(days=13))
        assert versioning.list_versions(alone, KEY) == []

    def test_watch_lifecycle_expiry(self, ageing: LifecycleDriver, alone: str) -> None:
        notifying = having(ageing, NotificationDriver)
        info = ageing.put(alone, KEY, b"data")
        ageing.set_lifecycle(alone, [EXPIRE])
        with notifying.watch(alone) as watcher:
            self._aged(ageing, info, timedelta(days=2))
            (event,) = events_of(ageing, alone, watcher)
        assert (event.type, event.key, event.info) == (EventType.DELETED, KEY, None)

    def test_watch_lifecycle_move(self, ageing: LifecycleDriver, alone: str) -> None:
        notifying = having(ageing, NotificationDriver)
        info = ageing.put(alone, KEY, b"data")
        with honoured("transition_storage"):
            ageing.set_lifecycle(alone, [MOVE])
        with notifying.watch(alone) as watcher:
            self._aged(ageing, info, timedelta(days=2))
            (event,) = events_of(ageing, alone, watcher)
        assert (event.type, event.key) == (EventType.UPDATED, KEY)
