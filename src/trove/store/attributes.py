"""What a record has beside its value where things have attributes: a type, and the instant of its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from ..errors import CorruptStoreError, shown

CONTENT_TYPE = "application/octet-stream"

EXPIRES_AT = "trove-record-expires-at"
"""The name in the metadata of the instant, which is in ISO 8601, in UTC and with six digits of a second."""


def metadata_until(instant: datetime) -> dict[str, str]:
    """The metadata of a record that is gone at ``instant``."""
    return {EXPIRES_AT: instant.astimezone(UTC).isoformat(timespec="microseconds")}


def instant_in(key: str, metadata: Mapping[str, str]) -> datetime | None:
    """The instant in the ``metadata`` of the record of ``key``. Raises CorruptStoreError for what is none."""
    text = metadata.get(EXPIRES_AT)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise CorruptStoreError(
            f"record {shown(key)} has {shown(text)} in its metadata for the time of its expiry; write the "
            "record again, or delete it",
            key=key,
        ) from error
