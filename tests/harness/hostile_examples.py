"""Hypothesis, seeded by FUZZ_SEED, within limits of memory; the last example is known if the process dies."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from .isolated import limit
from .peak import Peak

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

SEED = int(os.environ.get("FUZZ_SEED", "0"))
SECONDS = 20  # that an example may take on a machine with much to do
GROWTH = 400 << 20  # bytes of memory


def each_example(
    folder: Path, count: int, strategy: SearchStrategy[Any], check: Callable[[Any], None]
) -> None:
    """Call ``check`` with ``count`` examples; while it runs, the example stands in a file in ``folder``.

    The limits stay: it wants a process of its own.
    """
    kept = folder / "kept-example"

    @seed(SEED)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate,),  # to make a failing example smaller takes minutes here
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def checked(example: Any) -> None:
        kept.write_text(f"FUZZ_SEED={SEED}\n{example!r}\n")
        began = time.monotonic()
        check(example)
        assert time.monotonic() - began < SECONDS, "that took very long"

    limit()
    peak = Peak()
    checked()
    grown = peak.risen()
    assert grown < GROWTH, f"it took {grown >> 20} MiB of memory"
    kept.unlink()
