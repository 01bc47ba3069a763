"""Quarantine: where a repair keeps what it found damaged, so that nothing is lost by it."""

from __future__ import annotations

import errno
import os

from .pack import sync_folder
from .reports import Quarantined

NAME = "quarantine"
_BLOCK = 1 << 20


class Quarantine:
    """The folder of one repair that keeps what is damaged; made when there is something to keep."""

    def __init__(self, store: str) -> None:
        self._store = store
        self._folder: str | None = None
        self.entries: list[Quarantined] = []

    def folder(self) -> str:
        """Its path."""
        if self._folder is None:
            above = os.path.join(self._store, NAME)
            os.makedirs(above, 0o700, exist_ok=True)
            taken = [int(name) for name in os.listdir(above) if name.isdigit()]
            self._folder = os.path.join(above, str(max(taken, default=0) + 1))
            os.mkdir(self._folder, 0o700)
        return self._folder

    def file(self, name: str) -> str:
        """The path of a new file in it."""
        return os.path.join(self.folder(), name)

    def keep_range(self, what: str, file: str, offset: int, length: int) -> None:
        """Copy a range of a file of the store, as far as it can be read."""
        source = os.path.join(self._store, file)
        name = f"{os.path.basename(file)}.{offset}-{offset + length}"
        try:
            with open(source, "rb") as damaged, open(self.file(name), "wb") as kept:
                damaged.seek(offset)
                left = length
                while left > 0 and (block := damaged.read(min(_BLOCK, left))):
                    kept.write(block)
                    left -= len(block)
                kept.flush()
                os.fsync(kept.fileno())
        except FileNotFoundError:
            name = ""  # there is nothing to keep
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        self._note(what, file, offset, length, name)

    def move(self, what: str, file: str) -> None:
        """Move a whole file of the store."""
        source = os.path.join(self._store, file)
        length = os.path.getsize(source)
        name = os.path.basename(file)
        os.rename(source, self.file(name))
        sync_folder(os.path.dirname(source))
        self._note(what, file, 0, length, name)

    def _note(self, what: str, file: str, offset: int, length: int, name: str) -> None:
        kept = os.path.relpath(self.file(name), self._store) if name else ""
        self.entries.append(Quarantined(what, file, offset, length, kept))

    def sync(self) -> None:
        """Make its names durable."""
        if self._folder is not None:
            sync_folder(self._folder)
            sync_folder(os.path.dirname(self._folder))
            sync_folder(self._store)
