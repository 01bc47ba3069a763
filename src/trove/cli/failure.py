"""How the command ends: its exit codes, and the one line that it says about an error."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType

import click

from ..errors import (
    BucketExistsError,
    BucketNotEmptyError,
    BucketNotFoundError,
    ChecksumMismatchError,
    CorruptStoreError,
    InvalidArgumentError,
    NotFoundError,
    ObjectNotFoundError,
    PreconditionFailedError,
    QuotaExceededError,
    RecordNotFoundError,
    StorageIOError,
    TroveError,
    UnknownDriverError,
    VersionNotFoundError,
    shown,
)
from .output import flush, printable
from .secrets import without_secrets


class Exit(IntEnum):
    """The exit codes, as ``trove --help`` documents them."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    STORAGE = 5
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


EXIT_CODES = """\b
Exit codes:
  0  done
  1  another failure: a mismatch, a failed check, a bug
  2  wrong usage, an invalid argument or DSN, an unknown driver
  3  not found: a bucket, an object, a version, a local file
  4  exists already, is not empty, or a condition does not hold
  5  the storage (or the local disk) failed, is full or is damaged
  130 interrupted, 141 the reader of the output went away, 143 terminated"""

# The first class that fits decides.
_CODES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Exit], ...] = (
    (click.UsageError, Exit.USAGE),
    ((InvalidArgumentError, UnknownDriverError), Exit.USAGE),
    (NotFoundError, Exit.NOT_FOUND),
    ((BucketExistsError, BucketNotEmptyError, PreconditionFailedError), Exit.CONFLICT),
    ((StorageIOError, CorruptStoreError, ChecksumMismatchError, QuotaExceededError), Exit.STORAGE),
    (FileNotFoundError, Exit.NOT_FOUND),
    (FileExistsError, Exit.CONFLICT),
    ((IsADirectoryError, NotADirectoryError), Exit.USAGE),
    (OSError, Exit.STORAGE),
)


class Terminated(BaseException):
    """A signal other than Ctrl-C's asked the command to stop."""


class Carried(BaseException):
    """Brings ``error`` past click, which would print or swallow it in its own way."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


def exit_code(error: BaseException) -> Exit:
    """The exit code that says what kind of failure ``error`` is."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.FAILURE)


# What the line says.


def message(error: BaseException) -> str:
    """What happened and what to do, in one printable line without secrets."""
    return printable(without_secrets(_text(error)))


def _text(error: BaseException) -> str:
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "trove"
        return f"{error.format_message().rstrip('.?')}; see '{command} --help'"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, TroveError):
        return _in_verbs(error) or str(error)
    if isinstance(error, OSError):
        return _os_error_text(error)
    return (
        f"unexpected {type(error).__name__}: {error}; this is a bug in Trove or in the driver: "
        "TROVE_DEBUG=1 shows where"
    )


def _in_verbs(error: TroveError) -> str | None:
    """The common errors with a remedy in verbs of this command instead of Python calls."""
    bucket, key = shown(error.bucket), shown(error.key)
    match error:
        case BucketNotFoundError() if error.bucket is not None:
            return f"bucket {bucket} does not exist; create it with 'trove mb', or see 'trove buckets'"
        case BucketNotEmptyError() if error.bucket is not None:
            return f"bucket {bucket} still holds objects or versions; 'trove rb --force' deletes them with it"
        case VersionNotFoundError() if error.key is not None:
            return f"object {key} has no such version in bucket {bucket}; 'trove versions' lists those it has"
        case ObjectNotFoundError() if error.key is not None:
            return f"object {key} does not exist in bucket {bucket}; 'trove ls' shows those that do"
        case RecordNotFoundError() if error.key is not None:
            return f"record {key} does not exist, or has expired; 'trove kv ls' shows those that do"
    return None


def _os_error_text(error: OSError) -> str:
    name = error.filename
    what = error.strerror or str(error) or type(error).__name__
    if name is not None:
        what = f"{os.fsdecode(name) if isinstance(name, bytes) else name}: {what}"
    if error.errno == errno.ENOENT:
        return f"{what}; check the path"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{what}; free some space, then try again"
    if isinstance(error, (FileExistsError, IsADirectoryError, NotADirectoryError)):
        return f"{what}; choose another path, or move it out of the way"
    return f"{what}; check the path, its permissions and the disk"


# Running.


def complain(text: str, *, as_it_is: bool = False) -> None:
    """Say ``text`` on stderr: as a line of this command, or as it is."""
    try:
        sys.stderr.write(without_secrets(text) if as_it_is else f"trove: {text}\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass  # stderr is closed: nobody is left to tell


def guarded(run: Callable[[], object]) -> int:
    """Run the command; its exit code. Whatever it raises becomes one line on stderr."""
    try:
        with _signals():
            result = run()
            # Here, so that a failure to write what is buffered is this command's failure.
            flush()
        return result if isinstance(result, int) else Exit.OK
    except Carried as carried:
        return _ended_by(carried.error)
    except (Exception, KeyboardInterrupt, Terminated) as error:
        return _ended_by(error)
    finally:
        _discard_stdout_that_fails()


def _ended_by(error: BaseException) -> Exit:
    """Say what is to be said about ``error``; the exit code."""
    match error:
        case KeyboardInterrupt() | click.Abort():
            complain("interrupted")
            return Exit.INTERRUPTED
        case Terminated():
            complain("terminated")
            return Exit.TERMINATED
        case BrokenPipeError():
            return Exit.BROKEN_PIPE
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return Exit.USAGE
    if os.environ.get("TROVE_DEBUG"):
        complain("".join(traceback.format_exception(error)), as_it_is=True)
    complain(message(error))
    return exit_code(error)


_STOPPING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _signals() -> Iterator[None]:
    """Unwind on SIGTERM and SIGHUP as on Ctrl-C, so that half-written files are removed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    try:
        # One that is ignored, as nohup does it with SIGHUP, stays ignored.
        taken = [each for each in _STOPPING if signal.getsignal(each) is signal.SIG_DFL]
        for number in taken:
            signal.signal(number, stop)
    except ValueError:  # not in the main thread: signals are another's business
        yield
        return
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _discard_stdout_that_fails() -> None:
    # The interpreter flushes stdout once more at its end; after a broken pipe or a full disk that
    # would print a second complaint and change the exit code.
    try:
        flush()
    except (OSError, ValueError):
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
