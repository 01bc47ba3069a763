"""What `cp` copies from and to: local files and trees, objects and prefixes, standard streams."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from ..driver import Driver, ObjectInfo, PutOptions, check_key
from ..driver.types import STANDARD
from ..errors import InvalidArgumentError, UnsupportedOptionError
from .listing import objects
from .local import LocalFile, TargetTree, open_source, replacing, walk
from .location import Location
from .progress import Progress
from .streams import BLOCK_SIZE, Piped, copy_out


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to copy; ``name`` is what it is called below the source.

    ``info`` and ``driver`` are those of an object; ``open`` gives its bytes.
    """

    name: str
    size: int | None
    open: Callable[[], AbstractContextManager[Any]]
    info: ObjectInfo | None = None
    driver: Driver | None = None
    bucket: str = ""


# Sources.


def local_file(path: str) -> Item:
    """A file, or what a link leads to: the user named it."""
    if os.path.isdir(path):
        raise InvalidArgumentError(f"{path!r} is a folder; give -r to copy all that is in it")
    return Item(os.path.basename(path), os.stat(path).st_size, lambda: open_source(path))


def local_tree(path: str, left_out: Counter[str]) -> Iterator[Item]:
    """The regular files below a folder; what was left out is counted by reason."""
    return (_tree_item(file) for file in walk(path, left_out))


def _tree_item(file: LocalFile) -> Item:
    return Item(file.name, file.size, file.open)


def standard_input() -> Item:
    """What is piped in; it has no name."""
    return Item("", None, Piped)


def stored_object(driver: Driver, location: Location) -> Item:
    """One object."""
    info = driver.head(location.bucket, location.key)
    return _stored_item(driver, location.bucket, info, location.basename)


def stored_tree(driver: Driver, location: Location) -> Iterator[Item]:
    """The objects below a prefix, in order."""
    prefix = location.folder
    for info in objects(driver, location.bucket, prefix):
        yield _stored_item(driver, location.bucket, info, info.key[len(prefix) :])


def _stored_item(driver: Driver, bucket: str, info: ObjectInfo, name: str) -> Item:
    return Item(name, info.size, lambda: driver.get(bucket, info.key), info, driver, bucket)


# Targets.


class Target(Protocol):
    """Where items go: each to a name that the target understands."""

    def write(self, item: Item, name: str, progress: Progress) -> None:
        """Copy one item, whole or not at all."""

    def close(self) -> None:
        """Let go of the target."""


class StoreTarget:
    """A bucket; names are keys."""

    def __init__(self, driver: Driver, bucket: str, dropped: Counter[str]) -> None:
        self._driver = driver
        self._bucket = bucket
        self._dropped = dropped

    def write(self, item: Item, name: str, progress: Progress) -> None:
        check_key(name)
        if item.info is not None and item.driver is self._driver:
            info = self._driver.copy(item.bucket, item.info.key, self._bucket, name)
            progress.moved(info.size)
            return
        try:
            self._put(item, name, progress, _attributes(item.info))
        except UnsupportedOptionError:
            attributes = _attributes(item.info)
            if attributes.pop("storage_class", None) is None:
                raise
            # Where an object lies is the store's own affair; what it is (metadata, tags) is not.
            self._put(item, name, progress, attributes)
            self._dropped["storage class that the target does not know"] += 1

    def _put(self, item: Item, name: str, progress: Progress, attributes: PutOptions) -> None:
        with item.open() as source:
            self._driver.put(self._bucket, name, progress.reading(source), **attributes)

    def close(self) -> None:
        pass


def _attributes(info: ObjectInfo | None) -> PutOptions:
    """What goes along with an object to another store; only what it really has."""
    attributes = PutOptions()
    if info is not None:
        attributes["content_type"] = info.content_type
        if info.metadata:
            attributes["metadata"] = info.metadata
        if info.tags:
            attributes["tags"] = info.tags
        if info.storage_class != STANDARD:
            attributes["storage_class"] = info.storage_class
    return attributes


class FolderTarget:
    """A local folder; names are paths below it, and never outside of it."""

    def __init__(self, path: str) -> None:
        self._tree = TargetTree(path)

    def write(self, item: Item, name: str, progress: Progress) -> None:
        with item.open() as source, self._tree.replacing(name) as target:
            shutil.copyfileobj(progress.reading(source), target, BLOCK_SIZE)

    def close(self) -> None:
        self._tree.close()


class FileTarget:
    """A local file; its name is its path."""

    def write(self, item: Item, name: str, progress: Progress) -> None:
        with item.open() as source, replacing(name) as target:
            shutil.copyfileobj(progress.reading(source), target, BLOCK_SIZE)

    def close(self) -> None:
        pass


class OutputTarget:
    """Standard output; it has no names."""

    def write(self, item: Item, name: str, progress: Progress) -> None:
        with item.open() as source:
            copy_out(source)

    def close(self) -> None:
        pass
