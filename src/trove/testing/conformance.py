"""run: what ``trove conformance DSN`` does."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

import trove

from .hiding import Hiding, SecretDSN

_ENVIRONMENT = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")


def run(dsn: str, *, pytest_args: Sequence[str] = ()) -> int:
    """Run the whole suite and the state machine against the store that ``dsn`` names; pytest's exit status.

    That is 0 when all tests passed, 1 when some failed, and pytest's own numbers beyond. ``pytest_args``
    go to pytest as they are (``["-k", "list", "-x"]``). The store may hold data: only buckets of the
    suite's own are touched, and deleted at the end. The folder it is run in, its pytest settings and the
    environment's play no part, and no file is left in it.

    The secrets of the DSN, its password and parameters such as ``token``, are hidden in reports and in all
    that goes through ``sys.stdout`` and ``sys.stderr``, with ``-s`` too. Options of pytest's that write
    elsewhere (``--log-file``, ``--debug``, ``--pastebin``) are refused when the DSN has any.

    The DSN is opened once before, so that one that can't be raises what :func:`trove.open` raises.
    """
    with trove.open(dsn) as driver:
        driver.ping()
    plugin = _Plugin(dsn)
    with _undisturbed() as folder, plugin.output():
        arguments = [
            *("-c", os.devnull, "--rootdir", str(folder), "--noconftest"),
            *("-p", "no:cacheprovider", "-p", "no:benchmark"),  # both leave a folder behind
            *("--import-mode", "importlib", "--tb", "short", "-rfs"),
            # Before the caller's: an option that may take a value, such as --debug, would take it.
            str(Path(__file__).with_name("target.py")),
            *pytest_args,
            # What drew in this function was imported before pytest was there to look at it. At the end, as
            # the last filter is the first to be asked, and the caller's may be "error".
            *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
        ]
        return int(pytest.main(arguments, plugins=[plugin]))


class _Plugin(Hiding):
    """Gives the tests the DSN, and hides its secrets."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._dsn = SecretDSN(dsn)

    def pytest_sessionstart(self) -> None:
        # When the package was imported pytest was not running yet.
        pytest.register_assert_rewrite("trove.testing.suite", "trove.testing.machine")

    @pytest.fixture
    def conformance_dsn(self) -> str:
        return self._dsn


@contextmanager
def _undisturbed() -> Iterator[Path]:
    """Keeps the caller's settings out, and what tools would write away from the working directory."""
    environment = {name: os.environ.pop(name) for name in _ENVIRONMENT if name in os.environ}
    writes_bytecode = sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    with tempfile.TemporaryDirectory(prefix="trove-conformance-") as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield Path(folder)
        finally:
            set_hypothesis_home_dir(None)
            sys.dont_write_bytecode = writes_bytecode
            os.environ.update(environment)
