"""Results: what pytest-benchmark wrote, by group."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """One contestant in one group: the median for one operation, and the range of the middle half."""

    contestant: str
    ours: bool
    seconds: float
    spread: float


@dataclass(frozen=True)
class Group:
    """What was compared; ``size`` in bytes (0 where there is none), ``results`` with the fastest first."""

    name: str
    verb: str
    size: int
    durability: str
    results: tuple[Result, ...]

    @property
    def fastest(self) -> Result:
        return self.results[0]

    @property
    def best_of_ours(self) -> Result | None:
        """The fastest of Trove's own drivers."""
        return next((result for result in self.results if result.ours), None)


DURABILITIES = ("", "durable", "relaxed", "memory")


def groups(document: dict[str, Any]) -> list[Group]:
    """The groups of a results file, by verb, size and durability.

    Benchmarks of other kinds are left out. Raises ValueError when nothing else is there.
    """
    found: dict[str, tuple[dict[str, Any], list[Result]]] = {}
    for benchmark in document.get("benchmarks", []):
        extra = benchmark["extra_info"]
        if "verb" not in extra:
            continue
        _, results = found.setdefault(benchmark["group"], (extra, []))
        stats, operations = benchmark["stats"], extra["operations"]
        results.append(
            Result(
                extra["contestant"],
                extra["ours"],
                stats["median"] / operations,
                stats["iqr"] / operations,
            )
        )
    if not found:
        raise ValueError("the results hold no groups of contestants; run pytest benches --benchmark-only")
    listed = [
        Group(name, extra["verb"], extra["size"], extra["durability"], _ranked(results))
        for name, (extra, results) in found.items()
    ]
    verbs = list(dict.fromkeys(group.verb for group in listed))
    return sorted(listed, key=lambda g: (verbs.index(g.verb), g.size, DURABILITIES.index(g.durability)))


def _ranked(results: Iterable[Result]) -> tuple[Result, ...]:
    return tuple(sorted(results, key=lambda result: result.seconds))
