from typing import Final

from trove.driver.types import LifecycleRule

DAY: Final[int]
NEVER: Final[int]
_known: dict[bytes, Timetable]

class Timetable:
    """The rules of a bucket, so that those of a key are found at their own price, however many there are."""

    def __init__(self, rules: tuple[LifecycleRule, ...]) -> None: ...
    def at(self, place: bytes) -> list[LifecycleRule]:
        """The enabled rules whose prefix the key of ``place`` has."""
