"""Accidents that the files of a store can have, each made from one seed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

SECTOR = 512
PAGE = 4096
Accident = Callable[[bytearray, Random], None]
FILES = ("STORE", "state", "LOCK", "reserve", "index/data.mdb", "index/lock.mdb")


def somewhere(raw: bytearray, random: Random) -> int:
    """A place in what was written, or a little behind it."""
    written = len(raw.rstrip(b"\0"))
    return random.randrange(min(len(raw), written + SECTOR))


def flip(raw: bytearray, random: Random) -> None:
    """Some bits."""
    for _ in range(random.choice([1, 1, 1, 8])):
        raw[somewhere(raw, random)] ^= 1 << random.randrange(8)


def scribble(raw: bytearray, random: Random) -> None:
    """A few bytes of noise, on a word's place."""
    at = somewhere(raw, random) & ~7
    noise = random.randbytes(random.choice([4, 8, 40]))
    raw[at : at + len(noise)] = noise[: len(raw) - at]


def blocks(raw: bytearray, random: Random) -> tuple[slice, slice]:
    size: int = random.choice([SECTOR, PAGE])
    places = [somewhere(raw, random) // size * size for _ in range(2)]
    return slice(places[0], places[0] + size), slice(places[1], places[1] + size)


def blank(raw: bytearray, random: Random) -> None:
    """A sector or page that was never written."""
    one, _ = blocks(raw, random)
    raw[one] = bytes(len(raw[one]))


def duplicate(raw: bytearray, random: Random) -> None:
    """A sector or page that was written where another one belongs."""
    one, other = blocks(raw, random)
    piece = raw[one]
    raw[other] = piece[: len(raw[other])].ljust(len(raw[other]), b"\0")


def swap(raw: bytearray, random: Random) -> None:
    """Two of them that changed places."""
    one, other = blocks(raw, random)
    if len(raw[one]) == len(raw[other]):
        raw[one], raw[other] = raw[other], raw[one]


def truncate(raw: bytearray, random: Random) -> None:
    del raw[somewhere(raw, random) & random.choice([~0, ~(SECTOR - 1)]) :]


def extend(raw: bytearray, random: Random) -> None:
    length = random.choice([7, 40, 5000])
    raw += random.choice([bytes(length), random.randbytes(length)])


CONTENTS: tuple[Accident, ...] = (
    flip,
    flip,
    scribble,
    blank,
    duplicate,
    swap,
    truncate,
    extend,
)


def of_content(path: Path, random: Random) -> str:
    raw = bytearray(path.read_bytes())
    accident: Accident = random.choice(CONTENTS) if raw else extend
    accident(raw, random)
    # In place: the file stays the one that it was, as it does when a medium goes bad.
    with open(path, "r+b") as file:
        file.write(raw)
        file.truncate()
    return accident.__name__


def of_name(path: Path, random: Random, other: Path) -> str:
    """Removed, emptied, renamed, or replaced by the same file of the store ``other``."""
    kind: str = random.choice(["remove", "empty", "rename", "foreign"])
    if kind == "remove":
        path.unlink()
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "rename":
        path.rename(path.with_name(f"{random.randrange(1, 9):010d}{path.suffix}"))
    else:
        theirs = sorted(other.glob(f"{path.parent.name}/*{path.suffix}" if path.suffix else path.name))
        if not theirs:
            return of_content(path, random)
        shutil.copyfile(theirs[0], path)
    return kind


def befall(store: Path, random: Random, other: Path) -> list[str]:
    """Let one or several accidents happen to the files of a store; what they were."""
    said = []
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        packs = sorted(store.glob("packs/*.pack"))
        snapshots = sorted(store.glob("snapshots/*"))
        files = [store / name for name in FILES if (store / name).exists()] + packs + snapshots
        # The log is the truth: half of all accidents happen to it.
        path = random.choice(packs if packs and random.random() < 0.5 else files)
        kind = of_name(path, random, other) if random.random() < 0.15 else of_content(path, random)
        said.append(f"{kind} {path.relative_to(store)}")
    if random.random() < 0.25:
        shutil.rmtree(store / "index", ignore_errors=True)
        said.append("remove index")
    return said


def befall_files(store: Path, random: Random, pattern: str) -> list[str]:
    """Let one happen to the content of each file that fits ``pattern``."""
    return [f"{of_content(path, random)} {path.relative_to(store)}" for path in sorted(store.glob(pattern))]
