from trove.driver.types import Quota

from .core import Core

def set_quota(
    core: Core, durable: bool, bucket: str | None, max_bytes: int | None, max_objects: int | None
) -> None: ...
def get_quota(core: Core, bucket: str | None) -> Quota: ...
