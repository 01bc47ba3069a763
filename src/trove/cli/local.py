"""Local files: read whole trees without following links, written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from ..errors import InvalidArgumentError, InvalidKeyError, shown

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


# Reading.


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A regular file of a tree; ``name`` is its path below the root, with ``/``."""

    path: str
    name: str
    size: int

    def open(self) -> BinaryIO:
        """The file, opened for reading. Raises OSError when it is no regular file any more."""
        # O_NONBLOCK: should a pipe have taken its place meanwhile, opening must not wait for a writer.
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "is no longer a regular file", self.path)
        return open(descriptor, "rb")


def walk(root: str, left_out: Counter[str], *, skip: frozenset[str] = frozenset()) -> Iterator[LocalFile]:
    """The regular files below ``root``, folder by folder in order of their names.

    Symbolic links are never followed; they, special files and folders that can't be read are counted in
    ``left_out`` by reason. Folders whose names are in ``skip`` are passed over.
    """
    return _walk(root, "", left_out, skip)


def _walk(folder: str, above: str, left_out: Counter[str], skip: frozenset[str]) -> Iterator[LocalFile]:
    try:
        with os.scandir(folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError as error:
        if not above:
            raise
        left_out[f"folder that could not be read ({error.strerror})"] += 1
        return
    for entry in entries:
        try:
            if entry.is_symlink():
                left_out["symbolic link (not followed)"] += 1
            elif entry.is_dir(follow_symlinks=False):
                if entry.name not in skip:
                    yield from _walk(entry.path, f"{above}{entry.name}/", left_out, skip)
            elif entry.is_file(follow_symlinks=False):
                size = entry.stat(follow_symlinks=False).st_size
                yield LocalFile(entry.path, above + entry.name, size)
            else:
                left_out["special file"] += 1
        except OSError as error:
            left_out[f"file that could not be read ({error.strerror})"] += 1


def left_out_text(left_out: Counter[str]) -> str:
    """One phrase for what a walk left out, by reason: ``'left out: 2 x special file'``."""
    return "left out: " + ", ".join(f"{number:,} x {why}" for why, number in sorted(left_out.items()))


def open_source(path: str) -> BinaryIO:
    """The file at ``path``, opened for reading. Raises InvalidArgumentError for a folder."""
    try:
        return open(path, "rb")
    except IsADirectoryError as error:
        raise InvalidArgumentError(f"{path!r} is a folder; 'trove cp -r' copies folders") from error


# Writing.


@contextmanager
def replacing(path: str) -> Iterator[BinaryIO]:
    """A file that becomes ``path`` when the block ends well, and is removed when it doesn't.

    A symbolic link at ``path`` stays, its target is replaced. Pipes and devices are written to as
    they are.
    """
    if _is_special(path):
        with open(path, "wb") as file:
            yield file
        return
    folder, name = os.path.split(os.path.realpath(path))
    try:
        descriptor = os.open(folder, _FOLDER)
    except OSError as error:
        raise type(error)(error.errno, f"{error.strerror} (the folder to write to)", folder) from error
    try:
        with _replacing_in(descriptor, name, path) as file:
            yield file
    finally:
        os.close(descriptor)


def _is_special(path: str) -> bool:
    if path.startswith(("/dev/", "/proc/")):
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", path)
    return not stat.S_ISREG(mode)


@contextmanager
def _replacing_in(folder: int, name: str, path: str) -> Iterator[BinaryIO]:
    """A temporary file in the open ``folder``, renamed to ``name`` at the end; ``path`` is for messages."""
    part = f".trove-{secrets.token_hex(8)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(part, flags, 0o666, dir_fd=folder)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, path) from error
    try:
        with open(descriptor, "wb") as file:
            with suppress(OSError):
                before = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(before.st_mode):
                    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
            yield file
        try:
            os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError as error:
            raise type(error)(error.errno, error.strerror, path) from error
    except BaseException:
        with suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise


class TargetTree:
    """A folder that objects are written below, and never outside of.

    Keys become relative paths. A key that is no such path is refused, and no symbolic link below the
    root is followed: each folder is opened from the one above it.
    """

    def __init__(self, root: str) -> None:
        os.makedirs(root, exist_ok=True)
        self._root = root
        self._descriptor = os.open(root, _FOLDER)

    def close(self) -> None:
        os.close(self._descriptor)

    @contextmanager
    def replacing(self, name: str) -> Iterator[BinaryIO]:
        """A file that becomes the one for ``name`` when the block ends well.

        Raises InvalidKeyError when the name can't be a path below the root, and FileExistsError when
        a file or a link stands where it needs a folder, or a folder where it needs a file.
        """
        *folders, last = path_parts(name)
        path = os.path.join(self._root, name)
        descriptor = os.dup(self._descriptor)
        try:
            for folder in folders:
                above, descriptor = descriptor, _descend(descriptor, folder, path)
                os.close(above)
            with _replacing_in(descriptor, last, path) as file:
                yield file
        finally:
            os.close(descriptor)


def _descend(above: int, folder: str, path: str) -> int:
    """The folder in the open folder ``above``, made if it is missing."""
    with suppress(FileExistsError):
        os.mkdir(folder, dir_fd=above)
    try:
        return os.open(folder, _FOLDER | os.O_NOFOLLOW, dir_fd=above)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise FileExistsError(
                errno.EEXIST, f"{folder!r} in it is a file or a symbolic link where a folder is needed", path
            ) from error
        raise type(error)(error.errno, error.strerror, path) from error


def path_parts(name: str) -> list[str]:
    """The parts of ``name`` as a path below a folder. Raises InvalidKeyError when it can't be one."""
    parts = name.split("/")
    for part in parts:
        if part in ("", ".", ".."):
            raise InvalidKeyError(
                f"{shown(name)} can't be a file below the target folder, because of its part {part!r}; "
                "copy that object alone, with 'trove get' and a file name",
                key=name,
            )
    return parts


def file_target(path: str, basename: str) -> str:
    """The file that ``path`` means: itself, or ``basename`` in it when it is a folder."""
    path = os.path.expanduser(path) if path.startswith("~") else path
    if not (path.endswith("/") or os.path.isdir(path)):
        return path
    if basename in ("", ".", ".."):
        raise InvalidKeyError(f"the last part of the key, {basename!r}, is no file name; give a file name")
    return os.path.join(path, basename)
