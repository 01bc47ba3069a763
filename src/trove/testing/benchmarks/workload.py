"""What is put and read, and how often: the same in every run, and the same for every contestant."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from .contestant import Contestant, Durability

KIB = 1024
MIB = 1024 * KIB

SEED = 20_261_121
BATCH = 100
"""Objects in one batch."""

THREADS = 16
RANGE = 64 * KIB
BLOCK = MIB
"""Bytes read at a time from a stream."""


def shown_size(size: int) -> str:
    """``size`` in bytes, for people: ``64KiB``."""
    if size >= 1024 * MIB:
        return f"{size // (1024 * MIB)}GiB"
    return f"{size // MIB}MiB" if size >= MIB else f"{size // KIB}KiB"


@dataclass(frozen=True)
class Repeats:
    """``rounds`` are timed, each of ``iterations`` calls; one round more comes first, untimed."""

    rounds: int
    iterations: int

    @property
    def calls(self) -> int:
        # One round to warm up, and the one call whose result pytest-benchmark returns.
        return (self.rounds + 1) * self.iterations + 1


@dataclass(frozen=True)
class Plan:
    """How much is measured: all of it, or in quick mode just enough to see that everything runs."""

    quick: bool = False

    @property
    def sizes(self) -> tuple[int, ...]:
        return (KIB, 64 * KIB) if self.quick else (KIB, 64 * KIB, MIB, 10 * MIB)

    @property
    def largest(self) -> int:
        return self.sizes[-1]

    @property
    def stream(self) -> int:
        """Bytes that are streamed."""
        return MIB if self.quick else 16 * MIB

    @property
    def page(self) -> int:
        """Keys on one page of a listing."""
        return 20 if self.quick else 1000

    @property
    def objects(self) -> int:
        """Small objects in a store that is read."""
        return 3 * self.page

    def writes(self, size: int, durability: Durability) -> Repeats:
        if self.quick:
            return Repeats(1, 1)
        if durability is Durability.DURABLE:
            return {KIB: Repeats(20, 10), 64 * KIB: Repeats(20, 5), MIB: Repeats(15, 1)}.get(
                size, Repeats(7, 1)
            )
        return {KIB: Repeats(40, 50), 64 * KIB: Repeats(30, 10), MIB: Repeats(20, 2)}.get(size, Repeats(7, 1))

    def reads(self, size: int) -> Repeats:
        if self.quick:
            return Repeats(1, 1)
        return {KIB: Repeats(50, 100), 64 * KIB: Repeats(40, 25), MIB: Repeats(30, 5)}.get(
            size, Repeats(15, 1)
        )

    def few(self, durability: Durability) -> Repeats:
        """For calls that do a lot at once: a batch, a stream, a crowd of threads."""
        if self.quick:
            return Repeats(1, 1)
        return Repeats(5 if durability is Durability.DURABLE else 10, 1)


@lru_cache(maxsize=8)
def payloads(size: int, count: int) -> tuple[bytes, ...]:
    """``count`` different contents of ``size`` bytes; nothing in them repeats or can be compressed."""
    generator = random.Random(f"{SEED}/{size}")
    return tuple(generator.randbytes(size) for _ in range(count))


def new_objects(size: int, count: int) -> Iterator[tuple[str, bytes]]:
    """``count`` keys in order, each with a content that no other has."""
    return ((f"new-{size:08d}-{number:08d}", data) for number, data in enumerate(payloads(size, count)))


def small_key(number: int) -> str:
    return f"small-{number:08d}"


def sized_key(size: int, number: int) -> str:
    return f"sized-{size:08d}-{number:08d}"


class Library:
    """A store filled for reading: many small objects, and a few of every other size."""

    SIZED = 4

    def __init__(self, contestant: Contestant, plan: Plan) -> None:
        self.contestant = contestant
        self.plan = plan
        for number, data in enumerate(payloads(KIB, plan.objects)):
            contestant.put(small_key(number), data)
        for size in plan.sizes[1:]:
            for number, data in enumerate(payloads(size, self.SIZED)):
                contestant.put(sized_key(size, number), data)
        for size in plan.sizes:
            # What gives wrong answers can be as fast as it likes.
            key = small_key(0) if size == KIB else sized_key(size, 0)
            if contestant.get(key) != next(new_objects(size, 1))[1]:
                raise AssertionError(f"{key} was not read as it was put")

    def keys(self, size: int, count: int) -> Iterator[tuple[str]]:
        """``count`` keys of objects of ``size`` bytes, in an order that nobody can foresee."""
        generator = random.Random(f"{SEED}/keys/{size}")
        if size == KIB:
            return ((small_key(generator.randrange(self.plan.objects)),) for _ in range(count))
        return ((sized_key(size, generator.randrange(self.SIZED)),) for _ in range(count))

    def ranges(self, count: int) -> Iterator[tuple[str, int, int]]:
        """``count`` ranges of objects of the largest size."""
        generator = random.Random(f"{SEED}/ranges")
        size = self.plan.largest
        length = min(RANGE, size // 4)
        return (
            (sized_key(size, generator.randrange(self.SIZED)), generator.randrange(size - length), length)
            for _ in range(count)
        )
