"""Servers that the tests of several stores ask."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from harness.etcd_server import EtcdServer


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    """One etcd for all tests; each keeps to a ``root`` of its own."""
    server = EtcdServer(tmp_path_factory.mktemp("etcd"))
    yield server
    server.stop()


@pytest.fixture
def root() -> str:
    """What the keys of one test begin with."""
    return f"{uuid.uuid4().hex}/"
