"""A data file reads what any file would read, in whatever steps."""

from __future__ import annotations

import errno
import io
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trove import ObjectInfo, ObjectReader, StorageIOError
from trove.drivers.local import datafile
from trove.drivers.local.datafile import DataFile

CONTENT = b"\n".join(b"%d" % number * (number % 9) for number in range(60)) + b"\nlast"

STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["read", "readline"]), st.integers(-1, 40)),
        st.tuples(st.just("seek"), st.integers(0, len(CONTENT) + 20)),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("datafile") / "data"
    path.write_bytes(CONTENT)
    return path


def opened(path: Path) -> DataFile:
    return DataFile(os.open(path, os.O_RDONLY), "the data")


@given(steps=STEPS, ahead=st.sampled_from([1, 7, 16, 1 << 16]))
def test_steps_give_what_they_give_in_memory(path: Path, steps: list[tuple[str, int]], ahead: int) -> None:
    memory = io.BytesIO(CONTENT)
    info = ObjectInfo("k", len(CONTENT), "x/y", "etag", datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.MonkeyPatch.context() as patch, ObjectReader(info, opened(path)) as reader:
        patch.setattr(datafile, "_AHEAD_BYTES", ahead)
        for step, number in steps:
            assert getattr(reader, step)(number) == getattr(memory, step)(number)
        assert reader.read() == memory.read()


@pytest.mark.parametrize("call", ["read", "readline", "seek"])
@pytest.mark.parametrize("begun", [False, True])
def test_closed_file_refuses(path: Path, call: str, begun: bool) -> None:
    file = opened(path)
    if begun:
        file.read(3)  # what was read ahead must not be given out
    file.close()
    file.close()
    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        getattr(file, call)(1)


def test_failing_read_names_the_object(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(fd: int, size: int, offset: int) -> bytes:
        raise OSError(errno.EIO, "broken")

    with opened(path) as file:
        monkeypatch.setattr(os, "pread", failing)
        for call in (file.read, file.readline):
            with pytest.raises(StorageIOError, match="reading the data") as raised:
                call(5)
            assert raised.value.errno == errno.EIO
