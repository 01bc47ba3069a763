"""Progress bars, on the stderr of a terminal."""

from __future__ import annotations

import sys
from typing import BinaryIO, NoReturn, Self

from tqdm import tqdm

from .failure import complain

# No thread of tqdm's that watches over slow bars: signals are for the one thread that there is.
tqdm.monitor_interval = 0


class Metered:
    """A binary source that moves a progress bar as it is read."""

    def __init__(self, source: BinaryIO, progress: Progress) -> None:
        self._source = source
        self._progress = progress

    def read(self, size: int = -1, /) -> bytes:
        data = self._source.read(size)
        self._progress.moved(len(data))
        return data


class Progress:
    """How many bytes of ``total`` (``None``: nobody knows) have moved; shown on a terminal only."""

    def __init__(self, title: str, total: int | None = None) -> None:
        self.count = 0
        self._bar: tqdm[NoReturn] = tqdm(
            desc=title,
            total=total,
            unit="B",
            unit_scale=True,
            miniters=1,
            leave=False,
            file=sys.stderr,
            disable=sys.stderr is None or not sys.stderr.isatty(),
        )

    def moved(self, count: int) -> None:
        """``count`` more bytes have moved."""
        self.count += count
        self._bar.update(count)

    def reached(self, done: int, total: int) -> None:
        """``done`` of ``total`` bytes have been dealt with."""
        self._bar.total = total
        self.moved(done - self.count)

    def reading(self, source: BinaryIO) -> Metered:
        """``source``, moving the bar as it is read."""
        return Metered(source, self)

    def complain(self, text: str) -> None:
        """A line on stderr above the bar."""
        self._bar.clear()
        complain(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._bar.close()
