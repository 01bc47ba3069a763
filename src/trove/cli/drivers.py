"""`drivers` and `conformance`: which drivers there are, and whether one keeps the contract."""

from __future__ import annotations

import click

from ..driver import capabilities, lookup, parse_dsn
from ..driver import drivers as registered
from ..errors import InvalidArgumentError, TroveError
from . import output
from .failure import Exit, message


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def drivers(as_json: bool) -> None:
    """List the installed drivers.

    They come by the scheme of their DSNs, with what each can do beyond the basic contract.
    """
    rows = [("SCHEME", "DRIVER", "CAPABILITIES")]
    for scheme in registered():
        try:
            name, able, problem = *_description(scheme), ""
        except TroveError as error:
            name, able, problem = "", [], message(error)
        if as_json:
            output.json_line(
                {"scheme": scheme, "driver": name, "capabilities": able, "error": problem or None}
            )
        short = ", ".join(each.removesuffix("Driver") for each in able)
        rows.append((f"{scheme}://", name or "-", output.name(problem) or short or "-"))
    if not as_json:
        output.table(rows)


def _description(scheme: str) -> tuple[str, list[str]]:
    factory = lookup(scheme)
    if factory is None:
        raise TroveError(f"driver {scheme!r} went away while it was looked up; try again")
    try:
        driver = factory()
        return driver.name, sorted(capabilities(driver))
    except Exception as error:  # whatever somebody else's driver raises, the others are listed
        raise TroveError(f"can't be made ({type(error).__name__}: {error}); reinstall its package") from error


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("dsn")
@click.argument("pytest_args", nargs=-1, type=click.UNPROCESSED, metavar="[-- PYTEST_ARGS...]")
@click.pass_context
def conformance(ctx: click.Context, dsn: str, pytest_args: tuple[str, ...]) -> None:
    """Check that a driver keeps the contract.

    This runs the conformance suite against the store of DSN. It makes buckets of its own in the store.
    What follows goes to pytest: 'trove conformance mem:// -- -k listing -x'. Exit code 1 says that a
    test failed.
    """
    if "#" in dsn:
        raise InvalidArgumentError("the suite takes a DSN alone, without '#' and what follows it")
    parse_dsn(dsn)  # says what is wrong with it without pytest
    try:
        from ..testing import run
    except ImportError as error:
        raise TroveError(str(error)) from error
    ctx.exit(Exit.FAILURE if run(dsn, pytest_args=pytest_args) else Exit.OK)
