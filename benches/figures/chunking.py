"""The chunker: bytes a second on one core."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from importlib import import_module

from trove.testing.benchmarks.workload import shown_size

from .bench import KIB, MIB, Bench, UnavailableError
from .figure import Figure
from .turns import timed

SIZE = 64 * MIB
CHUNK = 64 * KIB
"""The normal size of a chunk in bytes; smaller chunks leave the kernels less to skip."""

PORTABLE, VECTOR = 3.5, 15.0
"""GB/s that the portable kernel must do, and the vector kernel that stores use on this machine."""


def chunking(bench: Bench) -> Iterator[Figure]:
    try:
        chunker = import_module("trove._engine.chunker")
    except ModuleNotFoundError as error:
        raise UnavailableError(f"the engine's chunker is not in this installation ({error})") from error
    data = bench.content(min(SIZE, bench.amount.huge))
    rates = {}
    for name in chunker.KERNELS:
        cuts = chunker.Chunker(*chunker.parameters(CHUNK), kernel=name).cuts
        times = [timed(cuts, [(data,)]) for _ in range(bench.amount.rounds)]
        rates[name] = len(data) / statistics.median(times) / 1e9
    yield _figure("portable", PORTABLE, rates.pop("portable"), "")
    if rates:
        used, *others = rates
        note = "".join(f"; {name} {rates[name]:.3g} GB/s" for name in others)
        yield _figure(used, VECTOR, rates[used], note)
    else:
        note = "this processor has no vector unit that a kernel is written for"
        yield Figure("chunker, vector kernel", f"at least {VECTOR:g} GB/s", VECTOR, None, note=note)


def _figure(kernel: str, bound: float, rate: float, note: str) -> Figure:
    what, target = f"chunker, {kernel} kernel, one core", f"at least {bound:g} GB/s"
    note = f"chunks of {shown_size(CHUNK)}{note}"
    return Figure(what, target, bound, rate, "GB/s", at_least=True, note=note)
