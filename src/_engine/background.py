"""Background: what a store does by itself while it is open, in threads of its own.

Relaxed writes are flushed about once a second, a snapshot of the index is taken when the log has grown, and
one thread keeps house.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

from trove.errors import TroveError

from . import housekeeping

if TYPE_CHECKING:
    from .core import Core

FLUSH_SECONDS = 1.0  # how long relaxed writes stay unflushed, about
LONGEST_PAUSE = 60.0  # seconds between two tries on a disk that fails

# A snapshot is taken when this much came since the last one: a rebuild makes 150,000 to 300,000 changes a
# second, so it takes a few seconds then. A large index is not copied for the sake of a little log.
SNAPSHOT_CHANGES = 500_000
SNAPSHOT_BYTES = 256 << 20
SNAPSHOT_SHARE = 8


class Background:
    """The threads of one store in this process."""

    def __init__(self) -> None:
        self._flusher: threading.Thread | None = None
        self._snapshotter: threading.Thread | None = None
        self._housekeeper: threading.Thread | None = None
        self._stopped = threading.Event()
        self._lock = threading.RLock()  # a finalizer may close the store in the thread that begins one

    def flush(self, core: Core) -> None:
        """See to it that somebody flushes what ``core`` leaves unflushed, until ``stop``."""
        if self._flusher is None or not self._flusher.is_alive():
            arguments = weakref.ref(core), self._stopped
            thread = threading.Thread(
                target=_flush_regularly, args=arguments, name="trove-flush", daemon=True
            )
            with self._lock:
                # Who closes the store flushes it.
                if not self._stopped.is_set():
                    thread.start()
                    self._flusher = thread

    def snapshot(self, core: Core, log_bytes: int) -> bool:
        """Begin to take a snapshot, if it is worth a copy of the index; whether it is being taken now.

        ``log_bytes`` of commits came since the last one.
        """
        if log_bytes * SNAPSHOT_SHARE < core.index.used_bytes():
            return False
        if self._snapshotter is not None and self._snapshotter.is_alive():
            return False
        thread = threading.Thread(target=_snapshot_once, args=(core,), name="trove-snapshot", daemon=True)
        with self._lock:
            if self._stopped.is_set():
                return False
            thread.start()
            self._snapshotter = thread
        return True

    def keep_house(self, core: Core) -> None:
        """See to it that somebody keeps house until ``stop``."""
        if self._housekeeper is not None:
            return
        arguments = weakref.ref(core), self._stopped
        thread = threading.Thread(
            target=housekeeping.keep_house, args=arguments, name="trove-house", daemon=True
        )
        with self._lock:
            if not self._stopped.is_set():
                thread.start()
                self._housekeeper = thread

    def stop(self) -> None:
        """Wait for the threads; none begins from now on."""
        with self._lock:
            self._stopped.set()
        for thread in (self._flusher, self._snapshotter, self._housekeeper):
            # A finalizer that closes the store can run in any thread, in these as well.
            if thread is not None and thread is not threading.current_thread():
                thread.join()
        self._flusher = self._snapshotter = self._housekeeper = None


def _flush_regularly(core_of: weakref.ref[Core], stopped: threading.Event) -> None:
    """Flush about once a second what there is to flush; after a failure, less and less often."""
    pause = FLUSH_SECONDS
    while not stopped.wait(pause):
        core = core_of()
        if core is None:
            return
        if core.state.unflushed():
            try:
                core.flush_now()
                pause = FLUSH_SECONDS
            except TroveError:
                # The next durable write, or close, meets the same failure and reports it.
                pause = min(2 * pause, LONGEST_PAUSE)
        del core


def _snapshot_once(core: Core) -> None:
    # Nothing depends on it but the time of a rebuild; the next one is tried when more has come.
    with suppress(TroveError):
        core.snapshot(wait=False)
