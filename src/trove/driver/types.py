"""The values that drivers give out: immutable, comparable, hashable, picklable.

Sizes are in bytes, times are timezone-aware UTC ``datetime`` objects. The mappings inside
are read-only dictionaries. What is open and has to be closed (readers, pages, watchers)
is not here but in :mod:`~trove.driver.reader`, :mod:`~trove.driver.listing` and
:mod:`~trove.driver.capability`.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NoReturn

STANDARD = "STANDARD"
"""The storage class of an object that was put without one."""


class ReadOnlyDict(dict[str, str]):
    """A ``str`` to ``str`` dictionary that can't be changed.

    A subclass of ``dict``, so that ``json``, ``pickle`` and comparison take it as one.
    """

    __slots__ = ()

    def _refuse(self, *args: object, **kwargs: object) -> NoReturn:
        raise TypeError("this mapping is read-only; dict(mapping) gives a copy that is not")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return (ReadOnlyDict, (dict(self),))


EMPTY = ReadOnlyDict()
"""The one empty mapping that objects without metadata or tags share."""


def read_only(mapping: Mapping[str, str] | Iterable[tuple[str, str]]) -> ReadOnlyDict:
    """``mapping`` as a :class:`ReadOnlyDict`: itself if it is one, else a copy."""
    return mapping if isinstance(mapping, ReadOnlyDict) else ReadOnlyDict(mapping)


@dataclass(frozen=True, slots=True)
class ObjectInfo(metaclass=ABCMeta):
    """What is known of one version of an object, without its data.

    ``etag`` names the content: the same bytes by ``put`` have the same etag on one driver.
    ``version_id`` is ``""`` in a bucket that was never versioned. A driver may give a class of
    its own that is registered with this one and has the same attributes.
    """

    key: str
    size: int
    content_type: str
    etag: str
    last_modified: datetime
    metadata: Mapping[str, str] = field(default=EMPTY)
    tags: Mapping[str, str] = field(default=EMPTY)
    version_id: str = ""
    storage_class: str = STANDARD

    def __post_init__(self) -> None:
        object.__setattr__(self, "metadata", read_only(self.metadata))
        object.__setattr__(self, "tags", read_only(self.tags))


@dataclass(frozen=True, slots=True)
class BucketInfo:
    """A bucket and the time of its creation."""

    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """The place of an object: a bucket and a key."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class PartInfo:
    """One uploaded part of a multipart upload; ``size`` in bytes."""

    part_number: int
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class UploadInfo:
    """An open multipart upload."""

    upload_id: str
    key: str
    initiated: datetime


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One version of an object, or a delete marker (of size 0 and etag ``""``)."""

    version_id: str
    key: str
    size: int
    last_modified: datetime
    etag: str
    is_latest: bool
    is_delete_marker: bool


class EventType(StrEnum):
    """What happened to an object."""

    CREATED = "object.created"
    UPDATED = "object.updated"
    DELETED = "object.deleted"


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One change of one object.

    ``info`` is what the object is since then, ``None`` for a deletion. ``sequence`` grows
    with every change of the store and is what ``watch(since=...)`` takes.
    """

    type: EventType
    bucket: str
    key: str
    info: ObjectInfo | None
    sequence: int


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    """What becomes of the objects under ``prefix`` as they age; ages are days of 24 hours.

    Objects expire ``expiration_days`` after their last modification, and move to the storage
    class ``transition_storage`` after ``transition_days``. ``None`` leaves a step out. Where versions are
    kept, an expiry hides the object behind a delete marker; old versions are removed for good
    ``expiration_days`` after they were replaced, and so is a marker that is left alone.
    """

    id: str
    prefix: str = ""
    expiration_days: int | None = None
    transition_days: int | None = None
    transition_storage: str | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Quota:
    """The most that a bucket, or a whole store, may hold, in bytes and objects; ``None`` is no limit."""

    max_bytes: int | None = None
    max_objects: int | None = None


@dataclass(frozen=True, slots=True)
class LifecycleReport:
    """What one ``apply_lifecycle`` did: numbers of objects.

    ``expired`` objects are gone (in a versioned bucket: behind a delete marker),
    ``expired_versions`` are old versions and markers removed for good, and ``transitioned``
    objects changed their storage class.
    """

    expired: int = 0
    expired_versions: int = 0
    transitioned: int = 0
