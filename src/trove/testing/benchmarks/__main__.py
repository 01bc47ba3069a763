"""``python -m trove.testing.benchmarks DSN... [pytest options]``: benchmark drivers."""

from __future__ import annotations

import sys

from ..extras import require_benchmarks

USAGE = """usage: python -m trove.testing.benchmarks DSN [DSN ...] [pytest options]

Benchmarks the drivers of these DSNs side by side. {folder} in a DSN becomes a fresh folder.
  --bench-quick              run everything once, to see that it works
  --bench-dir=FOLDER         make the stores in this folder
  --driver-durability=LEVEL  durable, relaxed or memory, where the DSN doesn't say it
  --benchmark-json=FILE      write the results to a file
"""


def main(arguments: list[str]) -> int:
    """The exit code of pytest; 2 when the call itself was wrong."""
    dsns = []
    while arguments and not arguments[0].startswith("-"):
        dsns.append(arguments.pop(0))
    if not dsns:
        asked = arguments[:1] in (["-h"], ["--help"])
        print(USAGE, end="", file=sys.stdout if asked else sys.stderr)
        return 0 if asked else 2
    try:
        require_benchmarks()
    except ImportError as error:
        print(error, file=sys.stderr)
        return 2
    import pytest

    return pytest.main(
        [
            "-p",
            "trove.testing.pytest_plugin",
            "--benchmark-only",
            "--pyargs",
            "trove.testing.benchmarks.test_driver",
            *(f"--driver-dsn={dsn}" for dsn in dsns),
            *arguments,
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
