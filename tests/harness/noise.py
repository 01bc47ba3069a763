"""Random bytes, the same ones for the same name: nothing in them is there twice, and nothing compresses."""

from __future__ import annotations

import random


def noise(name: object, size: int) -> bytes:
    return random.Random(f"{name}").randbytes(size)
