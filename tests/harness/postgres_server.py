"""A PostgreSQL server that tests start, for as long as they take."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from .servers import Process, free_port, missing

USER = "owner"
PASSWORD = "s3cr3t-of-tests"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "300",
}


def programs() -> Path | None:
    """The folder of ``initdb`` and ``postgres``, ``None`` where they are not installed."""
    folders = [Path(found).parent for found in [shutil.which("initdb")] if found]
    if config := shutil.which("pg_config"):
        asked = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(asked.stdout.strip()))
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next(
        (each for each in folders if (each / "initdb").exists() and (each / "postgres").exists()), None
    )


class PostgresServer:
    """A server of a data folder of its own, which :meth:`restart` keeps, and its port."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs = programs
        self._folder = folder
        self._user = user
        self.port = free_port()
        password = folder / "password"
        password.write_text(PASSWORD)
        if user:
            shutil.chown(folder, user)
            shutil.chown(password, user)
        data = folder / "data"
        command = [
            str(programs / "initdb"),
            "--no-sync",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        ]
        command += [f"--username={USER}", f"--pwfile={password}", f"--pgdata={data}"]
        subprocess.run(command, user=user, cwd="/", check=True, stdout=subprocess.DEVNULL)
        self.start()

    @property
    def dsn(self) -> str:
        return self.dsn_on(self.port)

    def dsn_on(self, port: int) -> str:
        """The DSN of this server by another port."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres"

    def start(self) -> None:
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "data"), "-p", str(self.port)]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        self.process = Process(command, "ready to accept connections", self._user)

    def restart(self) -> None:
        self.process.stop()
        self.start()

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What ``statement`` is answered with."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def connections(self, which: str = "true") -> int:
        """How many connections of stores it has, those for which is true ``which``."""
        query = f"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'trove' AND {which}"
        count: int = self.execute(query)[0][0]
        return count

    def waiting(self) -> int:
        """How many statements of stores wait for a lock."""
        return self.connections("wait_event_type = 'Lock'")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that is up. Skips where PostgreSQL is not installed."""
    folder_of_programs = programs()
    if folder_of_programs is None:
        missing("PostgreSQL", "postgresql")
    # It does not run as root, and the folders of tests are closed to others.
    user = _other_user() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="trove-postgres-"))
    try:
        server = PostgresServer(folder_of_programs, folder, user)
        try:
            yield server
        finally:
            server.process.stop()
    finally:
        shutil.rmtree(folder)


def _other_user() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
