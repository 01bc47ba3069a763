"""The calls of a workload on versions, uploads and what expires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from harness import chains

from trove.driver import LifecycleRule

from .contents import VERSIONED, digest, parts_in_words
from .histories import Changes

if TYPE_CHECKING:
    from .workloads import Writer

DAY = timedelta(days=1)
LONGEST = 5  # versions of a key, before some are deleted for good
MOVES = [LifecycleRule("moves", transition_days=1, transition_storage="COLD")]
Chains = dict[str, chains.Chain]


class Versioned:
    """A bucket with versions, of one writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._bucket = f"{writer.name}{VERSIONED}"
        self._chains: Chains = {}
        self._kept = False

    def make_bucket(self) -> None:
        driver = self._writer.driver
        self._writer.told({self._bucket: "a bucket"}, lambda: driver.create_bucket(self._bucket))
        self.switch()

    def any(self) -> None:
        kinds = [self.put] * 4 + [self.delete, self.drop, self.drop, self.restore, self.restore, self.switch]
        self._writer.random.choice(kinds)()

    def _changes(self, key: str, chain: chains.Chain, call: Callable[[], object]) -> None:
        changes: Changes = {f"{self._bucket}/{key}": chains.in_words(chain) or None}
        if self._writer.told(changes, call):
            self._chains[key] = chain

    def put(self) -> None:
        key, data = self._writer.key(), self._writer.data()
        chain = self._chains.get(key, ())
        if len(chain) >= LONGEST:
            return self.drop()
        driver = self._writer.driver
        return self._changes(
            key,
            chains.put(chain, digest(data), kept=self._kept),
            lambda: driver.put(self._bucket, key, data),
        )

    def delete(self) -> None:
        key = self._writer.key()
        chain = chains.deleted(self._chains.get(key, ()), kept=self._kept)
        self._changes(key, chain, lambda: self._writer.driver.delete(self._bucket, key))

    def _chosen(self, *, markers: bool) -> tuple[str, int, str] | None:
        """A key, the place of one of its versions, and its id."""
        can = [
            (key, number)
            for key, chain in sorted(self._chains.items())
            for number, version in enumerate(chain)
            if markers or version.content is not None
        ]
        if not can:
            return None
        key, number = self._writer.random.choice(can)
        return key, number, self._writer.driver.list_versions(self._bucket, key)[number].version_id

    def drop(self) -> None:
        chosen = self._chosen(markers=True)
        if chosen is not None:
            key, number, version_id = chosen
            chain = chains.without(self._chains[key], number)
            driver = self._writer.driver
            self._changes(key, chain, lambda: driver.delete_version(self._bucket, key, version_id))

    def restore(self) -> None:
        chosen = self._chosen(markers=False)
        if chosen is not None:
            key, number, version_id = chosen
            before = self._chains[key]
            chain = chains.put(before, before[number].content, kept=self._kept)
            driver = self._writer.driver
            self._changes(key, chain, lambda: driver.restore_version(self._bucket, key, version_id))

    def switch(self) -> None:
        enabled = not self._kept
        said = "a bucket that keeps versions" if enabled else "a bucket"
        driver = self._writer.driver
        if self._writer.told({self._bucket: said}, lambda: driver.set_versioning(self._bucket, enabled)):
            self._kept = enabled


class Uploads:
    """The uploads of one writer into its own bucket, of each key one at a time."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._sent: dict[str, dict[int, bytes]] = {}  # the parts of each that is open

    def any(self) -> None:
        key = self._writer.key()
        if key not in self._sent:
            return self._begin(key)
        kinds = [self._send] * 4 + [self._complete, self._complete, self._give_up]
        return self._writer.random.choice(kinds)(key)

    def _line(self, key: str) -> str:
        return f"{self._writer.bucket}/{key} uploaded"

    def _begin(self, key: str) -> None:
        writer = self._writer
        changes: Changes = {self._line(key): parts_in_words({})}
        if writer.told(changes, lambda: writer.driver.initiate_multipart(writer.bucket, key)):
            self._sent[key] = {}

    def _id(self, key: str) -> str:
        uploads = self._writer.driver.list_multiparts(self._writer.bucket)
        (found,) = (each.upload_id for each in uploads if each.key == key)
        return found

    def _send(self, key: str) -> None:
        writer, upload = self._writer, self._id(key)
        number, data = writer.random.randrange(1, 4), writer.data()
        sent = {**self._sent[key], number: data}
        changes: Changes = {
            self._line(key): parts_in_words({number: len(each) for number, each in sent.items()})
        }
        if writer.told(changes, lambda: writer.driver.upload_part(writer.bucket, key, upload, number, data)):
            self._sent[key] = sent

    def _complete(self, key: str) -> None:
        """Of all its parts; they make an object as a put does."""
        writer, upload = self._writer, self._id(key)
        parts = writer.driver.list_parts(writer.bucket, key, upload)
        if not parts:
            return self._send(key)
        data = b"".join(each for _, each in sorted(self._sent[key].items()))
        changes: Changes = {self._line(key): None, f"{writer.bucket}/{key}": digest(data)}
        if writer.told(changes, lambda: writer.driver.complete_multipart(writer.bucket, key, upload, parts)):
            del self._sent[key]
            writer.held[key] = data
        return None

    def _give_up(self, key: str) -> None:
        writer, upload = self._writer, self._id(key)
        if writer.told(
            {self._line(key): None}, lambda: writer.driver.abort_multipart(writer.bucket, key, upload)
        ):
            del self._sent[key]


class Ageing:
    """A bucket whose objects expire or are moved; its writer is alone, for time passes for all."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._bucket = f"{writer.name}.e"
        self._held: dict[str, tuple[str, datetime | None, bool]] = {}  # digest, expiry, whether moved

    def make_bucket(self) -> None:
        driver = self._writer.driver
        self._writer.told({self._bucket: "a bucket"}, lambda: driver.create_bucket(self._bucket))
        self._writer.told({}, lambda: driver.set_lifecycle(self._bucket, MOVES))

    def any(self) -> None:
        kinds = [self._put] * 6 + [self._delete, self._move, self._expire]
        self._writer.random.choice(kinds)()

    def _put(self) -> None:
        key, data = self._writer.key(), self._writer.data()
        after = self._writer.random.choice([None, -DAY, 10 * DAY, 900 * DAY])
        expires = None if after is None else datetime.now(UTC) + after
        said = None if after == -DAY else digest(data)
        driver = self._writer.driver
        if self._writer.told(
            {f"{self._bucket}/{key}": said},
            lambda: driver.put(self._bucket, key, data, expires_at=expires),
        ):
            self._held.pop(key, None)
            if said is not None:
                self._held[key] = said, expires, False

    def _delete(self) -> None:
        key = self._writer.key()
        driver = self._writer.driver
        if self._writer.told({f"{self._bucket}/{key}": None}, lambda: driver.delete(self._bucket, key)):
            self._held.pop(key, None)

    def _move(self) -> None:
        """What was put goes to another storage class, all in one commit."""
        self._pass(2 * DAY)

    def _expire(self) -> None:
        """What expires first is gone; everything was moved before, so that it is one commit."""
        self._pass(2 * DAY)
        self._pass(20 * DAY)

    def _pass(self, time: timedelta) -> None:
        now = datetime.now(UTC) + time
        left = {
            key: (found, expires, True)
            for key, (found, expires, _) in self._held.items()
            if expires is None or expires > now
        }
        changes: Changes = {f"{self._bucket}/{key}": None for key in self._held if key not in left}
        changes |= {f"{self._bucket}/{key}": f"{found} COLD" for key, (found, _, _) in left.items()}
        if self._writer.told(changes, lambda: self._writer.driver.apply_lifecycle(now)):
            self._held = left
