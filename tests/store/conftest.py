"""The servers that stores of records are tested on: one of a kind for a whole run, or a worker of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from harness.postgres_server import PostgresServer, postgres_server

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def table(postgres: PostgresServer) -> Iterator[str]:
    """The name of a table that is not there yet, and of no other test."""
    name = f"table_{next(_numbers)}"
    yield name
    postgres.execute(f"DROP TABLE IF EXISTS {name}")
