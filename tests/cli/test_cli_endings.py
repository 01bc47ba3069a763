"""How the command ends: exit codes, one line, no traceback, no password, no half-written file."""

from __future__ import annotations

import errno
import io
import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

import trove
from trove.cli.command import trove as command
from trove.cli.failure import Exit, exit_code, message
from trove.cli.secrets import without_secrets
from trove.driver import Driver
from trove.drivers.local import LocalDriver
from trove.drivers.memory import MemoryDriver
from trove.errors import (
    BucketExistsError,
    BucketNotEmptyError,
    ChecksumMismatchError,
    CorruptStoreError,
    DriverClosedError,
    InvalidKeyError,
    ObjectNotFoundError,
    PreconditionFailedError,
    QuotaExceededError,
    StorageFullError,
    StorageIOError,
    UnknownDriverError,
    UnsupportedOptionError,
    VersionNotFoundError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidKeyError(), Exit.USAGE),
        (UnsupportedOptionError(), Exit.USAGE),
        (UnknownDriverError(), Exit.USAGE),
        (IsADirectoryError(), Exit.USAGE),
        (ObjectNotFoundError(), Exit.NOT_FOUND),
        (VersionNotFoundError(), Exit.NOT_FOUND),
        (FileNotFoundError(), Exit.NOT_FOUND),
        (BucketExistsError(), Exit.CONFLICT),
        (BucketNotEmptyError(), Exit.CONFLICT),
        (PreconditionFailedError(), Exit.CONFLICT),
        (FileExistsError(), Exit.CONFLICT),
        (StorageIOError(), Exit.STORAGE),
        (StorageFullError(), Exit.STORAGE),
        (CorruptStoreError(), Exit.STORAGE),
        (ChecksumMismatchError(), Exit.STORAGE),
        (QuotaExceededError(), Exit.STORAGE),
        (PermissionError(), Exit.STORAGE),
        (DriverClosedError(), Exit.FAILURE),
        (RuntimeError(), Exit.FAILURE),
    ],
)
def test_every_kind_of_failure_has_its_exit_code(error: BaseException, code: Exit) -> None:
    assert exit_code(error) is code


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("two\nlines \x1b[31m"),
        OSError(errno.EIO, "Input/output error", "na\nme"),
        OSError("no number"),
        ObjectNotFoundError.of("b\n", "k\n"),
        UnicodeEncodeError("utf-8", "\udcff", 0, 1, "surrogates"),
    ],
)
def test_a_message_is_one_printable_line(error: BaseException) -> None:
    assert message(error).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "s3://me:hunter2@host/x",
        "s3://me:hunt@er2/hunter2@host",
        "x s3://:hunter2@host y",
        "s3://host?endpoint=x&secret_key=hunter2",
        "s3://host?token=hunter2#b",
    ],
)
def test_passwords_are_hidden_wherever_a_dsn_is_quoted(text: str) -> None:
    assert "hunter2" not in without_secrets(text)
    assert "***" in without_secrets(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("stat", "nosuch://me:hunter2@host#b/k"),
        ("stat", "file://me:hunter2@host#b/k"),
        ("stat", "file:///x?password=hunter2#b/k"),
        ("get", "mem://#b/k", "x", "s3://me:hunter2@host#b/k"),
        ("get", "mem://#b/k", "--range", "s3://me:hunter2@host"),
        ("mb", "s3://me:hunter2@host:port#b"),
        ("buckets", "s3://me:hunter2@host#b"),
        ("demo", "--dsn", "nosuch://me:hunter2@host"),
        ("conformance", "nosuch://me:hunter2@ho st"),
        ("s3://me:hunter2@host#b/k",),
    ],
)
def test_no_error_shows_a_password(run: Any, only_line: Any, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, code=2)
    assert "hunter2" not in result.output + result.stderr
    only_line(result.stderr)


@pytest.mark.parametrize("store_is_set", [False, True])
@pytest.mark.parametrize(
    "mistyped",
    [
        "s3:/u:HunterTwo22@h#b",
        "s3//u:HunterTwo22@h",
        "u:Hunter/Two22@h",
        "u:Hunter Two22@h",
        "u:Hun'terTwo22@h",
    ],
)
@pytest.mark.parametrize(
    "verb",
    [
        *("ls {}", "versions {}", "stat {}", "rm {}", "rb {}", "cat {}", "get {} x", "put {} mem://#b"),
        *("put x {}", "cp {} x", "cp x {}", "cp -r {} mem://#b", "conformance {}", "demo {}"),
        *("demo --dsn {}", "buckets {}", "{}", "get mem://#b/k x {}", "get mem://#b/k --range {}"),
    ],
)
def test_a_mistyped_dsn_shows_no_password_in_any_error(
    run: Any, here: Path, monkeypatch: pytest.MonkeyPatch, verb: str, mistyped: str, store_is_set: bool
) -> None:
    Path("x").touch()
    invoke = command.main
    if not store_is_set:
        monkeypatch.delenv("TROVE_DSN")
    told = io.StringIO()
    monkeypatch.setattr("sys.stderr", told)
    assert invoke(
        [mistyped if each == "{}" else each for each in verb.split()], "trove", standalone_mode=False
    )
    assert "wo22" not in told.getvalue()
    assert told.getvalue().count("\n") == 1


def test_a_mistyped_dsn_in_the_environment_is_not_shown(
    run: Any, monkeypatch: pytest.MonkeyPatch, only_line: Any
) -> None:
    monkeypatch.setenv("TROVE_DSN", "s3:/u:HunterTwo22@h")
    assert "HunterTwo22" not in only_line(run("ls", "b", code=2).stderr)


def test_a_mistyped_location_without_secrets_is_shown(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TROVE_DSN")
    assert "'photos/cat.jpg' names no store" in run("stat", "photos/cat.jpg", code=2).stderr


def test_a_key_with_an_at_sign_is_no_secret(run: Any, store: Driver, dsn: str, only_line: Any) -> None:
    told = only_line(run("stat", f"{dsn}#b/2026/logo@2x.png", code=3).stderr)
    assert "'2026/logo@2x.png' does not exist in bucket 'b'" in told


def test_the_form_of_a_dsn_is_no_secret(run: Any) -> None:
    assert "scheme://[user[:password]@]" in run("buckets", "mem://?", code=2).stderr


def test_a_password_that_a_driver_quotes_is_hidden(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def quoting(self: MemoryDriver, dsn: str, **options: Any) -> None:
        raise RuntimeError("could not log in with s#cret")

    monkeypatch.setattr(MemoryDriver, "open", quoting)
    monkeypatch.setenv("TROVE_DEBUG", "1")
    told = run("ls", "mem://me:s%23cret@host#b", code=1).stderr
    assert "Traceback" in told
    assert "s#cret" not in told


def test_a_bug_is_one_line_and_a_traceback_only_when_asked_for(
    run: Any, store: Driver, monkeypatch: pytest.MonkeyPatch, only_line: Any
) -> None:
    def buggy(self: LocalDriver, *arguments: Any, **options: Any) -> None:
        raise ValueError("of an unexpected kind")

    monkeypatch.setattr(LocalDriver, "head", buggy)
    told = only_line(run("stat", "b/k", code=1).stderr)
    assert "of an unexpected kind" in told
    assert "TROVE_DEBUG=1" in told
    monkeypatch.setenv("TROVE_DEBUG", "1")
    assert "Traceback" in run("stat", "b/k", code=1).stderr


@pytest.mark.parametrize(
    "arguments",
    [("nosuchverb",), ("put",), ("ls", "--nosuch"), ("rm",), ("cp", "a"), ("get", "b/k", "x", "y")],
)
def test_wrong_usage_is_one_line_that_names_the_help(
    run: Any, only_line: Any, arguments: tuple[str, ...]
) -> None:
    assert "--help'" in only_line(run(*arguments, code=2).stderr)


def test_the_command_alone_shows_its_help(run: Any) -> None:
    assert "Exit codes:" in run(code=2).stderr


def test_every_verb_has_a_help(run: Any) -> None:
    verbs = run("--help").output.partition("Commands:")[2].split("\n")[1:]
    names = [each.split()[0] for each in verbs if each.strip()]
    assert set(names) == {
        *("put", "get", "cat", "ls", "stat", "rm", "cp", "mb", "rb", "buckets", "versions", "quota", "kv"),
        *("verify", "repair", "compact", "snapshot", "stats", "backup", "restore"),
        *("conformance", "drivers", "demo"),
    }
    for name in names:
        assert run(name, "--help").output.startswith(f"Usage: trove {name}")
    for name in ("put", "get", "del", "ls"):
        assert run("kv", name, "--help").output.startswith(f"Usage: trove kv {name}")


# As a process of its own.


def test_the_module_runs_as_the_command(spawn: Any) -> None:
    result = spawn("--version")
    assert (result.returncode, result.stderr) == (0, b"")
    assert trove.__version__.encode() in result.stdout


def test_exit_codes_reach_the_shell(spawn: Any, store: Driver, only_line: Any) -> None:
    for arguments, code in ((("ls", "b"), 0), (("ls", "c"), 3), (("ls", "--x"), 2), (("mb", "b"), 4)):
        result = spawn(*arguments)
        assert result.returncode == code
        if code:
            only_line(result.stderr.decode())


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("cat", "b/big"), ("ls", "-r", "b"), ("ls", "--json", "-r", "b")])
def test_a_broken_pipe_is_quiet(store: Driver, dsn: str, arguments: tuple[str, ...], unbuffered: str) -> None:
    store.put("b", "big", b"x" * 1_000_000)
    for number in range(80):
        store.put("b", f"{number}-" + "k" * 1000, b"")
    process = subprocess.Popen(
        [sys.executable, "-m", "trove", *arguments],
        env={**os.environ, "TROVE_DSN": dsn, "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # takes no more than it asks for: the rest has to be more than a pipe holds
    )
    assert process.stdout is not None
    assert process.stdout.read(5)
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(timeout=60) == Exit.BROKEN_PIPE


def test_a_reader_that_went_away_before_the_first_line_is_quiet(spawn: Any, store: Driver, dsn: str) -> None:
    store.put("b", "k", b"x")
    reading, writing = os.pipe()
    os.close(reading)
    result = spawn("ls", "b", stdout=writing)
    os.close(writing)
    assert (result.returncode, result.stderr) == (Exit.BROKEN_PIPE, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [("cat", "b/k"), ("ls", "b")])
def test_a_full_disk_behind_standard_output_is_an_error(
    spawn: Any, store: Driver, only_line: Any, arguments: tuple[str, ...]
) -> None:
    store.put("b", "k", b"x")
    with open("/dev/full", "wb") as full:
        result = spawn(*arguments, stdout=full)
    assert result.returncode == Exit.STORAGE
    assert "free some space" in only_line(result.stderr.decode())


def test_closed_standard_streams_are_no_crash(store: Driver, dsn: str) -> None:
    store.put("b", "k", b"x")
    for verb, closed, code in (
        ("ls b", ">&-", 0),
        ("cat b/k", ">&-", 0),
        ("ls c", "2>&-", 3),
        ("put - b/n", "<&-", 2),
    ):
        script = f"{sys.executable} -m trove {verb} {closed}"
        result = subprocess.run(
            ["sh", "-c", script], env={**os.environ, "TROVE_DSN": dsn}, capture_output=True, check=False
        )
        assert (result.returncode, b"Traceback" in result.stderr) == (code, False), (verb, result.stderr)


def test_names_that_the_encoding_lacks_are_escaped(spawn: Any, store: Driver) -> None:
    store.put("b", "größe", b"x")
    result = spawn("ls", "b", env={"PYTHONIOENCODING": "ascii"})
    assert (result.returncode, result.stdout) == (0, b"gr\\xf6\\xdfe\n")


def test_an_argument_that_is_no_unicode_is_refused(spawn: Any, store: Driver, only_line: Any) -> None:
    result = spawn("stat", os.fsdecode(b"b/\xff"))
    assert result.returncode == Exit.USAGE
    only_line(result.stderr.decode())


def test_a_terminal_gets_no_control_characters_and_a_pipe_the_exact_name(spawn: Any, store: Driver) -> None:
    store.put("b", "red\x1b[31m\u202e", b"x")
    assert spawn("ls", "b").stdout == "red\x1b[31m\u202e\n".encode()
    ours, theirs = pty.openpty()
    result = spawn("ls", "b", stdout=theirs)
    os.close(theirs)
    shown = os.read(ours, 1000)
    os.close(ours)
    assert result.returncode == 0
    assert shown == b"red\\x1b[31m\\u202e\r\n"


def test_a_progress_bar_is_shown_on_a_terminal_only(spawn: Any, store: Driver, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    assert spawn("cp", f"{tmp_path}/file", "b").stderr == b""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    spawn("cp", f"{tmp_path}/file", "b", stderr=theirs)
    os.close(theirs)
    shown = os.read(ours, 10000)
    os.close(ours)
    assert b"file" in shown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_put_stores_nothing_and_says_so_in_a_line(
    store: Driver, dsn: str, only_line: Any, number: int, code: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "trove", "put", "-", "b/k"],
        env={**os.environ, "TROVE_DSN": dsn},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    with process.stdin, process.stderr:
        # More than a pipe holds: when it is written, the command is reading, or about to.
        process.stdin.write(b"x" * 2_000_000)
        process.stdin.flush()
        process.send_signal(number)
        # A signal between Python's last look for one and the call that waits for more is seen after it.
        process.stdin.close()
        only_line(process.stderr.read().decode())
    assert process.wait(timeout=60) == code
    assert store.list("b").all() == []


def test_an_interrupted_get_leaves_no_file(
    run: Any, store: Driver, here: Path, monkeypatch: pytest.MonkeyPatch, only_line: Any
) -> None:
    store.put("b", "k", b"x")

    def interrupted(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copyfileobj", interrupted)
    assert only_line(run("get", "b/k", code=130).stderr) == "interrupted"
    assert os.listdir() == []


def test_a_large_object_streams_in_bounded_memory(store: Driver, dsn: str, tmp_path: Path) -> None:
    size = 150_000_000
    with open(tmp_path / "large", "wb") as file:
        file.truncate(size)
    for arguments in (("put", f"{tmp_path}/large", "b/k"), ("get", "b/k", f"{tmp_path}/back")):
        process = subprocess.run(
            [sys.executable, "-c", PEAK, sys.executable, "-m", "trove", *arguments],
            env={**os.environ, "TROVE_DSN": dsn},
            stdout=subprocess.PIPE,
            check=True,
        )
        assert int(process.stdout.splitlines()[-1]) < size / 2
    assert (tmp_path / "back").stat().st_size == size


# A process of its own, for a child is charged with the memory that its parent had: that of all the tests.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak * (1 if sys.platform == "darwin" else 1024))
"""
