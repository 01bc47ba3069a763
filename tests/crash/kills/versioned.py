"""What a client does with the versions of its keys, in a bucket that it has for itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from harness import chains

import trove
from trove.drivers.engine import EngineDriver

from .ledger import State
from .places import NEVER, look, versioned

if TYPE_CHECKING:
    from harness.chains import Chain, Version

    from .owner import Owner

KEYS = ("0", "1", "2")
LONGEST = 7  # versions of a key, before some are deleted for good
PAST = "past"  # what the name of a content begins with whose time was over when it was put


def content(reader: trove.ObjectReader) -> str:
    return look(reader.info, reader.read())


def contents(driver: EngineDriver, owner: str) -> State:
    """The versions of each key, in words, and whether no more are kept."""
    bucket = versioned(owner)
    found = {} if driver.get_versioning(bucket) else {f"versions {owner}": "not kept"}
    for key in KEYS:
        chain = chains.seen(driver, bucket, key, content)
        if chain:
            found[f"versions {owner}/{key}"] = chains.in_words(chain)
    return found


class Versioned:
    """The calls on one key after the other; what they bring about is in the words of ``contents``."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._draw = owner.draw
        self._bucket = versioned(owner.name)

    def step(self) -> None:
        key = self._draw.choice(KEYS)
        before = self._chain(key)
        if len(before) >= LONGEST:
            return self._drop(key, before)
        kind = self._draw.choices(
            (self._put, self._past, self._delete, self._drop, self._restore, self._copy, self._switch),
            (6, 1, 2, 3, 2, 1, 1),
        )[0]
        return kind(key, before)

    @property
    def _kept(self) -> bool:
        return f"versions {self._owner.name}" not in self._owner.state

    def _chain(self, key: str) -> Chain:
        return chains.from_words(self._owner.state.get(self._line(key), ""))

    def _line(self, key: str) -> str:
        return f"versions {self._owner.name}/{key}"

    def _after(self, key: str, chain: Chain) -> dict[str, str | None]:
        return {self._line(key): chains.in_words(chain) or None}

    def _put(self, key: str, before: Chain) -> None:
        name, data, metadata = self._owner.content(key)
        expires = datetime.now(UTC) + NEVER if self._draw.random() < 0.3 else None
        after = chains.put(before, name, kept=self._kept)
        driver = self._owner.driver
        self._owner.call(
            self._after(key, after),
            lambda: driver.put(self._bucket, key, data, metadata=metadata, expires_at=expires),
        )

    def _past(self, key: str, before: Chain) -> None:
        """Put what nobody is to see but as an old version, and have its delete marker put."""
        name, data, metadata = self._owner.content(f"{PAST}{key}", shared=False)
        after = chains.deleted(chains.put(before, name, kept=self._kept), kept=self._kept)
        driver, over = self._owner.driver, datetime.now(UTC) - timedelta(seconds=1)

        def work() -> None:
            driver.put(self._bucket, key, data, metadata=metadata, expires_at=over)
            driver.list_versions(self._bucket, key)

        self._owner.call(self._after(key, after), work)

    def _delete(self, key: str, before: Chain) -> None:
        after = chains.deleted(before, kept=self._kept)
        self._owner.call(self._after(key, after), lambda: self._owner.driver.delete(self._bucket, key))

    def _drop(self, key: str, before: Chain) -> None:
        """Delete a version for good; not the marker before one whose time is over, which would come again."""
        can = [
            number
            for number in range(len(before))
            if not (number + 1 < len(before) and is_past(before[number + 1]))
        ]
        if not can:
            return self._put(key, before)
        number = self._draw.choice(can)
        version_id = self._ids(key)[number]
        return self._owner.call(
            self._after(key, chains.without(before, number)),
            lambda: self._owner.driver.delete_version(self._bucket, key, version_id),
        )

    def _restore(self, key: str, before: Chain) -> None:
        can = [n for n, each in enumerate(before) if each.content is not None and not is_past(each)]
        if not can:
            return self._put(key, before)
        number = self._draw.choice(can)
        version_id = self._ids(key)[number]
        return self._owner.call(
            self._after(key, chains.put(before, before[number].content, kept=self._kept)),
            lambda: self._owner.driver.restore_version(self._bucket, key, version_id),
        )

    def _copy(self, key: str, before: Chain) -> None:
        source = self._draw.choice(KEYS)
        held = self._chain(source)
        if not held or held[0].content is None:
            return self._put(key, before)
        return self._owner.call(
            self._after(key, chains.put(before, held[0].content, kept=self._kept)),
            lambda: self._owner.driver.copy(self._bucket, source, self._bucket, key),
        )

    def _switch(self, key: str, before: Chain) -> None:
        enabled = not self._kept
        self._owner.call(
            {f"versions {self._owner.name}": None if enabled else "not kept"},
            lambda: self._owner.driver.set_versioning(self._bucket, enabled),
        )

    def _ids(self, key: str) -> list[str]:
        return [each.version_id for each in self._owner.driver.list_versions(self._bucket, key)]


def is_past(version: Version) -> bool:
    return version.content is not None and version.content.startswith(PAST)
