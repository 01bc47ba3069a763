"""How fast the chunker cuts, for each kernel and kind of data.

``GB_per_s`` counts all bytes, as a store sees it; ``scanned_GB_per_s`` leaves out the bytes below the minimum
of each chunk, which no kernel looks at. 1 MiB stays in the cache, 256 MiB does not.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from trove._engine.chunker import KERNELS, Chunker, parameters

KINDS = ("random", "zero", "text")
MIB = 1 << 20


def make(kind: str, size: int) -> bytes:
    rng = random.Random(1)
    if kind == "random":
        return b"".join(rng.randbytes(MIB) for _ in range(size // MIB))
    if kind == "zero":
        return b"\0" * size
    words = [bytes(rng.choices(b"etaoinshrdlucmfw", k=rng.randint(1, 9))) for _ in range(2000)]
    text = b" ".join(rng.choices(words, k=MIB // 4))
    return (text * (size // len(text) + 1))[:size]


@pytest.mark.parametrize("size", [MIB, 256 * MIB], ids=["1MiB", "256MiB"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_cuts(benchmark: Any, kernel: str, kind: str, size: int) -> None:
    data = make(kind, size)
    chunker = Chunker(*parameters(65_536), kernel=kernel)
    benchmark.group = f"chunker {kind} {size // MIB} MiB"
    cuts = benchmark.pedantic(
        chunker.cuts, (data,), rounds=400 if size == MIB else 8, warmup_rounds=1, iterations=1
    )
    skipped = sum(min(cut, chunker.minimum) for cut in cuts)
    fastest = benchmark.stats.stats.min
    benchmark.extra_info["GB_per_s"] = round(size / fastest / 1e9, 2)
    benchmark.extra_info["scanned_GB_per_s"] = round((size - skipped) / fastest / 1e9, 2)
