"""`demo`: shows a store at work on real files, in half a minute at most."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from urllib.parse import quote

import click

import trove

from ..driver import Driver, VersioningDriver, lookup, parse_dsn
from ..errors import InvalidArgumentError, UnknownDriverError
from . import output
from .buckets import empty_bucket
from .local import left_out_text, walk
from .progress import Progress
from .steps import Demo, Step

# The best embedded driver first.
_PREFERRED = ("trove", "file")
# What in the standard library's folder is not the library itself, or only a multiple of it.
_NOT_LIBRARY = frozenset({"__pycache__", "site-packages", "dist-packages", "test", "tests", "idle_test"})

_FLUSHES = 8
_SLOW_FLUSH = 0.004  # seconds


@dataclass(frozen=True, slots=True)
class _Input:
    """The tree of files that is stored."""

    root: str
    title: str
    skip: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Place:
    """The store that it goes to: its driver, what it is called, and where the user finds it when kept."""

    drv: Driver
    title: str
    bucket: str
    kept_at: str
    removed: str


@click.command()
@click.argument("folder", required=False)
@click.option("--dsn", help="Use this store, in new buckets, instead of one in a temporary folder.")
@click.option("--keep", is_flag=True, help="Leave the store (with --dsn: the buckets) there, to look at.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")
def demo(folder: str | None, dsn: str | None, keep: bool, as_json: bool) -> None:
    """See a store at work on real files.

    The files are those in FOLDER, by default Python's own standard library; they are only read. They go
    to an embedded store in a temporary folder, are read back and compared, listed, paged
    through, copied, overwritten and restored. The figures are those of this machine, now. That store is
    removed unless --keep is given; from a store of --dsn, only the demo's own buckets are. Exit code 1
    says that something did not come back as it was.
    """
    source = _input(folder)
    with ExitStack() as closing:
        store = _own_store(keep=keep) if dsn is None else _given_store(dsn, keep=keep)
        place = closing.enter_context(store)
        if not as_json:
            output.line(f"Trove {trove.__version__} demo")
            output.line(f"  files  {output.name(source.title)}")
            output.line(f"  store  {output.name(place.title)}")
            output.line("")
        steps, left_out = _run(source, place, closing, as_json=as_json)
        if as_json:
            output.json_line(_summary(source, place, steps, left_out, keep=keep))
            return
    _print_end(place, steps, left_out, keep=keep)


def _input(folder: str | None) -> _Input:
    if folder is None:
        root = sysconfig.get_path("stdlib")
        if not os.path.isdir(root):
            raise InvalidArgumentError("this Python has no folder for its standard library; give a folder")
        skip = _NOT_LIBRARY | {os.path.basename(sysconfig.get_config_var("LIBPL") or "")}
        return _Input(root, f"Python's standard library, {root}", skip)
    if not os.path.lexists(folder):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
    if not os.path.isdir(folder):
        raise InvalidArgumentError(f"{folder!r} is not a folder; give one with files in it")
    return _Input(folder, os.path.abspath(folder), frozenset())


# Where to.


@contextmanager
def _own_store(*, keep: bool) -> Iterator[_Place]:
    """A store in a new temporary folder."""
    scheme = next((each for each in _PREFERRED if lookup(each) is not None), None)
    if scheme is None:
        raise UnknownDriverError("no embedded driver is installed; name a store with --dsn")
    folder = tempfile.mkdtemp(prefix="trove-demo-")
    dsn = f"{scheme}://{quote(folder)}"
    try:
        durability, why = _durability(folder)
        with trove.open(f"{dsn}?durability={durability}") as drv:
            title = f"{dsn} (driver {drv.name!r}, durability={durability}: {why})"
            yield _Place(drv, title, "demo", f"'trove ls {dsn}#demo' shows it", "The store was removed")
    finally:
        if not keep:
            shutil.rmtree(folder)


def _durability(folder: str) -> tuple[str, str]:
    """``full`` where the disk flushes fast enough for some thousand flushes in a demo, else ``relaxed``."""
    started = time.perf_counter()
    for _ in range(_FLUSHES):
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"trove")
            file.flush()
            os.fsync(file.fileno())
    flush = (time.perf_counter() - started) / _FLUSHES
    if flush < _SLOW_FLUSH:
        return "full", "every object flushed to the disk"
    return "relaxed", f"nothing flushed, as one flush takes {flush * 1000:.0f} ms here"


@contextmanager
def _given_store(dsn: str, *, keep: bool) -> Iterator[_Place]:
    """New buckets in a store of the user's."""
    parsed = parse_dsn(dsn)
    bucket = f"trove-demo-{secrets.token_hex(4)}"
    with trove.open(dsn) as drv:
        where = f"{parsed.scheme}://{parsed.host}{parsed.path}"
        place = _Place(
            drv,
            f"{where} (driver {drv.name!r})",
            bucket,
            f"the buckets {bucket}... in {where}",
            f"The demo's buckets were removed from {where}, and all else in it is as it was",
        )
        try:
            yield place
        finally:
            if not keep:
                for each in drv.list_buckets():
                    if each.name.startswith(bucket):
                        empty_bucket(drv, each.name)
                        drv.delete_bucket(each.name)


# What is done.


def _run(
    source: _Input, place: _Place, closing: ExitStack, *, as_json: bool
) -> tuple[list[Step], Counter[str]]:
    steps: list[Step] = []

    def done(step: Step) -> None:
        if not as_json:
            if not steps:
                output.line(_ROW.format("", "objects", "size", "time", "objects/s", "bytes/s", "").rstrip())
            _print_step(step)
        steps.append(step)

    left_out: Counter[str] = Counter()
    files = walk(source.root, left_out, skip=source.skip)
    show = Demo(place.drv, place.bucket, left_out=left_out)
    with Progress("storing") as progress:
        show.moved = progress.moved
        step = show.put(files)
    if not step.objects:
        raise InvalidArgumentError(_nothing_text(source, left_out))
    done(step)
    with Progress("reading", step.bytes) as progress:
        show.moved = progress.moved
        step = show.read_back()
        show.moved = lambda count: None
    done(step)
    done(show.list_top())
    done(show.page())
    done(show.copy())
    keeper, where = _version_keeper(place.drv, closing)
    done(show.restore(keeper, where))
    return steps, left_out


def _nothing_text(source: _Input, left_out: Counter[str]) -> str:
    why = f" ({left_out_text(left_out)})" if left_out else ""
    return f"{source.root!r} holds no file that can be stored{why}; give a folder with files in it"


def _version_keeper(drv: Driver, closing: ExitStack) -> tuple[VersioningDriver, str]:
    if isinstance(drv, VersioningDriver):
        return drv, "same store"
    memory = closing.enter_context(trove.open("mem://"))
    if not isinstance(memory, VersioningDriver):
        raise UnknownDriverError("the driver for mem:// keeps no versions; name a store that does with --dsn")
    return memory, f"in mem:// ({drv.name!r} keeps none)"


# What is said.

_ROW = "  {:<9} {:>7} {:>8} {:>8} {:>9} {:>10}  {}"


def _print_step(step: Step) -> None:
    per_second = step.objects / step.seconds if step.seconds else 0
    speed = f"{output.size(step.bytes / step.seconds)}/s" if step.bytes and step.seconds else ""
    output.line(
        _ROW.format(
            step.name,
            f"{step.objects:,}",
            output.size(step.bytes) if step.bytes else "",
            _seconds(step.seconds),
            f"{per_second:,.0f}",
            speed,
            step.note,
        )
    )
    output.flush()


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def _print_end(place: _Place, steps: list[Step], left_out: Counter[str], *, keep: bool) -> None:
    output.line("")
    if left_out:
        output.line(f"  {left_out_text(left_out)}")
    total = sum(step.seconds for step in steps)
    output.line(f"  All that came back is what was stored. {total:.1f} s in all.")
    output.line(f"  Kept: {place.kept_at}." if keep else f"  {place.removed}; --keep leaves what was stored.")


def _summary(
    source: _Input, place: _Place, steps: list[Step], left_out: Counter[str], *, keep: bool
) -> dict[str, object]:
    return {
        "files": source.root,
        "store": place.title,
        "bucket": place.bucket,
        "kept": keep,
        "left_out": dict(left_out),
        "steps": [{**asdict(step), "seconds": round(step.seconds, 6)} for step in steps],
    }
