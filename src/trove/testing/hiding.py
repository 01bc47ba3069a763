"""Hiding: pytest's reports and output without the secrets of a DSN."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

import pytest

from ..driver import parse_dsn
from ..driver.dsn import secrets_in

_HIDDEN = "***"
# What these write is neither a report nor standard output, and may be anything.
_UNHIDDEN = {"log_file": "--log-file", "pastebin": "--pastebin", "debug": "--debug"}


class SecretDSN(str):
    """A DSN that tracebacks show without its secrets, even where they cut it."""

    def __repr__(self) -> str:
        return repr(parse_dsn(str(self))) if "://" in self else repr(_HIDDEN)


class Hiding:
    """A pytest plugin that takes the secrets of ``dsn`` out of what is reported.

    It hides them in reports, and so in all that is made of these; :meth:`output` hides them in what is
    printed. Options that write elsewhere are refused when there is a secret.
    """

    def __init__(self, dsn: str) -> None:
        self._secrets = secrets_in(dsn)

    def clean(self, text: str) -> str:
        """``text`` without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text

    @contextmanager
    def output(self) -> Iterator[None]:
        """Hides what is written to ``sys.stdout`` and ``sys.stderr`` in the block."""
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = (
            cast(TextIO, _CleanStream(each, self)) if each is not None else None for each in streams
        )
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams

    def pytest_configure(self, config: pytest.Config) -> None:
        for name, option in _UNHIDDEN.items():
            given = config.getoption(name) or (name == "log_file" and config.getini(name))
            if given and self._secrets:
                raise pytest.UsageError(
                    f"{option} could write secrets of the DSN; leave it out, or use a DSN without any"
                )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Iterator[None]:
        report: pytest.TestReport = yield  # type: ignore[assignment]
        if isinstance(report.longrepr, tuple):
            path, line, reason = report.longrepr
            report.longrepr = path, line, self.clean(reason)
        elif (text := report.longreprtext) != (cleaned := self.clean(text)):
            report.longrepr = cleaned
        report.sections = [(title, self.clean(content)) for title, content in report.sections]
        return report  # type: ignore[return-value]


class _CleanStream:
    """A text stream that hides secrets, and is the stream behind it in all else."""

    def __init__(self, stream: TextIO, hiding: Hiding) -> None:
        self._stream = stream
        self._hiding = hiding

    def write(self, text: str) -> int:
        self._stream.write(self._hiding.clean(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
