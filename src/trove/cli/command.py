"""The command: its verbs, its help, and its one way to end."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from .. import __version__
from .buckets import buckets, mb, rb
from .cp import cp
from .demo import demo
from .drivers import conformance, drivers
from .failure import EXIT_CODES, Carried, guarded
from .kv import kv
from .listing import ls, versions
from .location import ENVIRONMENT, Stores
from .objects import cat, get, put, rm, stat
from .quota import quota
from .secrets import keep_secrets
from .store import backup, compact, repair, restore, snapshot, stats, verify

_HELP = f"""Store, read, list and copy objects in any store that Trove has a driver for.

\b
A location names a store, a bucket and a key:
  DSN#bucket/key     file:///var/lib/app#photos/2026/cat.jpg
  bucket/key         with TROVE_DSN=file:///var/lib/app in the environment
The DSN ends at the first '#'; what follows is taken as it is, unescaped.

\b
A first session:
  export TROVE_DSN=file:///tmp/store
  trove mb photos
  trove put cat.jpg photos/2026/ --metadata author=alice
  trove ls -l photos/2026/
  trove cp -r photos ./backup

{EXIT_CODES}

An error is one line on stderr; TROVE_DEBUG=1 adds the traceback.
"""


class _Trove(click.Group):
    """The command itself: verbs in the order of their groups, and one way to end."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command; exit with its code, or return it when not in ``standalone_mode``."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A name that the terminal's encoding lacks is shown as an escape instead of an error.
            sys.stdout.reconfigure(errors="backslashreplace")
        for text in (*(sys.argv[1:] if args is None else args), os.environ.get(ENVIRONMENT, "")):
            keep_secrets(text)
        run = super().main
        code = guarded(lambda: run(args, prog_name, complete_var, standalone_mode=False, **extra))
        if standalone_mode:
            sys.exit(code)
        return code

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, EOFError, OSError) as error:
            raise Carried(error) from error


@click.group(
    cls=_Trove,
    name="trove",
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="trove")
@click.pass_context
def trove(ctx: click.Context) -> None:
    ctx.obj = ctx.with_resource(Stores())


for _verb in (
    *(put, get, cat, ls, stat, rm, cp, mb, rb, buckets, versions, quota, kv),
    *(verify, repair, compact, snapshot, stats, backup, restore),
    *(conformance, drivers, demo),
):
    trove.add_command(_verb)


def main() -> None:
    """The entry point of the ``trove`` command."""
    trove(prog_name="trove")
