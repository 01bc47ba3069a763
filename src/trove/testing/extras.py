"""The parts of an installation that are left out unless asked for, and how to ask for them."""

from __future__ import annotations

from importlib.util import find_spec


def require(what: str, extra: str, *modules: str) -> None:
    """Raise ImportError, which names the extra, if one of the modules that ``what`` needs is missing."""
    # Looked for but not imported: pytest rewrites the assertions of plugins as it imports them itself.
    for name in modules:
        if find_spec(name) is None:
            raise ImportError(
                f"{what} needs {name}; install it with: pip install 'trove-engine[{extra}]'", name=name
            )


def require_benchmarks() -> None:
    """Raise ImportError if the benchmarks can't run in this installation."""
    require("a benchmark of trove.testing", "bench", "pytest", "pytest_benchmark")
