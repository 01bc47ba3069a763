"""What survives a power cut: choices of what had reached the medium of all that was on its way.

Of a file that was not flushed each sector holds what it held at some moment since the last flush, each its
own, and the file has a length that it had at some moment; what is within the length and never came reads as
zeros. Of the names that were not flushed any may have changed or not, but none comes before what stood under
it earlier.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path

from .medium import SECTOR, File, Folder, Medium, Naming, Node, Write, apply, apply_name

# How many of a sector's pending writes reached the medium, for those that are not left as they were.
Sectors = dict[int, int]


class Survivors:
    """The choice of number ``variation``: the first few are the extreme ones, all others are random."""

    def __init__(self, medium: Medium, seed: str, variation: int) -> None:
        self._medium = medium
        self._random = random.Random(f"{seed} {variation}")
        files, names = EXTREMES[variation] if variation < len(EXTREMES) else (None, None)
        self._tear = files
        self._choose_names = names or self._random.choice(CHOICES)

    def write(self, folder: Path) -> None:
        """Make the files that survive, in the new folder ``folder``."""
        entries = self._names()
        pending = [(self._medium.root, folder)]
        while pending:
            node, path = pending.pop()
            path.mkdir(mode=0o700)
            for name, child in sorted(entries.get(node, node.durable).items(), key=itemgetter(0)):
                if isinstance(child, Folder):
                    pending.append((child, path / name))
                else:
                    (path / name).write_bytes(self._content(child))

    def _names(self) -> dict[Folder, dict[str, Node]]:
        """The entries of those folders in which names had changed."""
        entries: dict[Folder, dict[str, Node]] = {}

        def of(folder: Folder) -> dict[str, Node]:
            return entries.setdefault(folder, dict(folder.durable))

        for naming in self._choose_names(self._medium.namings, self._random):
            apply_name(naming, of)
        return entries

    def _content(self, file: File) -> bytes:
        if not file.pending:
            return bytes(file.durable)
        tear = self._tear or self._random.choice(TEARS)
        return bytes(tear(file, self._random))


# Names.


def all_names(namings: list[Naming], rng: random.Random) -> list[Naming]:
    return namings


def no_names(namings: list[Naming], rng: random.Random) -> list[Naming]:
    return []


def first_names(namings: list[Naming], rng: random.Random) -> list[Naming]:
    return namings[: rng.randint(0, len(namings))]


def some_names(namings: list[Naming], rng: random.Random) -> list[Naming]:
    return [naming for naming in namings if rng.random() < 0.5]


CHOICES: list[Callable[[list[Naming], random.Random], list[Naming]]] = [
    all_names,
    no_names,
    first_names,
    some_names,
]


# Bytes.


def whole(file: File, rng: random.Random) -> bytearray:
    content = bytearray(file.durable)
    for write in file.pending:
        apply(content, write)
    return content


def nothing(file: File, rng: random.Random) -> bytearray:
    return file.durable


def first_writes(file: File, rng: random.Random) -> bytearray:
    """In order, and of the last one the first sectors only."""
    count = rng.randrange(len(file.pending))
    content = bytearray(file.durable)
    for write in file.pending[:count]:
        apply(content, write)
    torn = file.pending[count]
    if len(torn.data) > SECTOR:
        end = (torn.offset // SECTOR + rng.randint(1, len(torn.data) // SECTOR)) * SECTOR
        apply(content, Write(0, torn.offset, torn.data[: end - torn.offset], end))
    return lengthened(file, content, rng)


def one_write_lost(file: File, rng: random.Random) -> bytearray:
    """And with it what came later in its sectors."""
    index = rng.randrange(len(file.pending))
    lost = dict.fromkeys(sectors_of(file.pending[index]), index)
    return with_sectors(file, lost, len(file.pending), rng)


def one_write_there(file: File, rng: random.Random) -> bytearray:
    index = rng.randrange(len(file.pending))
    there = dict.fromkeys(sectors_of(file.pending[index]), index + 1)
    return with_sectors(file, there, 0, rng)


def any_writes(file: File, rng: random.Random) -> bytearray:
    lost: Sectors = {}
    for index, write in enumerate(file.pending):
        if rng.random() < 0.5:
            for sector in sectors_of(write):
                lost.setdefault(sector, index)
    return with_sectors(file, lost, len(file.pending), rng)


def any_sectors(file: File, rng: random.Random) -> bytearray:
    """Each sector on its own: all that was written to it, nothing, or what it was in between."""
    count = len(file.pending)
    share = rng.choice((0.1, 0.5, 0.9))
    chosen: Sectors = {}
    for write in file.pending:
        for sector in sectors_of(write):
            if sector not in chosen:
                chosen[sector] = count if rng.random() < share else rng.choice((0, rng.randint(0, count)))
    return with_sectors(file, chosen, 0, rng)


def a_hole(file: File, rng: random.Random) -> bytearray:
    """A run of sectors is missing."""
    touched = sorted({sector for write in file.pending for sector in sectors_of(write)})
    start = rng.randint(0, len(touched))
    end = min(len(touched), start + rng.choice((1, 1, 2, 8, 64)))
    return with_sectors(file, dict.fromkeys(touched[start:end], 0), len(file.pending), rng)


TEARS = [whole, nothing, first_writes, one_write_lost, one_write_there, any_writes, any_sectors, a_hole]

EXTREMES = [
    (whole, all_names),
    (nothing, no_names),
    (nothing, all_names),
    (whole, no_names),
]


def sectors_of(write: Write) -> range:
    return range(write.offset // SECTOR, -(-(write.offset + len(write.data)) // SECTOR))


def with_sectors(file: File, counts: Sectors, others: int, rng: random.Random) -> bytearray:
    """What is there when so many of the pending writes reached each sector."""
    content = bytearray(file.durable)
    for index, write in enumerate(file.pending):
        if write.cut:
            del content[write.length :]
        at = 0
        while at < len(write.data):
            sector = (write.offset + at) // SECTOR
            size = min(len(write.data) - at, (sector + 1) * SECTOR - write.offset - at)
            if index < counts.get(sector, others):
                end = write.offset + at + size
                if len(content) < end:
                    content.extend(bytes(end - len(content)))
                content[write.offset + at : end] = write.data[at : at + size]
            at += size
    return lengthened(file, content, rng)


def lengthened(file: File, content: bytearray, rng: random.Random) -> bytearray:
    """With a length that the file had: often one that holds all that is there, sometimes any."""
    lengths = [len(file.durable), *(write.length for write in file.pending)]
    if rng.random() < 0.7:
        length = min((length for length in lengths if length >= len(content)), default=len(file.now))
        length = rng.choice((length, max(lengths)))
    else:
        length = rng.choice(lengths)
    if length < len(content):
        del content[length:]
    else:
        content.extend(bytes(length - len(content)))
    return content
