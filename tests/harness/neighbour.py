"""Another process that has a store open to write, and does what it is told, one thing at a time."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import trove


class Neighbour:
    """The process; it ends with the block. ``put`` returns when the write was acknowledged."""

    def __init__(self, dsn: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, dsn],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def put(self, bucket: str, key: str, data: bytes) -> None:
        self.begin_put(bucket, key, data)
        self._answer()

    def begin_put(self, bucket: str, key: str, data: bytes) -> None:
        """Have it put, without waiting until it has."""
        self._say(f"{bucket} {key} {data.hex()}")

    def has_put(self, seconds: float) -> bool:
        """Whether what it began is done, within that time."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return False
        self._answer()
        return True

    def kill(self) -> None:
        """Kill it at once, with the store open."""
        self._process.kill()
        self._end()

    def close(self) -> None:
        """Let it close the store."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._end()

    def _end(self) -> None:
        self._process.wait(60)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _answer(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "done\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self.close()


def main() -> None:
    with trove.open(sys.argv[1]) as driver:
        print("done", flush=True)
        for line in sys.stdin:
            bucket, key, *data = line.split()
            driver.put(bucket, key, bytes.fromhex("".join(data)))
            print("done", flush=True)


if __name__ == "__main__":
    main()
