"""`verify`, `repair`, `compact`, `snapshot`, `stats`, `backup`, `restore`: the housekeeping of stores."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import click

from ..driver import lookup, parse_dsn
from ..errors import UnknownDriverError, UnsupportedOptionError
from . import output
from .failure import Exit
from .location import Location, Stores, no_store_in_verbs, pass_stores, whole_store
from .progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trove._engine.reports import (
        BackupReport,
        CompactReport,
        Problem,
        RepairReport,
        RestoreReport,
        Snapshot,
        Stats,
        VerifyReport,
    )

    from ..driver import Driver


class Kept(Protocol):
    """What a driver has that keeps house; ``trove.drivers.engine`` documents it."""

    def stats(self) -> Stats: ...
    def snapshot(self) -> Snapshot: ...
    def compact(self, *, progress: Callable[[int, int], None] | None = None) -> CompactReport: ...
    def verify(self, *, progress: Callable[[int, int], None] | None = None) -> VerifyReport: ...
    def repair(
        self, dsn: str | None = None, *, progress: Callable[[int, int], None] | None = None
    ) -> RepairReport: ...
    def backup(self, target: str, *, progress: Callable[[int, int], None] | None = None) -> BackupReport: ...
    def restore(
        self, source: str, dsn: str, *, progress: Callable[[int, int], None] | None = None
    ) -> RestoreReport: ...


_Command = TypeVar("_Command", bound=Callable[..., Any])


_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def _store_verb(command: _Command) -> _Command:
    """The arguments that most of these verbs share."""
    dsn = click.argument("location", metavar="[DSN]", required=False, callback=whole_store)
    return dsn(_as_json(command))


def _keeping(driver: Driver, verb: str) -> Kept:
    """``driver``, if it has ``verb``."""
    if not callable(getattr(driver, verb, None)):
        raise UnsupportedOptionError(
            f"driver {driver.name!r} has no {verb}; it is for embedded stores, trove:///path: "
            "'trove drivers' shows what is there"
        )
    return cast("Kept", driver)


def _unopened(location: Location, verb: str) -> Kept:
    """The driver of a location that may not open."""
    scheme = parse_dsn(location.dsn).scheme
    factory = lookup(scheme)
    if factory is None:
        raise UnknownDriverError(
            f"no driver is registered for {scheme}://; 'trove drivers' lists those that are"
        )
    return _keeping(factory(), verb)


def _opened(open_: Callable[[Location], Driver], location: Location, verb: str) -> Kept:
    """The driver of a location, opened; not before it is known to have ``verb``."""
    _unopened(location, verb)
    return _keeping(open_(location), verb)


@contextmanager
def _shown(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress callback that moves a bar."""
    with Progress(title) as bar:

        def progress(done: int, total: int) -> None:
            bar.reached(done, total)

        yield progress


@click.command()
@_store_verb
@pass_stores
def verify(stores: Stores, location: Location, as_json: bool) -> int:
    """Check that a store is whole.

    Everything is looked at: index, log, references, and every byte of data. Others may use the store
    meanwhile. Exit code 5 says that something is damaged; 'trove repair' saves what can be saved.
    Without a DSN, TROVE_DSN names the store.
    """
    driver = _opened(stores.driver, location, "verify")
    with _shown("verify") as progress:
        report = driver.verify(progress=progress)
    if as_json:
        output.json_line({"ok": report.ok, "problems": [asdict(problem) for problem in report.problems]})
    else:
        for problem in report.problems:
            output.line(output.name(str(problem)))
        output.line(_verdict(report.problems))
    return Exit.OK if report.ok else Exit.STORAGE


@click.command()
@_store_verb
def repair(location: Location, as_json: bool) -> int:
    """Make a damaged store usable again.

    Nobody else may have it open. The index is made anew from the log. Objects whose data is damaged leave
    their bucket and are named, and whatever was damaged is kept in the store's folder 'quarantine'.
    Exit code 0 says that the store is usable again, whatever was lost. Without a DSN, TROVE_DSN names
    the store.
    """
    driver = _unopened(location, "repair")
    with no_store_in_verbs(location), _shown("repair") as progress:
        report = driver.repair(location.dsn, progress=progress)
    if as_json:
        output.json_line(asdict(report))
    else:
        for done in report.done:
            output.line(done)
        for kept in report.quarantined:
            where = f"; kept as {kept.kept}" if kept.kept else ""
            output.line(
                f"quarantined: {kept.file}, {kept.length} bytes from {kept.offset} on: {kept.what}{where}"
            )
        for lost in report.lost:
            name = "" if lost.bucket is None else f"{lost.bucket}/{lost.key or ''}: "
            output.line(output.name(f"lost: {name}{lost.why}"))
        output.line("nothing was lost" if not report.lost else "the rest of the store is usable again")
    return Exit.OK if report.ok else Exit.STORAGE


@click.command()
@_store_verb
@pass_stores
def compact(stores: Stores, location: Location, as_json: bool) -> None:
    """Give back the space of what was deleted and overwritten.

    Others may use the store meanwhile, and it can be stopped at any time. It needs room for what it copies.
    Without a DSN, TROVE_DSN names the store.
    """
    driver = _opened(stores.writer, location, "compact")
    with _shown("compact") as progress:
        report = driver.compact(progress=progress)
    if as_json:
        output.json_line(asdict(report))
    elif not report.packs:
        output.line("there is nothing to gain")
    else:
        freed = output.size(report.freed_bytes - report.moved_bytes)
        output.line(f"{freed} came back, {output.counted(report.packs, 'pack')} removed")


@click.command()
@_store_verb
@pass_stores
def snapshot(stores: Stores, location: Location, as_json: bool) -> None:
    """Take a snapshot of a store's index.

    A rebuild of the index begins with the newest one. They are taken in the background too, when a
    rebuild would take more than a few seconds. Without a DSN, TROVE_DSN names the store.
    """
    taken = _opened(stores.writer, location, "snapshot").snapshot()
    if as_json:
        output.json_line(asdict(taken))
    else:
        output.line(f"snapshot at commit {taken.sequence}, {output.size(taken.size)}")


@click.command()
@_store_verb
@pass_stores
def stats(stores: Stores, location: Location, as_json: bool) -> None:
    """Show what a store holds and the space that it takes.

    Without a DSN, TROVE_DSN names the store.
    """
    found = _opened(stores.driver, location, "stats").stats()
    if as_json:
        output.json_line(asdict(found))
        return
    output.table(
        [
            ("buckets", f"{found.buckets:,}", ""),
            ("objects", f"{found.objects:,}", f"{found.versions:,} older versions"),
            ("uploads", f"{found.uploads:,}", "with their parts"),
            ("chunks", f"{found.chunks:,}", f"{output.size(found.live_bytes)} live"),
            ("packs", f"{found.packs:,}", output.size(found.pack_bytes)),
            ("index", f"at commit {found.sequence:,}", output.size(found.index_bytes)),
            ("snapshots", f"{found.snapshots:,}", output.size(found.snapshot_bytes)),
        ],
        right=(1, 2),
    )


@click.command()
@_as_json
@click.argument("location", metavar="DSN", callback=whole_store)
@click.argument("folder")
@pass_stores
def backup(stores: Stores, location: Location, folder: str, as_json: bool) -> None:
    """Copy a store as it is now to FOLDER.

    Others may use the store meanwhile. Where FOLDER has an earlier backup of it, only what is new is copied,
    and until that is done the earlier one stays. 'trove restore' makes a store of it.
    """
    driver = _opened(stores.driver, location, "backup")
    with _shown("backup") as progress:
        report = driver.backup(folder, progress=progress)
    if as_json:
        output.json_line(asdict(report))
    else:
        output.line(
            f"backup at commit {report.sequence}, {output.size(report.size)}, "
            f"{output.size(report.copied)} of it copied"
        )


@click.command()
@_as_json
@click.argument("folder")
@click.argument("location", metavar="DSN", callback=whole_store)
def restore(folder: str, location: Location, as_json: bool) -> int:
    """Make a store from the backup in FOLDER, and verify it.

    There may be no store of that name yet, and if the backup is damaged, none is made. If the store was
    damaged before it was backed up, it is made, what is wrong is named, and the exit code is 5.
    """
    driver = _unopened(location, "restore")
    with _shown("restore") as progress:
        report = driver.restore(folder, location.dsn, progress=progress)
    if as_json:
        output.json_line({**asdict(report), "ok": report.ok})
    else:
        for problem in report.problems:
            output.line(output.name(str(problem)))
        output.line(
            f"restored at commit {report.sequence}, {output.size(report.size)}: {_verdict(report.problems)}"
        )
    return Exit.OK if report.ok else Exit.STORAGE


def _verdict(problems: Sequence[Problem]) -> str:
    if not problems:
        return "the store is whole"
    return f"{output.counted(len(problems), 'problem')}; 'trove repair' saves what can be saved"
