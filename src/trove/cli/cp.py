"""`cp`: from anywhere to anywhere, one file or a whole tree."""

from __future__ import annotations

import errno
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import click

from ..driver import Driver, parse_dsn
from ..errors import InvalidArgumentError, NotFoundError, ObjectNotFoundError, TroveError, shown
from . import output
from .failure import Exit, complain, exit_code, message
from .local import file_target, left_out_text
from .location import ENVIRONMENT, Location, Stores, has_dsn, parse_location, pass_stores
from .progress import Progress
from .transfer import (
    FileTarget,
    FolderTarget,
    Item,
    OutputTarget,
    StoreTarget,
    Target,
    local_file,
    local_tree,
    standard_input,
    stored_object,
    stored_tree,
)

# What concerns one item of a tree and not the rest: it is reported, and the others are copied.
_OF_ONE_ITEM = (
    InvalidArgumentError,
    ObjectNotFoundError,
    PermissionError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
)
_OF_ONE_FILE = (errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.EILSEQ, errno.ESTALE)


@dataclass(slots=True)
class Tally:
    """What a copy did."""

    copied: int = 0
    failed: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    first_failure: Exit = Exit.OK


@click.command()
@click.argument("source")
@click.argument("target")
@click.option("-r", "--recursive", is_flag=True, help="Copy all that is below SOURCE to below TARGET.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@pass_stores
@click.pass_context
def cp(ctx: click.Context, stores: Stores, source: str, target: str, recursive: bool, as_json: bool) -> None:
    """Copy between stores and local paths.

    SOURCE and TARGET are locations (DSN#bucket/key) or local paths. An argument that begins with '/',
    './', '../' or '~', or is '.' or '..', is a local path; '-' is standard input or output; any other
    is bucket/key when TROVE_DSN is set, else a local path. A TARGET that ends with '/', or is only a
    bucket or a local folder, takes the name of the source.

    With -r, what is below SOURCE goes below TARGET under the same names: after
    'trove cp -r ./photos DSN#b/2026', the file photos/cat.jpg is the object 2026/cat.jpg. Folders
    themselves, being no objects, are not copied. Symbolic links in SOURCE are not followed but counted,
    and links in a local TARGET are never written through. A key that can't be a path below TARGET ('..',
    'a//b', 'a/b' where 'a' is a file) is refused; the others are copied, and the exit code says so.

    A store in a local folder and the folders around it can be copied to each other: the store's own folder
    is left out. Folders in it can't.

    Content type, metadata, tags and storage class go along between stores; within one store an expiry
    does too.
    """
    here, there = _endpoint(source), _endpoint(target)
    if isinstance(here, str) and isinstance(there, str):
        raise InvalidArgumentError(
            "both arguments are local; a location is DSN#bucket/key, or bucket/key with "
            f"{ENVIRONMENT} set (for local files alone use the system's cp)"
        )
    if there == "-" and as_json:
        raise InvalidArgumentError("--json and '-' would both write to standard output; give one of them")
    if isinstance(there, Location):
        stores.will_write(there)
    tally = Tally()
    started = time.perf_counter()
    try:
        if recursive and _is_tree(stores, here):
            moved = _copy_tree(stores, here, there, tally)
        else:
            moved = _copy_one(stores, here, there, tally)
    except NotFoundError as error:
        hint = _local_hint(here)
        if not hint:
            raise
        raise type(error)(f"{shown(str(here))} is not there{hint}") from error
    if there != "-":
        _report(tally, moved, time.perf_counter() - started, as_json=as_json)
    ctx.exit(tally.first_failure)


def _endpoint(text: str) -> Location | str:
    """A location, or a local path (``'-'`` is a standard stream)."""
    if text.startswith(("/", "./", "../", "~")) or text in (".", "..", "-"):
        return os.path.expanduser(text)
    if not has_dsn(text) and not os.environ.get(ENVIRONMENT):
        return text
    location = parse_location(text)
    if not location.bucket:
        raise InvalidArgumentError("a location in cp needs a bucket; write DSN#bucket/key")
    return location


def _local_hint(here: Location | str) -> str:
    """What to say to someone who may have meant the local file of that name."""
    if isinstance(here, Location) and here.dsn == os.environ.get(ENVIRONMENT) and os.path.exists(str(here)):
        return f"; {ENVIRONMENT} makes it bucket/key: for the local one write ./{here}"
    return ""


# One item.


def _copy_one(stores: Stores, here: Location | str, there: Location | str, tally: Tally) -> int:
    item = _single(stores, here)
    target, name = _single_target(stores, there, item, tally)
    with closing(target), Progress(output.printable(item.name or name), item.size) as progress:
        if isinstance(here, Location) and isinstance(there, Location):
            _refuse_same_object(stores, here, Location(there.dsn, there.bucket, name))
        target.write(item, name, progress)
        moved = progress.count
    tally.copied = 1
    return moved


def _single(stores: Stores, here: Location | str) -> Item:
    if here == "-":
        return standard_input()
    if isinstance(here, str):
        return local_file(here)
    if not here.key:
        raise InvalidArgumentError(
            f"{shown(here.bucket)} is a bucket; give -r to copy all that is in it{_local_hint(here)}"
        )
    return stored_object(stores.driver(here), here)


def _single_target(stores: Stores, there: Location | str, item: Item, tally: Tally) -> tuple[Target, str]:
    if there == "-":
        return OutputTarget(), ""
    if isinstance(there, str):
        return FileTarget(), file_target(there, item.name)
    key = there.key
    if not key or key.endswith("/"):
        if not item.name:
            raise InvalidArgumentError("the source gives the object no name; add a key to the target")
        key += item.name
    return StoreTarget(stores.driver(there), there.bucket, tally.left_out), key


def _refuse_same_object(stores: Stores, here: Location, there: Location) -> None:
    if (here.bucket, here.key) == (there.bucket, there.key) and _same_store(stores, here, there):
        raise InvalidArgumentError(
            f"source and target are the same object, {shown(str(here))}; give another one"
        )


# Trees.


def _is_tree(stores: Stores, here: Location | str) -> bool:
    if here == "-":
        raise InvalidArgumentError("standard input is no folder; leave -r out")
    if isinstance(here, str):
        return os.path.isdir(here)
    if not here.key or here.key.endswith("/"):
        return True
    drv = stores.driver(here)
    with drv.list(here.bucket, prefix=here.folder, max_keys=1) as page:
        return next(page, None) is not None


def _copy_tree(stores: Stores, here: Location | str, there: Location | str, tally: Tally) -> int:
    if there == "-":
        raise InvalidArgumentError("a tree can't go to standard output; 'trove cat' writes several objects")
    if isinstance(here, Location) and isinstance(there, Location):
        _refuse_overlap(stores, here, there)
    store = _store_below(here, there)
    if isinstance(here, Location):
        # Before the target, which may make a folder: a bucket that is missing is to leave none.
        stores.driver(here).list(here.bucket, max_keys=1).close()
    prefix, target = "", _tree_target(stores, there, store, tally)
    if isinstance(there, Location):
        prefix = there.folder
    with closing(target), Progress("copying") as progress:
        for item in _tree_items(stores, here, store, tally):
            try:
                target.write(item, prefix + item.name, progress)
                tally.copied += 1
            except (TroveError, OSError) as error:
                if not _is_of_one_item(error):
                    raise
                tally.failed += 1
                tally.first_failure = tally.first_failure or exit_code(error)
                progress.complain(message(error))
        return progress.count


def _store_below(here: Location | str, there: Location | str) -> str | None:
    """The path of the store below the local folder, when it is in it; a copy of it would copy itself."""
    if isinstance(here, str) and isinstance(there, Location):
        folder, location = here, there
    elif isinstance(here, Location) and isinstance(there, str):
        folder, location = there, here
    else:
        return None
    store, root = location.store_folder, os.path.realpath(folder)
    if store is None:
        return None
    shared = os.path.commonpath((store, root))
    if shared == store:
        raise InvalidArgumentError(
            f"{folder!r} belongs to the store of {shown(str(location))}; choose a folder outside of it, or "
            "write DSN#bucket/key to copy what is in the store"
        )
    return os.path.relpath(store, root) if shared == root else None


def _tree_items(stores: Stores, here: Location | str, store: str | None, tally: Tally) -> Iterator[Item]:
    if isinstance(here, str):
        return local_tree(here, tally.left_out, store)
    return stored_tree(stores.driver(here), here)


def _tree_target(stores: Stores, there: Location | str, store: str | None, tally: Tally) -> Target:
    if isinstance(there, str):
        return FolderTarget(there, store)
    drv = stores.driver(there)
    # A bucket that is missing is one error and not one for every item.
    drv.list(there.bucket, max_keys=1).close()
    return StoreTarget(drv, there.bucket, tally.left_out)


def _is_of_one_item(error: BaseException) -> bool:
    return isinstance(error, _OF_ONE_ITEM) or getattr(error, "errno", None) in _OF_ONE_FILE


def _refuse_overlap(stores: Stores, here: Location, there: Location) -> None:
    one, other = here.folder, there.folder
    if here.bucket != there.bucket or not (one.startswith(other) or other.startswith(one)):
        return
    if _same_store(stores, here, there):
        raise InvalidArgumentError(
            f"source {shown(str(here))} and target {shown(str(there))} lie in each other, so that the copy "
            "would copy itself; choose a target outside of the source"
        )


def _same_store(stores: Stores, here: Location, there: Location) -> bool:
    """Whether two DSNs lead to one store, as far as can be told from them."""
    one, other = stores.driver(here), stores.driver(there)
    return one is other or (_identity(one, here) == _identity(other, there) and one.name != "memory")


def _identity(drv: Driver, location: Location) -> tuple[str, ...]:
    dsn = parse_dsn(location.dsn)
    # Other parameters say how a store is used; an endpoint says which one it is.
    return drv.name, dsn.user, os.path.realpath(dsn.host + dsn.path), dsn.params.get("endpoint", "")


# The end.


def _report(tally: Tally, moved: int, seconds: float, *, as_json: bool) -> None:
    if as_json:
        output.json_line(
            {
                "copied": tally.copied,
                "bytes": moved,
                "failed": tally.failed,
                "left_out": dict(tally.left_out),
                "seconds": round(seconds, 3),
            }
        )
    else:
        output.line(
            f"copied {output.counted(tally.copied, 'object')}, {output.size(moved)} in {seconds:.2f} s"
        )
        if tally.left_out:
            complain(left_out_text(tally.left_out))
    if tally.failed:
        complain(f"{output.counted(tally.failed, 'object')} could not be copied, as said above")
