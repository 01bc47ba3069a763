"""Lifecycle rules: which steps are due, and doing them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ...driver import LifecycleReport, LifecycleRule
from .bucket import Bucket, Version
from .store import Store


def apply(store: Store, now: datetime) -> LifecycleReport:
    """Do what is due at ``now`` in all buckets of ``store``, whose lock is held."""
    expired = removed = moved = 0
    for held in store.buckets.values():
        for key in held.all_keys():
            rules = _applying(held.rules, key)
            expired += _expire(store, held, key, rules, now)
            removed += _remove_outdated(held, key, rules, now)
            moved += _move(store, held, key, rules, now)
    return LifecycleReport(expired, removed, moved)


def _expire(store: Store, held: Bucket, key: str, rules: list[LifecycleRule], now: datetime) -> bool:
    if store.settle(held, key, now):
        return True
    current = held.current(key, now)
    if current is None or not _expires(rules, current.info.last_modified, now):
        return False
    store.delete_current(held, key, now)
    return True


def _remove_outdated(held: Bucket, key: str, rules: list[LifecycleRule], now: datetime) -> int:
    chain = held.chain(key)
    gone = _outdated(chain, rules, now) if chain else []
    for version in gone:
        held.remove(key, version.info.version_id)
    return len(gone)


def _move(store: Store, held: Bucket, key: str, rules: list[LifecycleRule], now: datetime) -> bool:
    current = held.current(key, now)
    target = current and _storage_class(rules, current.info.last_modified, now)
    if not current or not target or target == current.info.storage_class:
        return False
    moved = replace(current, info=replace(current.info, storage_class=target))
    held.replace_newest(key, moved)
    store.events.append(held.info.name, key, current.info, moved.info)
    return True


def _applying(rules: Iterable[LifecycleRule], key: str) -> list[LifecycleRule]:
    """The enabled rules whose prefix ``key`` has."""
    return [rule for rule in rules if rule.enabled and key.startswith(rule.prefix)]


def _expires(rules: Iterable[LifecycleRule], since: datetime, now: datetime) -> bool:
    """Whether any rule ends at ``now`` what is as it is ``since`` then."""
    return any(
        rule.expiration_days is not None and now - since >= timedelta(days=rule.expiration_days)
        for rule in rules
    )


def _storage_class(rules: Iterable[LifecycleRule], since: datetime, now: datetime) -> str | None:
    """The class that an object belongs in at ``now``, ``None`` when no move is due.

    Of several moves that are due, the one of the greatest age is the last to have happened.
    """
    due = [
        (rule.transition_days, rule.transition_storage)
        for rule in rules
        if rule.transition_days is not None and now - since >= timedelta(days=rule.transition_days)
    ]
    return max(due)[1] if due else None


def _outdated(chain: Sequence[Version], rules: Sequence[LifecycleRule], now: datetime) -> list[Version]:
    """The old versions of ``chain`` that are due, and its delete marker when that is all that is left.

    An old version's age counts from when it was replaced: it is kept as long again as the rules keep a
    current object, and as long as one that is older than it.
    """
    due = itertools.takewhile(
        lambda pair: _expires(rules, pair[1].info.last_modified, now), itertools.pairwise(chain)
    )
    gone = [old for old, _ in due]
    newest = chain[-1]
    alone = newest.data is None and len(gone) == len(chain) - 1
    if alone and _expires(rules, newest.info.last_modified, now):
        gone.append(newest)
    return gone
