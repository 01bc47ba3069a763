"""The options of the calls, and the checks of every argument.

Each ``check_*`` function raises the contract's error for what it does not take, touches nothing, and
gives the argument back in the one form that a driver then works with. A driver calls them first, and
after that need not doubt its arguments. Options that the driver can't honour it refuses with
:class:`~trove.errors.UnsupportedOptionError`.
"""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from ..errors import (
    InvalidArgumentError,
    InvalidBucketNameError,
    InvalidKeyError,
    InvalidPartError,
    PreconditionFailedError,
    shown,
)
from .ranges import RangeSpec
from .types import (
    EMPTY,
    STANDARD,
    EventType,
    LifecycleRule,
    ObjectInfo,
    ObjectRef,
    PartInfo,
    Quota,
    ReadOnlyDict,
)

MAX_KEY_BYTES = 1024
MAX_BUCKET_NAME_BYTES = 255
MAX_PARTS = 10_000
DEFAULT_MAX_KEYS = 1000
DEFAULT_CONTENT_TYPE = "application/octet-stream"
MAX_DAYS = timedelta.max.days
MAX_QUOTA = (1 << 63) - 1
_LONGEST_TIMEOUT = (
    threading.TIMEOUT_MAX / 2
)  # whoever adds it to a clock must not pass the maximum by rounding


class PutOptions(TypedDict, total=False):
    """The options of ``put`` and ``initiate_multipart``."""

    content_type: str | None
    metadata: Mapping[str, str] | None
    tags: Mapping[str, str] | None
    storage_class: str | None
    expires_at: datetime | None
    if_match: str | None
    if_none_match: str | None


class GetOptions(TypedDict, total=False):
    """The options of ``get``."""

    range: RangeSpec | None
    version_id: str | None


class DeleteOptions(TypedDict, total=False):
    """The options of ``delete``."""

    version_id: str | None


class ListOptions(TypedDict, total=False):
    """The options of ``list``."""

    prefix: str
    delimiter: str
    max_keys: int
    cursor: str


class CopyOptions(TypedDict, total=False):
    """The options of ``copy``."""

    metadata: Mapping[str, str] | None


class BucketOptions(TypedDict, total=False):
    """The options of ``create_bucket``."""

    region: str | None


# Names.


def check_bucket(name: object) -> str:
    """A bucket name: 1 to 255 bytes of UTF-8, no ``/``, NUL, control character, not ``.`` or ``..``."""
    size = _utf8_size(name)
    if not isinstance(name, str) or size is None:
        raise InvalidBucketNameError(f"{shown(name)} is not a bucket name; give a str of valid Unicode")
    if not 1 <= size <= MAX_BUCKET_NAME_BYTES:
        raise InvalidBucketNameError(
            f"bucket name {shown(name)} has {size} bytes in UTF-8; give 1 to {MAX_BUCKET_NAME_BYTES}",
            bucket=name,
        )
    if name in (".", "..") or "/" in name or _has_control(name):
        raise InvalidBucketNameError(
            f"bucket name {shown(name)} is '.' or '..' or holds '/' or a control character; leave them out",
            bucket=name,
        )
    return _exact(name)


def check_key(key: object) -> str:
    """An object key: 1 to 1,024 bytes of UTF-8 without NUL."""
    size = _utf8_size(key)
    if not isinstance(key, str) or size is None:
        raise InvalidKeyError(f"{shown(key)} is not a key; give a str of valid Unicode")
    if not 1 <= size <= MAX_KEY_BYTES:
        raise InvalidKeyError(
            f"key {shown(key)} has {size} bytes in UTF-8; give 1 to {MAX_KEY_BYTES}", key=key
        )
    if "\0" in key:
        raise InvalidKeyError(f"key {shown(key)} holds a NUL character; leave it out", key=key)
    return _exact(key)


def _exact(text: str) -> str:
    """``text`` without what a subclass makes of it, which a driver does not look at."""
    return text if type(text) is str else str.__str__(text)


def check_version_id(version_id: object) -> str | None:
    """A version id, or ``None`` for the current version."""
    return None if version_id is None else check_text("version_id", version_id, empty=True)


def check_text(name: str, value: object, *, empty: bool = False) -> str:
    """A ``str`` of valid Unicode without NUL for the argument ``name``."""
    if not isinstance(value, str) or _utf8_size(value) is None or "\0" in value:
        raise InvalidArgumentError(f"{name} is {shown(value)}; give a str of Unicode text without NUL")
    if not value and not empty:
        raise InvalidArgumentError(f"{name} is empty; give a value or leave it out")
    return value


def _utf8_size(text: object) -> int | None:
    if not isinstance(text, str):
        return None
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return None


def _has_control(text: str) -> bool:
    return any(ch < " " or "\x7f" <= ch <= "\x9f" for ch in text)


# Writing.


@dataclass(frozen=True, slots=True)
class Attributes:
    """What an object has besides its data, as ``put`` was given it, checked and filled in."""

    content_type: str
    metadata: ReadOnlyDict = EMPTY
    tags: ReadOnlyDict = EMPTY
    storage_class: str = STANDARD
    expires_at: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether the object is as if deleted at ``now``."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Conditions:
    """The preconditions of a conditional write."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, bucket: str, key: str, etag: str | None) -> None:
        """Raise PreconditionFailedError unless the write may go ahead over ``etag``.

        ``etag`` is that of the current object, ``None`` where there is none. A driver calls this where
        nothing can come between the check and the write.
        """
        if self.if_none_match is not None and etag is not None:
            raise PreconditionFailedError(
                f"object {shown(key)} exists already in bucket {shown(bucket)} and if_none_match='*' was "
                "given; leave the condition out to replace it",
                bucket=bucket,
                key=key,
            )
        if self.if_match is not None and self.if_match != etag:
            if etag is None:
                found = (
                    f"does not exist in bucket {shown(bucket)}, and if_match={shown(self.if_match)} was given"
                )
                remedy = "leave the condition out to create it"
            else:
                asked = f"not {shown(self.if_match)} as if_match asks"
                found = f"in bucket {shown(bucket)} has the etag {etag!r} now, {asked}"
                remedy = "read it again and decide anew"
            raise PreconditionFailedError(f"object {shown(key)} {found}; {remedy}", bucket=bucket, key=key)


UNCONDITIONAL = Conditions()


def check_put(
    key: str,
    *,
    content_type: object = None,
    metadata: object = None,
    tags: object = None,
    storage_class: object = None,
    expires_at: object = None,
    if_match: object = None,
    if_none_match: object = None,
) -> tuple[Attributes, Conditions]:
    """The attributes and conditions that a ``put`` of ``key`` was given as its options."""
    attributes = Attributes(
        content_type=guess_content_type(key)
        if content_type is None
        else check_text("content_type", content_type),
        metadata=check_mapping("metadata", metadata),
        tags=check_mapping("tags", tags),
        storage_class=STANDARD if storage_class is None else check_text("storage_class", storage_class),
        expires_at=None if expires_at is None else check_time("expires_at", expires_at),
    )
    return attributes, check_conditions(if_match, if_none_match)


def check_conditions(if_match: object, if_none_match: object) -> Conditions:
    """The conditions of a write: ``if_match`` is an etag, ``if_none_match`` only ``"*"``."""
    if if_none_match is not None and if_none_match != "*":
        raise InvalidArgumentError(f"if_none_match is {shown(if_none_match)}; the only value it takes is '*'")
    if if_match is None and if_none_match is None:
        return UNCONDITIONAL
    return Conditions(
        None if if_match is None else check_text("if_match", if_match),
        None if if_none_match is None else "*",
    )


def check_mapping(name: str, mapping: object) -> ReadOnlyDict:
    """Metadata or tags: a mapping of ``str`` to ``str``; ``None`` is an empty one."""
    if mapping is None:
        return EMPTY
    if not isinstance(mapping, Mapping):
        raise InvalidArgumentError(
            f"{name} is of type {type(mapping).__name__}; give a mapping of str to str"
        )
    for item in mapping.items():
        for text in item:
            if _utf8_size(text) is None:
                raise InvalidArgumentError(
                    f"{name} holds {shown(text)}; its names and values are str of valid Unicode"
                )
    return ReadOnlyDict(mapping) if mapping else EMPTY


def check_time(name: str, value: object) -> datetime:
    """A timezone-aware ``datetime``, in UTC."""
    try:
        if isinstance(value, datetime) and value.utcoffset() is not None:
            return value.astimezone(UTC)
    except OverflowError as error:
        raise InvalidArgumentError(
            f"{name} is {shown(value)}, outside of the years 1 to 9999 in UTC; give a time within them"
        ) from error
    raise InvalidArgumentError(
        f"{name} is {shown(value)}; give a datetime with a timezone, such as datetime.now(UTC)"
    )


def guess_content_type(key: str) -> str:
    """The content type that the ending of ``key`` suggests, else ``application/octet-stream``."""
    # The built-in table alone: the machine's own files would make stores differ by machine.
    content_type, encoding = _MIME_TYPES.guess_type(key.rpartition("/")[2], strict=True)
    return content_type if content_type and not encoding else DEFAULT_CONTENT_TYPE


_MIME_TYPES = mimetypes.MimeTypes()


def copied(source: ObjectInfo, expires_at: datetime | None, metadata: object) -> Attributes:
    """The attributes of a copy of ``source``: its own, but for ``metadata`` where that is given."""
    return Attributes(
        source.content_type,
        ReadOnlyDict(source.metadata) if metadata is None else check_mapping("metadata", metadata),
        ReadOnlyDict(source.tags),
        source.storage_class,
        expires_at,
    )


def check_switch(name: str, value: object) -> bool:
    """A ``bool`` for the argument ``name``."""
    if not isinstance(value, bool):
        raise InvalidArgumentError(f"{name} is {shown(value)}; give True or False")
    return value


def check_ref(name: str, ref: object) -> ObjectRef:
    """An :class:`ObjectRef` with a bucket name and a key that are valid."""
    if not isinstance(ref, ObjectRef):
        raise InvalidArgumentError(f"{name} is {shown(ref)}; give an ObjectRef(bucket, key)")
    check_bucket(ref.bucket)
    check_key(ref.key)
    return ref


def check_region(region: object) -> str | None:
    """The region for a new bucket, or ``None``."""
    return None if region is None else check_text("region", region)


# Multipart uploads.


def check_part_number(number: object) -> int:
    """A part number: 1 to 10,000."""
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MAX_PARTS:
        raise InvalidPartError(f"part number {shown(number)} is not an integer from 1 to {MAX_PARTS}")
    return number


def check_parts(parts: object) -> list[PartInfo]:
    """The parts of a completion: at least one, numbers ascending, gaps allowed."""
    if isinstance(parts, (str, bytes)) or not isinstance(parts, Iterable):
        raise InvalidPartError(f"parts are {shown(parts)}; give the PartInfo values of upload_part()")
    checked: list[PartInfo] = []
    for part in parts:
        if not isinstance(part, PartInfo):
            raise InvalidPartError(f"{shown(part)} is not a PartInfo; give what upload_part() returned")
        check_part_number(part.part_number)
        if checked and part.part_number <= checked[-1].part_number:
            raise InvalidPartError(
                f"part {part.part_number} comes after part {checked[-1].part_number}; give the parts in "
                "ascending order, each once"
            )
        checked.append(part)
    if not checked:
        raise InvalidPartError("no parts were given; an upload is completed with at least one")
    return checked


# Watching and ageing.


def check_event_types(types: object) -> frozenset[EventType]:
    """The event types to watch; none given is all of them."""
    if isinstance(types, str):
        types = (types,)
    if not isinstance(types, Iterable):
        raise InvalidArgumentError(f"event_types are {shown(types)}; give EventType values")
    try:
        return frozenset(EventType(each) for each in types) or frozenset(EventType)
    except ValueError as error:
        names = ", ".join(each.value for each in EventType)
        raise InvalidArgumentError(f"unknown event type in {shown(types)}; there are {names}") from error


def check_sequence(since: object) -> int | None:
    """The sequence number to resume a watch after, or ``None`` for from now on."""
    if since is not None and (not isinstance(since, int) or isinstance(since, bool) or since < 0):
        raise InvalidArgumentError(f"since is {shown(since)}; give the sequence of an event, from 0 on")
    return since


def check_timeout(timeout: object) -> float | None:
    """Seconds to wait; ``None`` for as long as it takes, which more than a clock can count is too."""
    if timeout is None:
        return None
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool) or not timeout >= 0:
        raise InvalidArgumentError(f"timeout is {shown(timeout)}; give seconds from 0 on, or None")
    return None if timeout > _LONGEST_TIMEOUT else float(timeout)


def check_lifetime(expires: object) -> timedelta:
    """How long a presigned URL is to work: a ``timedelta`` above zero."""
    if not isinstance(expires, timedelta) or expires <= timedelta(0):
        raise InvalidArgumentError(f"expires is {shown(expires)}; give a timedelta above zero")
    return expires


def check_quota(max_bytes: object, max_objects: object) -> Quota:
    """The limits of a quota: whole numbers from 0 on, or ``None``."""
    return Quota(_check_limit("max_bytes", max_bytes), _check_limit("max_objects", max_objects))


def _check_limit(name: str, limit: object) -> int | None:
    if limit is None:
        return None
    if not isinstance(limit, int) or isinstance(limit, bool) or not 0 <= limit <= MAX_QUOTA:
        raise InvalidArgumentError(
            f"{name} is {shown(limit)}; give a whole number from 0 to {MAX_QUOTA}, or None for no limit"
        )
    return limit


def check_rules(rules: object) -> list[LifecycleRule]:
    """Lifecycle rules, each of them sound and no two contradicting each other."""
    if isinstance(rules, (str, bytes)) or not isinstance(rules, Iterable):
        raise InvalidArgumentError(f"rules are {shown(rules)}; give LifecycleRule values")
    checked: list[LifecycleRule] = []
    for rule in rules:
        if not isinstance(rule, LifecycleRule):
            raise InvalidArgumentError(f"{shown(rule)} is not a LifecycleRule")
        _check_rule(rule)
        for other in checked:
            _check_agreement(other, rule)
        checked.append(rule)
    return checked


def _check_rule(rule: LifecycleRule) -> None:
    check_text("a rule's id", rule.id)
    check_text("a rule's prefix", rule.prefix, empty=True)
    for name in ("expiration_days", "transition_days"):
        days = getattr(rule, name)
        whole = isinstance(days, int) and not isinstance(days, bool)
        if days is not None and not (whole and 0 <= days <= MAX_DAYS):
            raise InvalidArgumentError(
                f"rule {shown(rule.id)}: {name} is {shown(days)}; give days from 0 to {MAX_DAYS}"
            )
    check_switch("a rule's enabled", rule.enabled)
    if (rule.transition_days is None) != (rule.transition_storage is None):
        raise InvalidArgumentError(
            f"rule {shown(rule.id)}: transition_days and transition_storage go together; give both or none"
        )
    if rule.transition_storage is not None:
        check_text("a rule's transition_storage", rule.transition_storage)
    expires, moves = rule.expiration_days, rule.transition_days
    if expires is None and moves is None:
        raise InvalidArgumentError(f"rule {shown(rule.id)} does nothing; give it days for a step")
    if expires is not None and moves is not None and moves >= expires:
        raise InvalidArgumentError(
            f"rule {shown(rule.id)} moves objects after {moves} days and expires them after {expires}; "
            "a move comes before the expiry"
        )


def _check_agreement(one: LifecycleRule, other: LifecycleRule) -> None:
    if one.id == other.id:
        raise InvalidArgumentError(f"two rules have the id {shown(one.id)}; give each its own")
    if not (one.enabled and other.enabled and one.prefix == other.prefix):
        return

    def differ(a: Any, b: Any) -> bool:
        return a is not None and b is not None and a != b

    if differ(one.expiration_days, other.expiration_days) or differ(
        (one.transition_days, one.transition_storage) if one.transition_storage else None,
        (other.transition_days, other.transition_storage) if other.transition_storage else None,
    ):
        raise InvalidArgumentError(
            f"rules {shown(one.id)} and {shown(other.id)} say different things of the prefix "
            f"{shown(one.prefix)}; make them one, or disable one"
        )
