"""Faults in what becomes of objects as they age."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any

from trove.driver import (
    LifecycleReport,
    LifecycleRule,
)
from trove.drivers.memory import MemoryDriver
from trove.errors import (
    InvalidArgumentError,
)

from .fault import caught_by


class Ageing(MemoryDriver):
    """Applies other rules than those that were set."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        return rule

    def apply_lifecycle(self, now: Any = None) -> LifecycleReport:
        buckets = self._opened().buckets.values()
        rules = {held.info.name: held.rules for held in buckets}
        for held in buckets:
            held.rules = [self.altered(rule) for rule in held.rules]
        try:
            return super().apply_lifecycle(now)
        finally:
            for held in buckets:
                held.rules = rules[held.info.name]


@caught_by(
    "test_lifecycle_disabled_rule_does_nothing",
)
class DisabledRulesApply(Ageing):
    """A disabled rule is applied."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        return dataclasses.replace(rule, enabled=True)


@caught_by(
    "test_lifecycle_expires_under_the_prefix_alone",
)
class RulesIgnoreTheirPrefix(Ageing):
    """A rule is applied to all keys."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        return dataclasses.replace(rule, prefix="")


@caught_by(
    "test_lifecycle_expires_at_the_age",
    "test_lifecycle_in_a_versioned_bucket",
    "test_watch_lifecycle_expiry",
)
class ExpiryADayLate(Ageing):
    """Objects expire a day late."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        days = rule.expiration_days
        return dataclasses.replace(rule, expiration_days=days + 1 if days == 2 and not rule.prefix else days)


@caught_by(
    "test_lifecycle_age_counts_from_the_last_write",
    "test_lifecycle_does_not_expire_before_the_age",
)
class ExpiryADayEarly(Ageing):
    """Objects expire a day early."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        days = rule.expiration_days
        return dataclasses.replace(rule, expiration_days=days - 1 if days == 2 else days)


@caught_by(
    "test_lifecycle_moves_and_then_expires",
    "test_lifecycle_moves_at_the_age",
    "test_lifecycle_report_of_moves",
    "test_watch_lifecycle_move",
)
class MovesNothing(Ageing):
    """Transitions are not done."""

    def altered(self, rule: LifecycleRule) -> LifecycleRule:
        if rule.expiration_days is None:
            return dataclasses.replace(rule, enabled=False)
        return dataclasses.replace(rule, transition_days=None, transition_storage=None)


@caught_by(
    "test_lifecycle_bad_rules",
    "test_lifecycle_days_beyond_all_time",
)
class TakesContradictingRules(MemoryDriver):
    """Rules are taken as they come."""

    def set_lifecycle(self, bucket: Any, rules: Any) -> None:
        try:
            super().set_lifecycle(bucket, rules)
        except InvalidArgumentError:
            if not isinstance(rules, list) or not all(isinstance(rule, LifecycleRule) for rule in rules):
                raise
            self._opened().bucket(bucket).rules = rules


@caught_by(
    "test_lifecycle_old_versions_go_in_their_order",
    "test_lifecycle_report_of_expired",
    "test_lifecycle_report_of_moves",
)
class ReportsNothing(MemoryDriver):
    """apply_lifecycle reports nothing."""

    def apply_lifecycle(self, now: Any = None) -> LifecycleReport:
        super().apply_lifecycle(now)
        return LifecycleReport()


@caught_by(
    "test_lifecycle_expires_at_the_age",
    "test_lifecycle_expires_under_the_prefix_alone",
    "test_lifecycle_in_a_versioned_bucket",
    "test_lifecycle_moves_and_then_expires",
    "test_lifecycle_moves_at_the_age",
    "test_lifecycle_old_versions_go_in_their_order",
    "test_lifecycle_removes_what_expires_at",
    "test_lifecycle_report_of_expired",
    "test_lifecycle_report_of_moves",
    "test_watch_lifecycle_expiry",
    "test_watch_lifecycle_move",
)
class AgesByTheWrongClock(MemoryDriver):
    """apply_lifecycle looks at the present, not at the time given."""

    def apply_lifecycle(self, now: Any = None) -> LifecycleReport:
        if isinstance(now, datetime) and now.tzinfo and now.year > 1:
            now -= timedelta(days=365)
        return super().apply_lifecycle(now)
