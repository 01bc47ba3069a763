"""DriverMachine: random histories of calls, each answer compared with what a model says."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from unittest import TestCase

import pytest
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ..driver import Driver, MultipartDriver, ObjectInfo, PartInfo, QuotaDriver, VersioningDriver
from ..errors import (
    BucketExistsError,
    BucketNotEmptyError,
    BucketNotFoundError,
    InvalidPartError,
    InvalidRangeError,
    ObjectNotFoundError,
    PreconditionFailedError,
    QuotaExceededError,
    TroveError,
    UnsupportedOptionError,
    UploadNotFoundError,
    VersionNotFoundError,
)
from .model import ModelBucket, ModelObject, sliced
from .objects import read_all
from .suite.base import remove_bucket, unique_name

LABELS = ("one", "two")
KEYS = st.one_of(
    st.sampled_from(["a", "a/", "a/b", "a/b/c", "a//b", "b", "..", "/", "é", "\uffff", "\U00010000"]),
    st.text("ab/.%é\uffff\U00010000", min_size=1, max_size=4),
)
PREFIXES = st.one_of(st.just(""), st.sampled_from(["a", "a/", "a/b", "/", "é"]), KEYS)
DELIMITERS = st.sampled_from(["", "/", "//", "b", "é", "\U00010000"])
CONTENTS = st.one_of(
    st.binary(max_size=20),
    st.builds(lambda byte, size: byte * size, st.binary(min_size=1, max_size=2), st.integers(0, 3000)),
)
METADATA = st.dictionaries(st.text("abé ", min_size=1, max_size=3), st.text("xyé\n", max_size=3), max_size=2)
RANGES = st.one_of(
    st.tuples(st.integers(0, 25), st.one_of(st.none(), st.integers(0, 25))),
    st.tuples(st.integers(-25, -1), st.none()),
)
BUCKETS = st.sampled_from(("one", "one", "one", "two"))


@dataclass
class HeldUpload:
    """An open upload: the number of its parts, what was sent, and the driver's names for them."""

    label: str
    key: str
    upload_id: str
    parts: dict[int, tuple[PartInfo, bytes]] = field(default_factory=dict)


@dataclass(frozen=True)
class HeldCursor:
    """A cursor that was given out: for which listing, and behind which entry."""

    label: str
    prefix: str
    delimiter: str
    last: bytes
    token: str


class DriverMachine(RuleBasedStateMachine):
    """Random histories on a driver, compared with a plain model.

    Subclass it with ``open_driver``, which gives an open driver, and let a test runner collect its
    ``TestCase``::

        class MyMachine(DriverMachine):
            def open_driver(self):
                return trove.open("mydriver://...")

        TestMyMachine = MyMachine.TestCase

    Only buckets of the machine's own are touched, and deleted at the end. Versions, multipart uploads and
    quotas take part when the driver has them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.driver = self.open_driver()
        self.names = {label: unique_name() for label in LABELS}
        self.model: dict[str, ModelBucket] = {}
        self.etags: dict[bytes, str] = {}
        self.uploads: list[HeldUpload] = []
        self.cursors: list[HeldCursor] = []

    def open_driver(self) -> Driver:
        """An open driver; called once for each history."""
        raise NotImplementedError("give your machine a method open_driver() that returns an open driver")

    def close_driver(self, driver: Driver) -> None:
        """Called at the end of each history; closes the driver unless it is overridden."""
        driver.close()

    def teardown(self) -> None:
        for label in self.model:
            # After a failure the store may not be what the model says; that was reported already.
            with suppress(Exception):
                self._empty(label)
        self.close_driver(self.driver)

    def _empty(self, label: str) -> None:
        name = self.names[label]
        if isinstance(self.driver, VersioningDriver):
            for key in self.model[label].keys:
                for version in self.driver.list_versions(name, key):
                    self.driver.delete_version(name, key, version.version_id)
        remove_bucket(self.driver, name)

    # Choosing.

    def _draw_key(self, data: st.DataObject, label: str) -> str:
        """A key, most often one that the bucket has or had."""
        known = sorted(self.model[label].keys) if label in self.model else []
        key: str = data.draw(st.one_of(st.sampled_from(known), KEYS) if known else KEYS, label="key")
        return key

    # Calls and their errors.

    def _raises(self, error: type[TroveError], call: Callable[[], Any]) -> None:
        with pytest.raises(error):
            call()

    def _missing(self, label: str, key: str) -> type[TroveError] | None:
        """What reading ``key`` must raise, ``None`` when the object is there."""
        if label not in self.model:
            return BucketNotFoundError
        return ObjectNotFoundError if self.model[label].current(key) is None else None

    def _check(self, info: ObjectInfo, key: str, expected: ModelObject) -> None:
        assert (info.key, info.size, info.etag) == (key, len(expected.data), expected.etag)
        assert dict(info.metadata) == dict(expected.metadata)
        assert info.content_type == expected.content_type

    def _written(self, label: str, key: str, info: ObjectInfo, data: bytes, metadata: dict[str, str]) -> None:
        """Put what a write stored into the model."""
        assert (info.key, info.size, dict(info.metadata)) == (key, len(data), metadata)
        written = ModelObject(data, info.etag, metadata, info.content_type)
        self.model[label].write(key, info.version_id, written)

    # Buckets.

    @initialize(versioning=st.booleans(), keys=st.sets(KEYS, max_size=10))
    def begin(self, versioning: bool, keys: set[str]) -> None:
        self.create_bucket("one", versioning)
        for key in sorted(keys):
            self.put("one", key, key.encode() * 4, {"key": key}, "bytes")

    @rule(label=BUCKETS, versioning=st.booleans())
    def create_bucket(self, label: str, versioning: bool) -> None:
        name = self.names[label]
        if label in self.model:
            self._raises(BucketExistsError, lambda: self.driver.create_bucket(name))
            return
        self.driver.create_bucket(name)
        self.model[label] = ModelBucket(versioning and isinstance(self.driver, VersioningDriver))
        if self.model[label].versioning and isinstance(self.driver, VersioningDriver):
            self.driver.set_versioning(name, True)

    @rule(label=BUCKETS)
    def delete_bucket(self, label: str) -> None:
        name = self.names[label]
        if label not in self.model:
            self._raises(BucketNotFoundError, lambda: self.driver.delete_bucket(name))
        elif self.model[label].keys:
            self._raises(BucketNotEmptyError, lambda: self.driver.delete_bucket(name))
        else:
            self.driver.delete_bucket(name)
            del self.model[label]
            self.uploads = [each for each in self.uploads if each.label != label]
            self.cursors = [each for each in self.cursors if each.label != label]

    # Objects.

    @rule(
        label=BUCKETS,
        key=KEYS,
        data=CONTENTS,
        metadata=METADATA,
        form=st.sampled_from(["bytes", "file", "pieces"]),
    )
    def put(self, label: str, key: str, data: bytes, metadata: dict[str, str], form: str) -> None:
        source: Any = {"bytes": data, "file": io.BytesIO(data), "pieces": [data[:7], data[7:]]}[form]
        if label not in self.model:
            self._raises(BucketNotFoundError, lambda: self.driver.put(self.names[label], key, source))
            return
        info = self.driver.put(self.names[label], key, source, metadata=metadata)
        assert self.etags.setdefault(data, info.etag) == info.etag
        self._written(label, key, info, data, metadata)

    @rule(data=st.data(), content=CONTENTS)
    def put_if_absent(self, data: st.DataObject, content: bytes) -> None:
        key = self._draw_key(data, "one")
        self._conditional(key, content, self._missing("one", key) is ObjectNotFoundError, if_none_match="*")

    @rule(data=st.data(), content=CONTENTS, stale=st.booleans())
    def put_if_match(self, data: st.DataObject, content: bytes, stale: bool) -> None:
        key = self._draw_key(data, "one")
        held = self.model.get("one")
        current = held.current(key) if held else None
        etag = "no-such-etag" if stale or current is None else current.etag
        self._conditional(key, content, current is not None and not stale, if_match=etag)

    def _conditional(self, key: str, data: bytes, holds: bool, **condition: str) -> None:
        assume("one" in self.model)
        put: Any = self.driver.put
        try:
            info = put(self.names["one"], key, data, **condition)
        except UnsupportedOptionError:
            return
        except PreconditionFailedError:
            assert not holds, f"{condition} holds for {key!r}, but was refused"
            return
        assert holds, f"{condition} does not hold for {key!r}, but was let through"
        self._written("one", key, info, data, {})

    @rule(label=BUCKETS, data=st.data())
    def get(self, label: str, data: st.DataObject) -> None:
        key = self._draw_key(data, label)
        name = self.names[label]
        error = self._missing(label, key)
        if error is not None:
            self._raises(error, lambda: self.driver.get(name, key))
            self._raises(error, lambda: self.driver.head(name, key))
            return
        expected = self.model[label].current(key)
        assert expected is not None
        with self.driver.get(name, key) as reader:
            assert reader.read() == expected.data
            self._check(reader.info, key, expected)
        self._check(self.driver.head(name, key), key, expected)

    @rule(label=BUCKETS, data=st.data(), spec=RANGES, http=st.booleans())
    def get_range(self, label: str, data: st.DataObject, spec: tuple[int, int | None], http: bool) -> None:
        key = self._draw_key(data, label)
        offset, length = spec
        assume(self._missing(label, key) is None)
        expected = self.model[label].current(key)
        assert expected is not None
        part = sliced(expected.data, offset, length)
        asked: Any = spec
        if http and (length is None or length > 0) and offset < len(expected.data):
            end = "" if length is None else str(offset + length - 1)
            asked = f"bytes={offset}" if offset < 0 else f"bytes={offset}-{end}"
        name = self.names[label]
        if part is None:
            self._raises(InvalidRangeError, lambda: self.driver.get(name, key, range=asked))
        else:
            assert read_all(self.driver.get(name, key, range=asked)) == part

    @rule(label=BUCKETS, data=st.data())
    def delete(self, label: str, data: st.DataObject) -> None:
        key = self._draw_key(data, label)
        name = self.names[label]
        if label not in self.model:
            self._raises(BucketNotFoundError, lambda: self.driver.delete(name, key))
            return
        held = self.model[label]
        if held.current(key) is None:
            # Whether that puts a marker is the driver's choice, so it is left out where it would show.
            assume(not held.versioning)
        self.driver.delete(name, key)
        if held.versioning and isinstance(self.driver, VersioningDriver):
            marker = self.driver.list_versions(name, key)[0]
            assert marker.is_delete_marker
            held.write(key, marker.version_id, None)
        else:
            held.write(key, "", None)

    @rule(
        source=BUCKETS,
        data=st.data(),
        into=BUCKETS,
        new=KEYS,
        metadata=st.one_of(st.none(), st.just({}), METADATA),
    )
    def copy(
        self, source: str, data: st.DataObject, into: str, new: str, metadata: dict[str, str] | None
    ) -> None:
        key = self._draw_key(data, source)

        def call() -> ObjectInfo:
            return self.driver.copy(self.names[source], key, self.names[into], new, metadata=metadata)

        error = self._missing(source, key)
        if into not in self.model:
            self._raises(TroveError if error else BucketNotFoundError, call)
        elif error is not None:
            self._raises(error, call)
        else:
            old = self.model[source].current(key)
            assert old is not None
            info = call()
            copied = ModelObject(
                old.data, old.etag, old.metadata if metadata is None else metadata, old.content_type
            )
            self._check(info, new, copied)
            self.model[into].write(new, info.version_id, copied)

    # Listing.

    @rule(label=BUCKETS, prefix=PREFIXES, delimiter=DELIMITERS, size=st.integers(1, 6))
    def list_first(self, label: str, prefix: str, delimiter: str, size: int) -> None:
        if label not in self.model:
            self._raises(BucketNotFoundError, lambda: self.driver.list(self.names[label]))
            return
        self._list(HeldCursor(label, prefix, delimiter, b"", ""), size)

    @precondition(lambda self: self.cursors)
    @rule(data=st.data(), size=st.integers(1, 6))
    def list_next(self, data: st.DataObject, size: int) -> None:
        self._list(data.draw(st.sampled_from(self.cursors)), size)

    def _list(self, held: HeldCursor, size: int) -> None:
        page = self.driver.list(
            self.names[held.label],
            prefix=held.prefix,
            delimiter=held.delimiter,
            max_keys=size,
            cursor=held.token,
        )
        objects = [info.key.encode() for info in page]
        prefixes = [prefix.encode() for prefix in page.prefixes]
        expected, more = self.model[held.label].page(held.prefix, held.delimiter, held.last, size)
        assert objects == [name for name, common in expected if not common]
        assert prefixes == [name for name, common in expected if common]
        assert bool(page.next_token) == more
        if more:
            last = expected[-1][0]
            self.cursors.append(HeldCursor(held.label, held.prefix, held.delimiter, last, page.next_token))

    @invariant()
    def everything_is_listed(self) -> None:
        for label, held in self.model.items():
            listed = [info.key.encode() for info in self.driver.list(self.names[label])]
            assert listed == [name for name, _ in held.listing()]

    # Versions.

    def _versions(self) -> list[tuple[str, str, str]]:
        """The places of all versions in buckets that keep them."""
        return [
            (label, key, version_id)
            for label, held in self.model.items()
            if held.versioning
            for key, versions in held.keys.items()
            for version_id in versions
        ]

    @precondition(lambda self: self._versions())
    @rule(data=st.data())
    def get_version(self, data: st.DataObject) -> None:
        label, key, version_id = data.draw(st.sampled_from(self._versions()))
        versioning = self._versioning()
        expected = self.model[label].keys[key][version_id]
        if expected is None:
            self._raises(
                ObjectNotFoundError, lambda: versioning.get_version(self.names[label], key, version_id)
            )
        else:
            with versioning.get_version(self.names[label], key, version_id) as reader:
                assert reader.read() == expected.data
                self._check(reader.info, key, expected)

    @precondition(lambda self: self._versions())
    @rule(data=st.data())
    def delete_version(self, data: st.DataObject) -> None:
        label, key, version_id = data.draw(st.sampled_from(self._versions()))
        versioning = self._versioning()
        versioning.delete_version(self.names[label], key, version_id)
        self.model[label].remove(key, version_id)
        self._raises(VersionNotFoundError, lambda: versioning.get_version(self.names[label], key, version_id))

    @precondition(lambda self: self._versions())
    @rule(data=st.data())
    def restore_version(self, data: st.DataObject) -> None:
        label, key, version_id = data.draw(st.sampled_from(self._versions()))
        old = self.model[label].keys[key][version_id]
        assume(old is not None)
        assert old is not None
        info = self._versioning().restore_version(self.names[label], key, version_id)
        self._check(info, key, old)
        assert info.version_id not in self.model[label].keys[key]
        self.model[label].write(key, info.version_id, old)

    @precondition(lambda self: self._versions())
    @rule(data=st.data())
    def list_versions(self, data: st.DataObject) -> None:
        label, key, _ = data.draw(st.sampled_from(self._versions()))
        listed = self._versioning().list_versions(self.names[label], key)
        expected = list(self.model[label].keys[key].items())[::-1]
        assert [(each.version_id, each.is_delete_marker) for each in listed] == [
            (version_id, version is None) for version_id, version in expected
        ]
        assert [each.is_latest for each in listed] == [True] + [False] * (len(listed) - 1)

    def _versioning(self) -> VersioningDriver:
        assert isinstance(self.driver, VersioningDriver)
        return self.driver

    # Uploads.

    @precondition(lambda self: isinstance(self.driver, MultipartDriver))
    @rule(label=BUCKETS, key=KEYS)
    def initiate_multipart(self, label: str, key: str) -> None:
        assume(label in self.model)
        upload_id = self._multipart().initiate_multipart(self.names[label], key)
        self.uploads.append(HeldUpload(label, key, upload_id))

    @precondition(lambda self: self.uploads)
    @rule(data=st.data(), number=st.integers(1, 5), content=CONTENTS)
    def upload_part(self, data: st.DataObject, number: int, content: bytes) -> None:
        held = data.draw(st.sampled_from(self.uploads))
        name = self.names[held.label]
        part = self._multipart().upload_part(name, held.key, held.upload_id, number, content)
        assert (part.part_number, part.size) == (number, len(content))
        held.parts[number] = (part, content)
        listed = self._multipart().list_parts(name, held.key, held.upload_id)
        assert listed == [held.parts[each][0] for each in sorted(held.parts)]

    @precondition(lambda self: self.uploads)
    @rule(data=st.data(), left_out=st.sets(st.integers(1, 5)))
    def complete_multipart(self, data: st.DataObject, left_out: set[int]) -> None:
        held = data.draw(st.sampled_from(self.uploads))
        chosen = [held.parts[number] for number in sorted(held.parts) if number not in left_out]

        def call() -> ObjectInfo:
            parts = [part for part, _ in chosen]
            return self._multipart().complete_multipart(
                self.names[held.label], held.key, held.upload_id, parts
            )

        if not chosen:
            self._raises(InvalidPartError, call)
            return
        info = call()
        self._written(held.label, held.key, info, b"".join(content for _, content in chosen), {})
        self.uploads.remove(held)
        self._raises(UploadNotFoundError, call)

    @precondition(lambda self: self.uploads)
    @rule(data=st.data())
    def abort_multipart(self, data: st.DataObject) -> None:
        held = data.draw(st.sampled_from(self.uploads))
        name = self.names[held.label]
        self._multipart().abort_multipart(name, held.key, held.upload_id)
        self.uploads.remove(held)
        left = {each.upload_id for each in self.uploads if each.label == held.label}
        assert {each.upload_id for each in self._multipart().list_multiparts(name)} == left

    def _multipart(self) -> MultipartDriver:
        assert isinstance(self.driver, MultipartDriver)
        return self.driver

    # Quotas.

    @precondition(lambda self: isinstance(self.driver, QuotaDriver))
    @rule(label=BUCKETS, key=KEYS, data=CONTENTS, short=st.booleans(), kept=st.booleans())
    def put_at_the_quota(self, label: str, key: str, data: bytes, short: bool, kept: bool) -> None:
        """A put that there is just the room for, or a byte less; ``kept``: it is counted from now on."""
        assume(label in self.model)
        assert isinstance(self.driver, QuotaDriver)
        name, held = self.names[label], self.model[label]
        replaced = None if held.versioning else held.current(key)
        more = len(data) - len(replaced.data if replaced else b"")
        parts = [part for each in self.uploads if each.label == label for part in each.parts.values()]
        there = held.size() + sum(len(content) for _, content in parts)
        self.driver.set_quota(name, max_bytes=max(0, there + more - short))
        if short and more > 0:
            self._raises(QuotaExceededError, lambda: self.driver.put(name, key, data))
        else:
            info = self.driver.put(name, key, data)
            self._written(label, key, info, data, {})
        self.driver.set_quota(name, max_bytes=1 << 40 if kept else None)


def machine_for(open_driver: Callable[[], Driver]) -> type[DriverMachine]:
    """The machine for the drivers that ``open_driver`` gives; its ``TestCase`` can be collected."""

    class Machine(DriverMachine):
        def open_driver(self) -> Driver:
            return open_driver()

    return Machine


def run_machine(open_driver: Callable[[], Driver], *, histories: int = 40, steps: int = 40) -> None:
    """Run ``histories`` random histories of at most ``steps`` calls each on what ``open_driver`` gives.

    Raises the error of the first difference from the model, after printing the shortest history that
    leads there.
    """
    run_state_machine_as_test(
        machine_for(open_driver),
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            # Explaining a failure takes far longer than finding it, and repeats what the history shows.
            phases=(Phase.generate, Phase.shrink),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def machine_test_case(open_driver: Callable[[], Driver]) -> type[TestCase]:
    """A ``unittest.TestCase`` that runs the machine on the drivers that ``open_driver`` gives."""
    case: type[TestCase] = machine_for(open_driver).TestCase
    return case
