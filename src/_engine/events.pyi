from collections.abc import Iterable

from trove.driver.capability import Watcher
from trove.driver.types import EventType

from .core import Core

def watch(
    core: Core,
    session: object,
    bucket: str,
    prefix: str,
    event_types: Iterable[EventType | str],
    since: int | None,
) -> Watcher: ...
