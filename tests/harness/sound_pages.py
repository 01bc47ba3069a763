"""Whether an index's file is sound: to the engine, and to the verifier of the lmdb package."""

from __future__ import annotations

import struct
from pathlib import Path

from lmdb.verify import VerifyError, verify

from trove._engine.pages import check_pages
from trove.errors import CorruptStoreError


def is_sound(file: Path, seals: bool = True) -> bool:
    """To the engine; without ``seals`` rows are not held against theirs."""
    try:
        check_pages(str(file), seals)
    except CorruptStoreError:
        return False
    return True


def is_sound_to_lmdb(file: Path) -> bool:
    """To the verifier, which knows nothing of seals."""
    try:
        return not verify(str(file.parent))
    except (VerifyError, struct.error):
        return False
