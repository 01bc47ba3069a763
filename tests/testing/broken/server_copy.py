"""A fault in copies that the server makes."""

from __future__ import annotations

from typing import Any

from trove.driver import (
    ObjectInfo,
)
from trove.drivers.memory import MemoryDriver

from .fault import caught_by


@caught_by(
    "test_server_copy_keeps_what_goes_along",
)
class ServerCopyLosesMetadata(MemoryDriver):
    """server_copy copies the data alone."""

    def server_copy(self, src: Any, dst: Any) -> ObjectInfo:
        super().server_copy(src, dst)
        return self.copy(src.bucket, src.key, dst.bucket, dst.key, metadata={})
