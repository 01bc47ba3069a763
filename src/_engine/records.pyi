from collections.abc import Callable
from datetime import datetime
from typing import Any

from trove.driver.types import ObjectInfo

from .engine import Engine

ELSEWHERE: object

class Records:
    def __init__(
        self,
        engine: Engine,
        kind: type[object],
        bucket: str,
        before: str,
        behind: str,
        longest: int,
        content_type: str,
        expires_at: str,
        clock: Callable[[], datetime] | None,
    ) -> None: ...
    def is_own(self, info: ObjectInfo) -> bool: ...
    def instant_of(self, info: ObjectInfo) -> datetime | None: ...
    def read(self, key: object) -> Any: ...
    def write(self, key: object, value: object, expires_at: datetime | None) -> bool: ...
