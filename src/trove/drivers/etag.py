"""ETags: names for contents, made with XXH3-128 (https://xxhash.com)."""

from __future__ import annotations

from collections.abc import Iterable

import xxhash

from ..driver import PartInfo

ContentHash = xxhash.xxh3_128
"""The running hash of an object's bytes; its ``hexdigest()`` is the etag."""


def content_etag(data: bytes) -> str:
    """The etag of ``data``: 32 hexadecimal digits."""
    return xxhash.xxh3_128_hexdigest(data)


def multipart_etag(parts: Iterable[PartInfo]) -> str:
    """The etag of an object made of ``parts``: a hash of theirs and, behind a dash, their number."""
    etags = [part.etag for part in parts]
    return f"{content_etag(''.join(etags).encode())}-{len(etags)}"
