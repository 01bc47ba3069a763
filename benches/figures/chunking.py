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

KERNELS = (("portable", 3.5), ("avx2", 15.0))
"""The chunker's kernels and the GB/s that each must do."""


def chunking(bench: Bench) -> Iterator[Figure]:
    try:
        chunker = import_module("trove._engine.chunker")
    except ModuleNotFoundError as error:
        raise UnavailableError(f"the engine's chunker is not in this installation ({error})") from error
    data = bytes(bench.content(min(SIZE, bench.amount.huge)))
    for name, bound in KERNELS:
        what, target = f"chunker, {name} kernel, one core", f"at least {bound:g} GB/s"
        if name not in chunker.KERNELS:
            yield Figure(what, target, bound, None, note=f"this processor has no {name}")
            continue
        cuts = chunker.Chunker(*chunker.parameters(CHUNK), kernel=name).cuts
        times = [timed(cuts, [(data,)]) for _ in range(bench.amount.rounds)]
        rate = len(data) / statistics.median(times) / 1e9
        note = f"chunks of {shown_size(CHUNK)}"
        yield Figure(what, target, bound, rate, "GB/s", at_least=True, note=note)
