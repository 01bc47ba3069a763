"""The medium: of the files below one folder, what has been put on it for certain, and what is on the way.

Played an event at a time. A flush of a file makes durable what was written to it before the flush began, and
its length; a flush of a folder the names that were made, changed and removed in it. Nothing else does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .trace import Event, Kind

SECTOR = 512


@dataclass(slots=True)
class Write:
    """Bytes at an offset, or none and a length: what is behind it is cut off."""

    event: int
    offset: int
    data: bytes
    length: int  # of the file, afterwards
    cut: bool = False


@dataclass(slots=True, eq=False)
class File:
    durable: bytearray = field(default_factory=bytearray)
    now: bytearray = field(default_factory=bytearray)
    pending: list[Write] = field(default_factory=list)
    dropped: bool = False  # the system has given up on some writes, of which it still shows the bytes

    def change(self, event: int, kind: Kind, number: int, data: bytes) -> None:
        if kind is Kind.MAPPED:
            for at, sector in changed_sectors(self.now, number, data):
                self._add(Write(event, at, sector, len(self.now)))
        elif kind is Kind.WRITE:
            self._add(Write(event, number, data, max(len(self.now), number + len(data))))
        elif kind is Kind.CUT or number > len(self.now):
            self._add(Write(event, number, b"", number, cut=kind is Kind.CUT))

    def _add(self, write: Write) -> None:
        self.pending.append(write)
        apply(self.now, write)

    def flushed(self, before: int) -> None:
        """What was written before that event is durable."""
        count = 0
        while count < len(self.pending) and self.pending[count].event < before:
            apply(self.durable, self.pending[count])
            count += 1
        if count == len(self.pending) and not self.dropped:
            assert self.durable == self.now
        del self.pending[:count]

    def failed(self, before: int) -> None:
        """The system gives up on what was written before that event: no later flush gets it there."""
        self.dropped = True
        self.pending = [write for write in self.pending if write.event >= before]


def apply(content: bytearray, write: Write) -> None:
    if len(content) < write.length:
        content.extend(bytes(write.length - len(content)))
    elif write.cut:
        del content[write.length :]
    content[write.offset : write.offset + len(write.data)] = write.data


def changed_sectors(now: bytearray, offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    for at in range(0, min(len(data), len(now) - offset), SECTOR):
        sector = data[at : at + SECTOR]
        if now[offset + at : offset + at + len(sector)] != sector:
            yield offset + at, sector


@dataclass(slots=True, eq=False)
class Folder:
    durable: dict[str, Node] = field(default_factory=dict)
    now: dict[str, Node] = field(default_factory=dict)


Node = File | Folder


@dataclass(slots=True)
class Naming:
    """A name that came to stand for something else: ``None`` for nothing any more."""

    event: int
    folder: Folder
    name: str
    node: Node | None
    moved_from: tuple[Folder, str] | None = None


class Medium:
    """``folder`` is what there is at first, all of it durable."""

    def __init__(self, folder: Path) -> None:
        self.root = _read(folder)
        self.namings: list[Naming] = []
        self.played = 0
        self._flushes: dict[int, tuple[Node, int]] = {}

    def play(self, event: Event) -> None:
        kind = event.kind
        if kind in (Kind.WRITE, Kind.EXTEND, Kind.CUT, Kind.MAPPED):
            node = self.find(event.path)
            if isinstance(node, File):  # else it has no name any more: nobody will see it
                node.change(self.played, kind, event.number, event.data)
        elif kind is Kind.FLUSHING:
            node = self.find(event.path)
            if node is not None:
                self._flushes[event.number] = node, self.played
        elif kind is Kind.FLUSHED:
            self._flushed(event.number)
        elif kind is Kind.FAILED:
            self._failed(event.number)
        elif kind is not Kind.LEFT_OUT and kind is not Kind.MARK:
            self._name(event)
        self.played += 1

    def find(self, path: str) -> Node | None:
        node: Node | None = self.root
        for name in path.split("/") if path else ():
            node = node.now.get(name) if isinstance(node, Folder) else None
        return node

    def files(self) -> Iterator[tuple[str, File]]:
        """Those that have a name now."""
        return _files("", self.root)

    def _flushed(self, number: int) -> None:
        node, before = self._flushes.pop(number, (None, 0))
        if isinstance(node, File):
            node.flushed(before)
        elif node is not None:
            mine = [naming for naming in self.namings if naming.folder is node and naming.event < before]
            for naming in mine:
                apply_name(naming, lambda folder: folder.durable)
            self.namings = [naming for naming in self.namings if naming not in mine]

    def _failed(self, number: int) -> None:
        """What was to be flushed stays in the system, to be written later, or is given up: each happens."""
        node, before = self._flushes.pop(number, (None, 0))
        if isinstance(node, File) and random.Random(before).random() < 0.5:
            node.failed(before)

    def _name(self, event: Event) -> None:
        folder, name = self._parent(event.path)
        node: Node | None = None
        moved_from = None
        if event.kind is Kind.MADE:
            node = File()
        elif event.kind is Kind.FOLDER:
            node = Folder()
        elif event.kind is Kind.RENAMED:
            moved_from = folder, name
            node = folder.now[name]
            folder, name = self._parent(event.data.decode())
        naming = Naming(self.played, folder, name, node, moved_from)
        self.namings.append(naming)
        apply_name(naming, lambda folder: folder.now)

    def _parent(self, path: str) -> tuple[Folder, str]:
        above, _, name = path.rpartition("/")
        folder = self.find(above)
        assert isinstance(folder, Folder), f"the trace names {path} in no folder"
        return folder, name


def apply_name(naming: Naming, names: Callable[[Folder], dict[str, Node]]) -> None:
    """Make the change to the entries that ``names`` gives for a folder."""
    target = names(naming.folder)
    if naming.moved_from is not None:
        folder, name = naming.moved_from
        if names(folder).get(name) is naming.node:
            del names(folder)[name]
    if naming.node is None:
        target.pop(naming.name, None)
    else:
        target[naming.name] = naming.node


def _read(folder: Path) -> Folder:
    found = Folder()
    for path in sorted(folder.iterdir()):  # so that the same choices are made for the same files
        if path.is_dir():
            found.now[path.name] = _read(path)
        else:
            content = path.read_bytes()
            found.now[path.name] = File(bytearray(content), bytearray(content))
    found.durable = dict(found.now)
    return found


def _files(above: str, folder: Folder) -> Iterator[tuple[str, File]]:
    for name, node in folder.now.items():
        path = f"{above}/{name}" if above else name
        if isinstance(node, File):
            yield path, node
        else:
            yield from _files(path, node)
