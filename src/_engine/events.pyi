from collections.abc import Iterable

from trove.driver.capability import Watcher
from trove.driver.types import EventType

from .core import Core

IN_COMMIT: int  # bits of a sequence that number the changes of a commit

def watch(
    core: Core,
    session: object,
    bucket: str,
    prefix: str,
    event_types: Iterable[EventType | str],
    since: int | None,
) -> Watcher: ...
