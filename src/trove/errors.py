"""Every error that Trove raises, in one tree under :class:`TroveError`.

A message says what was asked, on which bucket and key, and what to do about it.
``bucket`` and ``key`` are attributes too, so that a program needs no parsing; the
failure behind an error, if there was one, is its ``__cause__``.
"""

from __future__ import annotations

import errno
from typing import Any, Self

__all__ = [
    "BackendUnavailableError",
    "BucketExistsError",
    "BucketNotEmptyError",
    "BucketNotFoundError",
    "ChecksumMismatchError",
    "CorruptStoreError",
    "DriverClosedError",
    "EventsLostError",
    "InvalidArgumentError",
    "InvalidBucketNameError",
    "InvalidCursorError",
    "InvalidDSNError",
    "InvalidKeyError",
    "InvalidPartError",
    "InvalidRangeError",
    "NotFoundError",
    "ObjectNotFoundError",
    "PreconditionFailedError",
    "QuotaExceededError",
    "RecordNotFoundError",
    "StorageFullError",
    "StorageIOError",
    "TroveError",
    "UnknownDriverError",
    "UnsupportedOptionError",
    "UploadNotFoundError",
    "VersionNotFoundError",
]

_SHOWN_CHARACTERS = 80
_FULL = (errno.ENOSPC, errno.EDQUOT)


def shown(value: object) -> str:
    """The ``repr`` of ``value`` as error messages print it: at most 80 characters."""
    try:
        text = repr(value)
    except Exception:
        # An integer of thousands of digits has none, for one: the error is about the value all the same.
        text = f"<{type(value).__name__}>"
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return text[: _SHOWN_CHARACTERS - 3] + "..."


class TroveError(Exception):
    """The base of all errors of Trove.

    ``message`` is for people; ``bucket`` and ``key`` name what was asked for, where
    that is known, and are ``None`` otherwise.
    """

    bucket: str | None
    key: str | None

    def __init__(self, message: str = "", *, bucket: str | None = None, key: str | None = None) -> None:
        if not message:
            message = (type(self).__doc__ or type(self).__name__).partition("\n")[0]
        super().__init__(message)
        self.message = message
        self.bucket = bucket
        self.key = key

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # OSError and KeyError, which some errors are too, each pickle in their own
        # way; one way for all keeps errors whole when they cross a process pool.
        return (_rebuilt, (type(self), self.message, self._state()))

    def _state(self) -> dict[str, Any]:
        return dict(vars(self))


def _rebuilt(cls: type[TroveError], message: str, state: dict[str, Any]) -> TroveError:
    error = cls(message)
    for name, value in state.items():
        setattr(error, name, value)
    return error


class NotFoundError(TroveError):
    """What was asked for is not there."""


class BucketNotFoundError(NotFoundError):
    """The bucket does not exist."""

    @classmethod
    def of(cls, bucket: str) -> Self:
        return cls(
            f"bucket {shown(bucket)} does not exist; create it with create_bucket() first",
            bucket=bucket,
        )


class ObjectNotFoundError(NotFoundError):
    """The object does not exist."""

    @classmethod
    def of(cls, bucket: str, key: str) -> Self:
        return cls(
            f"object {shown(key)} does not exist in bucket {shown(bucket)}; list() shows the keys that do",
            bucket=bucket,
            key=key,
        )


class UploadNotFoundError(NotFoundError):
    """The multipart upload does not exist, or has been completed or aborted."""

    @classmethod
    def of(cls, bucket: str, key: str, upload_id: str) -> Self:
        return cls(
            f"upload {shown(upload_id)} of object {shown(key)} is not open in bucket "
            f"{shown(bucket)}; it was completed or aborted, or never begun: "
            "list_multiparts() shows the open ones",
            bucket=bucket,
            key=key,
        )


class VersionNotFoundError(NotFoundError):
    """The version does not exist."""

    @classmethod
    def of(cls, bucket: str, key: str, version_id: str) -> Self:
        return cls(
            f"object {shown(key)} in bucket {shown(bucket)} has no version "
            f"{shown(version_id)}; use the version_id that put(), head() or list_versions() gave",
            bucket=bucket,
            key=key,
        )


class RecordNotFoundError(NotFoundError, KeyError):
    """The record does not exist, or has expired."""


class BucketExistsError(TroveError):
    """A bucket of that name exists already."""

    @classmethod
    def of(cls, bucket: str) -> Self:
        return cls(f"bucket {shown(bucket)} exists already; use it, or choose another name", bucket=bucket)


class BucketNotEmptyError(TroveError):
    """The bucket still holds objects or versions."""

    @classmethod
    def of(cls, bucket: str) -> Self:
        return cls(
            f"bucket {shown(bucket)} still holds objects or versions; delete them before the bucket",
            bucket=bucket,
        )


class PreconditionFailedError(TroveError):
    """The condition of a conditional write does not hold."""


class InvalidArgumentError(TroveError, ValueError):
    """An argument is of the wrong type or out of its bounds."""


class InvalidKeyError(InvalidArgumentError):
    """The key is not 1 to 1,024 bytes of UTF-8 without NUL."""


class InvalidBucketNameError(InvalidArgumentError):
    """The bucket name is not 1 to 255 bytes without slash, NUL and control characters."""


class InvalidRangeError(InvalidArgumentError):
    """The range is malformed or begins past the end of the object."""


class InvalidDSNError(InvalidArgumentError):
    """The DSN is malformed, of another driver, or has an unknown parameter."""


class InvalidCursorError(InvalidArgumentError):
    """The cursor was not issued for this listing."""


class InvalidPartError(InvalidArgumentError):
    """A part's number, order or etag is wrong."""


class UnsupportedOptionError(InvalidArgumentError):
    """This driver can't honour an option that it was given."""

    @classmethod
    def of(cls, driver: str, option: str, remedy: str) -> Self:
        return cls(f"driver {driver!r} can't honour the option {option!r}; {remedy}")


class DriverClosedError(TroveError):
    """The driver is not open."""

    @classmethod
    def of(cls, driver: str) -> Self:
        return cls(f"driver {driver!r} is not open; call open(dsn) before using it")


class EventsLostError(TroveError):
    """A watcher fell further behind than events are retained."""


class ChecksumMismatchError(TroveError):
    """Stored bytes don't match their checksum; they were not returned."""


class CorruptStoreError(TroveError):
    """The store's own files are damaged."""


class QuotaExceededError(TroveError):
    """The write would exceed a quota."""

    @classmethod
    def of(
        cls, bucket: str, key: str, unit: str, *, wanted: int, limit: int, whole_store: bool = False
    ) -> Self:
        """Of ``unit`` ("bytes" or "objects") there would be ``wanted``, and the quota is ``limit``."""
        whose = "the store" if whole_store else f"bucket {shown(bucket)}"
        return cls(
            f"object {shown(key)} would make {whose} hold {wanted:,} {unit}, and its quota is {limit:,}; "
            "delete something first, or raise the quota",
            bucket=bucket,
            key=key,
        )


class StorageIOError(TroveError, OSError):
    """A call to the storage medium failed; ``errno`` holds its number where there is one."""

    @classmethod
    def of(
        cls, cause: OSError, doing: str, *, bucket: str | None = None, key: str | None = None
    ) -> StorageIOError:
        """The typed error for ``cause``, which came up while ``doing`` something.

        Gives a :class:`StorageFullError` where the medium has no space left. Raise it
        ``from cause``.
        """
        full = cause.errno in _FULL
        remedy = "free some space, then try again" if full else "check the medium and its permissions"
        error = (StorageFullError if full else cls)(
            f"{doing} failed: {cause.strerror or type(cause).__name__}; {remedy}",
            bucket=bucket,
            key=key,
        )
        error.errno = cause.errno
        error.strerror = cause.strerror
        return error

    def _state(self) -> dict[str, Any]:
        # errno and strerror live in OSError's own fields, not among the attributes.
        return {**vars(self), "errno": self.errno, "strerror": self.strerror}


class StorageFullError(StorageIOError):
    """The storage medium has no space left."""


class BackendUnavailableError(StorageIOError):
    """A server can't be reached, or did not answer in time.

    The message says whether a write may have been done.
    """


class UnknownDriverError(TroveError):
    """No driver, or no store of records, is registered under that name, or what is registered makes none."""
