"""Pages of an index, their fields changed one by one, by what they mean: nothing passes that LMDB trips over.

Bits and whole pages at random are for ``tests/_engine/test_pages.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from harness.alone import alone
from harness.hostile_examples import each_example
from harness.sound_pages import is_sound, is_sound_to_lmdb
from hypothesis import strategies as st

import trove

PAGE, HEADER, META = 4096, 24, 24
BRANCH, LEAF, OVERFLOW = 1, 2, 4
BIG, TREE = 1, 2
Field = tuple[int, int]  # offset in the file, bytes


def made(path: Path) -> bytes:
    """An index with branches, values in pages of their own, and free pages."""
    random = Random(3)
    with trove.open(f"trove://{path}?durability=relaxed&chunk_size=1024") as driver:
        driver.create_bucket("b")
        for number in range(160):
            driver.put(
                "b", f"{number:04}" + "k" * (number % 3 * 300), random.randbytes(100 + number % 4 * 1500)
            )
        driver.put("b", "list", random.randbytes(400_000))
        for number in range(0, 160, 4):
            driver.delete("b", f"{number:04}" + "k" * (number % 3 * 300))
    return (path / "index" / "data.mdb").read_bytes()


def word(raw: bytes, at: int, length: int = 8) -> int:
    return int.from_bytes(raw[at : at + length], "little")


def fields(raw: bytes) -> list[Field]:
    """Everything in an index's file that leads somewhere or counts something."""
    found = []
    for meta in (0, PAGE):
        found += [(meta, 8), (meta + 18, 2)]
        found += [(meta + HEADER + at, 4) for at in (0, 4, 24)]
        found += [(meta + HEADER + at, 8) for at in (8, 16, 120, 128)]
        for tree in (24, 72):
            found += tree_fields(meta + HEADER + tree)
    last = max(word(raw, meta + HEADER + 120) for meta in (0, PAGE))
    for page in range(2, last + 1):
        found += page_fields(raw, page * PAGE)
    return found


def tree_fields(at: int) -> list[Field]:
    return [(at + 4, 2), (at + 6, 2)] + [(at + each, 8) for each in (8, 16, 24, 32, 40)]


def page_fields(raw: bytes, start: int) -> Iterator[Field]:
    kind = word(raw, start + 18, 2)
    yield from (
        (start, 8),
        (start + 8, 8),
        (start + 16, 2),
        (start + 18, 2),
        (start + 20, 2),
        (start + 22, 2),
    )
    if kind == OVERFLOW:
        yield start + 20, 4
    if kind not in (BRANCH, LEAF):
        return
    for place in range(start + HEADER, start + HEADER + word(raw, start + 20, 2), 2):
        yield place, 2
        node = start + HEADER + word(raw, place, 2)
        yield from ((node, 4), (node + 4, 2), (node + 6, 2))
        value = node + 8 + (word(raw, node + 6, 2) + 1 & ~1)
        flags = word(raw, node + 4, 2)
        if kind == LEAF and flags == BIG:
            yield from ((value, 8), (value + 8, 8), (value + 16, 8))
        elif kind == LEAF and flags == TREE:
            yield from tree_fields(value)
        elif kind == LEAF and word(raw, node + 6, 2) == 8:
            # Free pages: a count, then their numbers.
            yield from ((value, 8), (value + 8, 8), (value + 16, 8))


def otherwise(raw: bytes, places: list[Field], changes: list[tuple[int, str, int]]) -> bytes:
    """The file with some fields of it changed."""
    changed = bytearray(raw)
    for choice, how, number in changes:
        at, length = places[choice % len(places)]
        now = word(raw, at, length)
        value = {
            "add": now + number,
            "be": number,
            "bit": now ^ 1 << number % (8 * length),
            "most": (1 << 8 * length) - 1 - number % 3,
            "swap": word(raw, places[number % len(places)][0], length),
        }[how]
        changed[at : at + length] = (value % (1 << 8 * length)).to_bytes(length, "little")
    return bytes(changed)


@pytest.mark.parametrize("count", [120, pytest.param(10_000, marks=pytest.mark.slow)])
@alone(timeout=1200)
def test_nothing_passes_that_lmdb_can_not_be_trusted_with(tmp_path: Path, count: int) -> None:
    raw = made(tmp_path / "store")
    places = fields(raw)
    file = tmp_path / "store" / "index" / "data.mdb"
    kinds = st.sampled_from(["add", "add", "be", "bit", "most", "swap"])
    change = st.tuples(st.integers(0, len(places) - 1), kinds, st.integers(-3, 3) | st.integers(0, 1 << 16))
    passed = refused = 0

    def check(changes: list[tuple[int, str, int]]) -> None:
        nonlocal passed, refused
        file.write_bytes(otherwise(raw, places, changes))
        if is_sound(file, seals=False):
            passed += 1
            assert is_sound_to_lmdb(file), [
                (places[choice % len(places)], how, n) for choice, how, n in changes
            ]
        else:
            refused += 1
            assert not is_sound(file, seals=True)

    each_example(tmp_path, count, st.lists(change, min_size=1, max_size=3), check)
    assert refused > passed > 0


@alone(timeout=120)
def test_every_field_of_a_page_is_known(tmp_path: Path) -> None:
    """What is changed here is what LMDB reads: the file has all kinds of it."""
    raw = made(tmp_path / "store")
    pages = range(2 * PAGE, (1 + max(word(raw, meta + 144) for meta in (0, PAGE))) * PAGE, PAGE)
    kinds = {word(raw, start + 18, 2) for start in pages}
    assert kinds >= {BRANCH, LEAF, OVERFLOW}
    assert len(fields(raw)) > 1000
    assert is_sound(tmp_path / "store" / "index" / "data.mdb", seals=True)
