"""What stores are tested with: a clock, and servers, one of a kind for a whole run or a worker of one."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator

import pytest
from harness.etcd_server import EtcdServer
from harness.postgres_server import PostgresServer, postgres_server

from trove.testing import ManualClock

_numbers = itertools.count()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


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


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    with EtcdServer(tmp_path_factory.mktemp("etcd")) as server:
        yield server


@pytest.fixture
def root() -> str:
    """What the keys of one test in etcd begin with."""
    return f"{uuid.uuid4().hex}/"
