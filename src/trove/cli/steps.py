"""The steps of `demo`: a tree of files through a store and back, every byte compared.

:class:`Demo` takes them on any :class:`~trove.driver.Driver`; `demo` chooses what and where, and shows it.
What was read back is compared with what was read from the files as it was stored, so that a file that
changes meanwhile is no mismatch.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from ..driver import Driver, ObjectReader, VersioningDriver, check_key
from ..errors import InvalidKeyError, TroveError, shown
from .output import counted
from .streams import BLOCK_SIZE

PAGE_SIZE = 100
COPIES = 100

_NEW_CONTENT = b"Overwritten by the demo; the version before is restored next.\n"


class MismatchError(TroveError):
    """A store gave back something else than what was stored in it."""


class Source(Protocol):
    """One file to store: its ``name`` becomes the key."""

    @property
    def name(self) -> str: ...

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Its bytes. Raises OSError when it can't be read."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did: a number of objects and bytes in some seconds."""

    name: str
    objects: int
    bytes: int
    seconds: float
    note: str


@dataclass(frozen=True, slots=True)
class _Stored:
    """What was put under a key."""

    size: int
    digest: bytes
    etag: str


class _Hashing:
    """A file on its way into a store, hashed as it is read; keeps its own failure apart."""

    def __init__(self, source: BinaryIO, moved: Callable[[int], None]) -> None:
        self._source = source
        self._moved = moved
        self.hash = hashlib.blake2b(digest_size=16)
        self.size = 0
        self.error: OSError | None = None

    def read(self, size: int = -1, /) -> bytes:
        try:
            data = self._source.read(size)
        except OSError as error:
            self.error = error
            raise
        self.hash.update(data)
        self.size += len(data)
        self._moved(len(data))
        return data


@dataclass(slots=True)
class Demo:
    """The steps of the demo, in their order, on the open driver ``drv``.

    ``moved`` is told how many bytes went through as they go. Every step raises
    :class:`MismatchError` when the store does not give back what was put.
    """

    drv: Driver
    bucket: str
    moved: Callable[[int], None] = field(default=lambda count: None)
    left_out: Counter[str] = field(default_factory=Counter)
    _stored: dict[str, _Stored] = field(default_factory=dict)

    @property
    def copies(self) -> str:
        """The bucket for the copies."""
        return f"{self.bucket}-copies"

    @property
    def versions(self) -> str:
        """The bucket that keeps versions."""
        return f"{self.bucket}-versions"

    def put(self, files: Iterable[Source]) -> Step:
        """Store every file; those that can't be read or named are counted in ``left_out``."""
        self.drv.create_bucket(self.bucket)
        started = time.perf_counter()
        for file in files:
            self._put_one(file)
        return self._step("put", started, self._stored.values(), "each file, hashed on its way in")

    def _put_one(self, file: Source) -> None:
        source: _Hashing | None = None
        try:
            check_key(file.name)
            with file.open() as opened:
                source = _Hashing(opened, self.moved)
                info = self.drv.put(self.bucket, file.name, source, metadata={"path": file.name})
        except InvalidKeyError:
            self.left_out["file whose path can't be a key"] += 1
            return
        except OSError as error:
            # A failure of the file is its own affair; one of the store is what the demo is to show.
            if isinstance(error, TroveError) or (source is not None and source.error is None):
                raise
            self.left_out[f"file that could not be read ({error.strerror})"] += 1
            return
        if info.size != source.size:
            raise MismatchError(
                f"{source.size} bytes of {shown(file.name)} were put, {info.size} were stored"
            )
        self._stored[file.name] = _Stored(source.size, source.hash.digest(), info.etag)

    def read_back(self) -> Step:
        """Read every object and compare its bytes, its etag and its metadata."""
        started = time.perf_counter()
        for key, stored in self._stored.items():
            with self.drv.get(self.bucket, key) as reader:
                self._compare(key, stored, reader)
                if dict(reader.info.metadata) != {"path": key}:
                    raise MismatchError(f"object {shown(key)} came back with other metadata")
        return self._step("read back", started, self._stored.values(), "every byte and etag compared")

    def list_top(self) -> Step:
        """List the top level with the delimiter ``/`` and compare with the files' own folders."""
        started = time.perf_counter()
        keys, prefixes = self._pages(delimiter="/", page_size=1000)[:2]
        folders = {key.partition("/")[0] + "/" for key in self._stored if "/" in key}
        self._compare_keys(
            "the list of files at the top", keys, [key for key in self._stored if "/" not in key]
        )
        self._compare_keys("the list of folders at the top", prefixes, folders)
        note = f"{counted(len(keys), 'file')}, {counted(len(prefixes), 'folder')} at the top"
        return Step("list", len(keys) + len(prefixes), 0, time.perf_counter() - started, note)

    def page(self) -> Step:
        """Page through all keys and compare them with those that were put, in order."""
        started = time.perf_counter()
        keys, _, pages = self._pages(delimiter="", page_size=PAGE_SIZE)
        self._compare_keys("the listing in pages", keys, self._stored)
        note = f"{counted(pages, 'page')} of {PAGE_SIZE}, in order, none twice"
        return Step("page", len(keys), 0, time.perf_counter() - started, note)

    def copy(self) -> Step:
        """Copy some objects to another bucket and compare the copies."""
        self.drv.create_bucket(self.copies)
        chosen = dict(list(self._stored.items())[:COPIES])
        started = time.perf_counter()
        for key in chosen:
            self.drv.copy(self.bucket, key, self.copies, key)
        step = self._step("copy", started, chosen.values(), "to another bucket, then compared")
        for key, stored in chosen.items():
            with self.drv.get(self.copies, key) as reader:
                self._compare(key, stored, reader)
        return step

    def restore(self, keeper: VersioningDriver, where: str) -> Step:
        """Overwrite an object in ``keeper``, a store ``where`` says which, and restore the version before."""
        key = sorted(self._stored, key=lambda each: self._stored[each].size)[len(self._stored) // 2]
        stored = self._stored[key]
        keeper.create_bucket(self.versions)
        keeper.set_versioning(self.versions, True)
        started = time.perf_counter()
        with self.drv.get(self.bucket, key) as reader:
            first = keeper.put(self.versions, key, reader)
        keeper.put(self.versions, key, _NEW_CONTENT)
        with keeper.get(self.versions, key) as reader:
            if reader.read() != _NEW_CONTENT:
                raise MismatchError(f"object {shown(key)} was overwritten but did not change")
        keeper.restore_version(self.versions, key, first.version_id)
        kept = len(keeper.list_versions(self.versions, key))
        if kept != 3:
            raise MismatchError(f"object {shown(key)} was written three times, but has {kept} versions")
        with keeper.get(self.versions, key) as reader:
            self._compare(key, _Stored(stored.size, stored.digest, first.etag), reader)
        return self._step("restore", started, [stored], f"of an overwritten version, {where}")

    # Comparing.

    def _compare(self, key: str, stored: _Stored, reader: ObjectReader) -> None:
        found = hashlib.blake2b(digest_size=16)
        size = 0
        while block := reader.read(BLOCK_SIZE):
            found.update(block)
            size += len(block)
            self.moved(len(block))
        if (size, found.digest()) != (stored.size, stored.digest):
            raise MismatchError(
                f"object {shown(key)} came back with other bytes than were put ({size} "
                f"of {stored.size} bytes); the store or its disk is damaged"
            )
        if reader.info.etag != stored.etag:
            raise MismatchError(f"object {shown(key)} came back with another etag than put gave")

    @staticmethod
    def _compare_keys(what: str, found: Iterable[str], expected: Iterable[str]) -> None:
        found, in_order = list(found), sorted(expected)
        if found == in_order:
            return
        if set(found) == set(in_order):
            raise MismatchError(f"{what} has the right names, but twice or out of order")
        missing, extra = set(in_order) - set(found), set(found) - set(in_order)
        some = shown(min(missing or extra))
        raise MismatchError(
            f"{what} misses {len(missing)} names and has {len(extra)} too many, such as {some}"
        )

    def _pages(self, *, delimiter: str, page_size: int) -> tuple[list[str], list[str], int]:
        """All keys and common prefixes, and the number of pages they came in."""
        keys: list[str] = []
        prefixes: list[str] = []
        cursor, pages = "", 0
        while not pages or cursor:
            with self.drv.list(self.bucket, delimiter=delimiter, max_keys=page_size, cursor=cursor) as page:
                keys += (info.key for info in page)
                prefixes += page.prefixes
                cursor = page.next_token
            pages += 1
        return keys, prefixes, pages

    @staticmethod
    def _step(name: str, started: float, stored: Iterable[_Stored], note: str) -> Step:
        seconds = time.perf_counter() - started
        sizes = [each.size for each in stored]
        return Step(name, len(sizes), sum(sizes), seconds, note)
