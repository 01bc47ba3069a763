"""Data that says of itself which it is and whether it is whole."""

from __future__ import annotations

import hashlib
import random

SIZES = (40, 2000, 3000, 90_000, 1_200_000)  # inline, one chunk, several chunks, a list of chunks
_DIGEST = 16


def described(name: str, size: int) -> bytes:
    """``size`` bytes that hold ``name`` and are its own checksum's; at least 20 more than the name has."""
    body = name.encode() + b"\0"
    body += random.Random(name).randbytes(size - _DIGEST - len(body))
    return hashlib.blake2b(body, digest_size=_DIGEST).digest() + body


def name_of(data: bytes) -> str:
    """The name that ``data`` was made with; an AssertionError unless it is all of it and nothing else."""
    digest, body = data[:_DIGEST], data[_DIGEST:]
    assert hashlib.blake2b(body, digest_size=_DIGEST).digest() == digest, (
        f"{len(data)} bytes that nobody wrote like this: {data[:60]!r}"
    )
    return body[: body.index(b"\0")].decode()
