"""run: what ``trove conformance DSN`` does."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

import trove

from ..driver import parse_dsn

_ENVIRONMENT = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
_HIDDEN = "***"


def run(dsn: str, *, pytest_args: Sequence[str] = ()) -> int:
    """Run the whole suite and the state machine against the store that ``dsn`` names; pytest's exit status.

    That is 0 when all tests passed, 1 when some failed, and pytest's own numbers beyond. ``pytest_args``
    go to pytest as they are (``["-k", "list", "-x"]``). The store may hold data: only buckets of the
    suite's own are touched, and deleted at the end. The folder it is run in, its pytest settings and the
    environment's play no part, and no file is left in it. The password of the DSN is never printed.

    The DSN is opened once before, so that one that can't be raises what :func:`trove.open` raises.
    """
    with trove.open(dsn) as driver:
        driver.ping()
    plugin = _Plugin(dsn)
    with _undisturbed() as folder:
        arguments = [
            *("-c", os.devnull, "--rootdir", str(folder), "--noconftest"),
            *("-p", "no:cacheprovider", "--import-mode", "importlib", "--tb", "short", "-rfs"),
            # What drew in this function was imported before pytest was there to look at it.
            *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
            *pytest_args,
            str(Path(__file__).with_name("target.py")),
        ]
        return int(pytest.main(arguments, plugins=[plugin]))


class _SecretDSN(str):
    """A DSN that tracebacks show without its password."""

    def __repr__(self) -> str:
        return repr(parse_dsn(str(self))) if "://" in self else repr(_HIDDEN)


class _Plugin:
    """Gives the tests the DSN, and takes its password out of what is reported."""

    def __init__(self, dsn: str) -> None:
        self._dsn = _SecretDSN(dsn)
        parsed = parse_dsn(dsn)
        written = dsn.partition("://")[2].partition("/")[0].rpartition("@")[0].partition(":")[2]
        self._secrets = sorted({parsed.password, written, unquote(written)} - {""}, key=len, reverse=True)

    def pytest_configure(self) -> None:
        # Said when the package was imported too, but then pytest was not running yet.
        pytest.register_assert_rewrite("trove.testing.suite", "trove.testing.machine")

    @pytest.fixture
    def conformance_dsn(self) -> str:
        return self._dsn

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Iterator[None]:
        report: pytest.TestReport = yield  # type: ignore[assignment]
        text = report.longreprtext
        if any(secret in text for secret in self._secrets):
            report.longrepr = self._clean(text)
        report.sections = [(title, self._clean(content)) for title, content in report.sections]
        return report  # type: ignore[return-value]

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text


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
