"""The recorder of this process, which runs with its library preloaded."""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path

from harness import preload

SOURCE = Path(__file__).with_name("recorder.c")


def build(folder: Path) -> Path:
    """The library, compiled into ``folder``."""
    return preload.build(SOURCE, folder)


class Recorder:
    """Writes down into the file ``trace`` what happens below ``folder``, from now on until ``stop``.

    A child that is forked meanwhile writes into the same trace. One at a time in a process. ``store`` is the
    folder of the store, below ``folder``: of its files some are written through mappings.
    """

    def __init__(self, folder: Path, store: Path, trace: Path) -> None:
        self._library = ctypes.CDLL(None)
        self._library.recorder_mark.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        self._library.recorder_fail.argtypes = [ctypes.c_char_p, ctypes.c_long]
        paths = [os.fsencode(os.path.realpath(path)) for path in (folder, store, trace)]
        error = self._library.recorder_start(*paths)
        if error:
            raise OSError(error, os.strerror(error), str(trace))

    def mark(self, **said: object) -> None:
        text = json.dumps(said).encode()
        self._library.recorder_mark(text, len(text))

    def fail_flush(self, path_part: str, number: int) -> None:
        """Let the ``number``-th flush from now of a file with that in its path fail."""
        self._library.recorder_fail(path_part.encode(), number)

    def stop(self) -> None:
        self._library.recorder_stop()
