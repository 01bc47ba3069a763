import threading
from collections.abc import Iterable
from datetime import datetime

from trove.driver.types import LifecycleReport, LifecycleRule

from .core import Core

def set_lifecycle(core: Core, durable: bool, bucket: str, rules: Iterable[LifecycleRule]) -> None: ...
def get_lifecycle(core: Core, bucket: str) -> list[LifecycleRule]: ...
def free_expired(core: Core, stopped: threading.Event) -> None: ...
def apply_lifecycle(
    core: Core, durable: bool, now: datetime | None, stopped: threading.Event | None = None
) -> LifecycleReport: ...
