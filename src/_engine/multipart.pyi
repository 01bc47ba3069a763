import threading
from collections.abc import Iterable, Mapping
from typing import Any

from trove.driver.data import Data
from trove.driver.types import ObjectInfo, PartInfo, UploadInfo

from .core import Core

DAY: int

def initiate(core: Core, durable: bool, bucket: str, key: str, options: Mapping[str, Any]) -> str: ...
def upload_part(
    core: Core, durable: bool, bucket: str, key: str, upload_id: str, part_number: int, data: Data
) -> PartInfo: ...
def complete(
    core: Core, durable: bool, bucket: str, key: str, upload_id: str, parts: Iterable[PartInfo]
) -> ObjectInfo: ...
def abort(core: Core, durable: bool, bucket: str, key: str, upload_id: str) -> None: ...
def abort_older(core: Core, days: int, stopped: threading.Event | None = None) -> int:
    """Abort the uploads that were begun more than ``days`` days ago, none if that is 0; how many."""

def list_parts(core: Core, bucket: str, key: str, upload_id: str) -> list[PartInfo]: ...
def list_multiparts(core: Core, bucket: str) -> list[UploadInfo]: ...
