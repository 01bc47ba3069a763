"""Crowd: threads that wait for a round to begin and then all work at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

PATIENCE = 600.0
"""Seconds after which a round that has not ended counts as hanging."""


class Crowd:
    """``count`` threads; each :meth:`round` has every one of them call its function once.

    The threads are made beforehand, so that a round costs two barriers and not their making.
    """

    def __init__(self, count: int, function: Callable[[int], object]) -> None:
        self._function = function
        self._begin = threading.Barrier(count + 1)
        self._end = threading.Barrier(count + 1)
        self._over = False
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over = True
        self._begin.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)

    def round(self) -> None:
        """One round; raises the first error that a thread had."""
        self._begin.wait(PATIENCE)
        self._end.wait(PATIENCE)
        if self._errors:
            raise self._errors[0]

    def _work(self, number: int) -> None:
        while True:
            self._begin.wait(PATIENCE)
            if self._over:
                return
            try:
                self._function(number)
            except BaseException as error:
                self._errors.append(error)
            self._end.wait(PATIENCE)
