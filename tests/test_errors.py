"""The errors: one tree, messages that say enough, and attributes that survive a journey."""

from __future__ import annotations

import copy
import errno
import inspect
import os
import pickle
from typing import Any

import pytest

from trove import errors
from trove.errors import (
    InvalidArgumentError,
    NotFoundError,
    StorageFullError,
    StorageIOError,
    TroveError,
    shown,
)

TREE: dict[str, tuple[str, ...]] = {
    "TroveError": (),
    "NotFoundError": ("TroveError",),
    "BucketNotFoundError": ("NotFoundError",),
    "ObjectNotFoundError": ("NotFoundError",),
    "UploadNotFoundError": ("NotFoundError",),
    "VersionNotFoundError": ("NotFoundError",),
    "RecordNotFoundError": ("NotFoundError",),
    "BucketExistsError": ("TroveError",),
    "BucketNotEmptyError": ("TroveError",),
    "PreconditionFailedError": ("TroveError",),
    "InvalidArgumentError": ("TroveError",),
    "InvalidKeyError": ("InvalidArgumentError",),
    "InvalidBucketNameError": ("InvalidArgumentError",),
    "InvalidRangeError": ("InvalidArgumentError",),
    "InvalidDSNError": ("InvalidArgumentError",),
    "InvalidCursorError": ("InvalidArgumentError",),
    "InvalidPartError": ("InvalidArgumentError",),
    "UnsupportedOptionError": ("InvalidArgumentError",),
    "DriverClosedError": ("TroveError",),
    "EventsLostError": ("TroveError",),
    "ChecksumMismatchError": ("TroveError",),
    "CorruptStoreError": ("TroveError",),
    "QuotaExceededError": ("TroveError",),
    "StorageIOError": ("TroveError",),
    "StorageFullError": ("StorageIOError",),
    "BackendUnavailableError": ("StorageIOError",),
    "UnknownDriverError": ("TroveError",),
}

each_class = pytest.mark.parametrize("kind", [getattr(errors, name) for name in TREE])


def test_tree_is_the_one_that_is_promised() -> None:
    found = {
        name: tuple(base.__name__ for base in kind.__bases__ if issubclass(base, TroveError))
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, TroveError)
    }
    assert found == TREE
    assert sorted(errors.__all__) == sorted(TREE)


@each_class
def test_errors_are_also_those_of_python_where_they_mean_the_same(kind: type[TroveError]) -> None:
    assert issubclass(kind, ValueError) == issubclass(kind, InvalidArgumentError)
    assert issubclass(kind, OSError) == issubclass(kind, StorageIOError)
    assert issubclass(kind, KeyError) == (kind is errors.RecordNotFoundError)


@each_class
def test_error_without_a_message_says_what_its_class_means(kind: type[TroveError]) -> None:
    error = kind()
    assert str(error).endswith(".")
    assert str(error) == error.message == error.args[0]
    assert (error.bucket, error.key) == (None, None)


@each_class
def test_message_is_shown_as_it_is(kind: type[TroveError]) -> None:
    error = kind("it's 'this'\n", bucket="b", key="k")
    assert str(error) == "it's 'this'\n"
    assert (error.bucket, error.key) == ("b", "k")
    assert "it's 'this'" in repr(error)


@each_class
@pytest.mark.parametrize("travel", ["copy", "deepcopy", *range(pickle.HIGHEST_PROTOCOL + 1)])
def test_errors_travel_whole(kind: type[TroveError], travel: Any) -> None:
    error: Any = kind("what happened", bucket="b", key="k")
    error.extra = ["more"]
    if isinstance(error, OSError):
        error.errno, error.strerror = errno.EIO, "what the system said"
    arrived: Any
    if isinstance(travel, str):
        arrived = getattr(copy, travel)(error)
    else:
        arrived = pickle.loads(pickle.dumps(error, travel))
    assert (arrived.bucket, arrived.key, arrived.extra) == ("b", "k", ["more"])
    if isinstance(error, OSError):
        assert (arrived.errno, arrived.strerror) == (errno.EIO, "what the system said")
    assert type(arrived) is kind
    assert str(arrived) == "what happened"


def test_a_subclass_of_a_user_travels_too() -> None:
    assert pickle.loads(pickle.dumps(OwnError("mine", bucket="b"))).bucket == "b"


class OwnError(NotFoundError):
    """Somebody's own."""


# What messages show.


@pytest.mark.parametrize("length", [0, 1, 77, 78])
def test_value_that_fits_is_shown_whole(length: int) -> None:
    assert shown("x" * length) == repr("x" * length)


@pytest.mark.parametrize("length", [79, 80, 1024, 100_000])
def test_long_value_is_cut_at_80_characters(length: int) -> None:
    text = shown("x" * length)
    assert text == "'" + "x" * 76 + "..."
    assert len(text) == 80


def test_shown_is_the_repr() -> None:
    assert shown("a\n\u200b'") == repr("a\n\u200b'")
    assert shown(None) == "None"
    assert shown(b"x") == "b'x'"


LONG = "k" * 1024


@pytest.mark.parametrize(
    ("error", "names"),
    [
        (errors.BucketNotFoundError.of("b" * 255), {"bucket"}),
        (errors.BucketExistsError.of("b" * 255), {"bucket"}),
        (errors.BucketNotEmptyError.of("b" * 255), {"bucket"}),
        (errors.ObjectNotFoundError.of("b" * 255, LONG), {"bucket", "key"}),
        (errors.UploadNotFoundError.of("b" * 255, LONG, "i" * 1000), {"bucket", "key"}),
        (errors.VersionNotFoundError.of("b" * 255, LONG, "i" * 1000), {"bucket", "key"}),
        (errors.DriverClosedError.of("memory"), set()),
        (errors.UnsupportedOptionError.of("memory", "region", "leave it out"), set()),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, TroveError) else "",
)
def test_error_of_a_name_says_it_cut_and_carries_it_whole(error: TroveError, names: set[str]) -> None:
    assert error.bucket == ("b" * 255 if "bucket" in names else None)
    assert error.key == (LONG if "key" in names else None)
    assert len(str(error)) < 400
    assert ";" in str(error)  # what happened; what to do


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT])
def test_failure_of_the_medium_keeps_its_number_and_says_what_was_done(number: int) -> None:
    cause = OSError(number, os.strerror(number), "/some/file")
    error = StorageIOError.of(cause, "writing object 'k'", bucket="b", key="k")
    assert isinstance(error, StorageFullError) == (number in (errno.ENOSPC, errno.EDQUOT))
    assert (error.errno, error.strerror) == (number, os.strerror(number))
    assert (error.bucket, error.key) == ("b", "k")
    assert str(error).startswith(f"writing object 'k' failed: {os.strerror(number)}; ")
    assert error.errno == pickle.loads(pickle.dumps(error)).errno


def test_failure_without_a_number_says_its_class() -> None:
    error = StorageIOError.of(OSError("odd"), "reading")
    assert str(error).startswith("reading failed: OSError; ")
    assert error.errno is None


def test_what_has_no_repr_is_shown_by_its_type() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    assert (shown(10**5000), shown(Broken())) == ("<int>", "<Broken>")
