"""What the README and the page on working here tell people to type is there, and works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from trove._engine import settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = {"README.md": README, "docs/contributing.md": (ROOT / "docs" / "contributing.md").read_text()}
MAKEFILE = (ROOT / "Makefile").read_text()


def blocks(text: str, language: str = "") -> list[str]:
    """The blocks of code in ``language``, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [code for marked, code in found if marked == language]


def typed(text: str, program: str) -> list[str]:
    """What follows ``program`` in the lines of its blocks of shell commands."""
    lines = [line for block in blocks(text) for line in block.splitlines()]
    return [line.removeprefix(program + " ") for line in lines if line.startswith(program + " ")]


def test_the_session_runs_and_can_be_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    session, _, _ = blocks(README, "python")
    for _ in range(2):
        exec(compile(session, "README.md", "exec"), {"__name__": "readme"})
        assert capsys.readouterr().out.splitlines() == [
            "b'!!' 3 image/jpeg",
            "['2026/cat.jpg'] [] ",
        ]


def test_the_session_with_the_engine_runs_and_can_be_repeated(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, session, _ = blocks(README, "python")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        exec(compile(session, "README.md", "exec"), {"__name__": "readme"})
        assert capsys.readouterr().out.splitlines() == ["b'Ishmael'", "2 True"]


def test_the_session_with_records_runs_and_can_be_repeated(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, session = blocks(README, "python")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        exec(compile(session, "README.md", "exec"), {"__name__": "readme"})
        assert capsys.readouterr().out.splitlines() == ["b'token' False", "['sessions/alice']"]


@pytest.mark.parametrize("page", PAGES)
def test_the_targets_of_make_are_there(page: str) -> None:
    targets = [line.split()[0] for line in typed(PAGES[page], "make")]
    assert len(targets) >= 2
    for target in targets:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target
        assert re.search(rf"^\.PHONY:.* {target}( |$)", MAKEFILE, re.MULTILINE), target


def test_the_session_in_the_shell_runs(tmp_path: Path) -> None:
    (session,) = [block for block in blocks(README) if "trove put" in block]
    assert "/tmp/trove-shell" in session
    session = session.replace("/tmp/trove-shell", str(tmp_path / "store"))
    python = f'trove() {{ {shlex.quote(sys.executable)} -m trove "$@"; }}'
    (tmp_path / "README.md").write_text(README)
    done = subprocess.run(
        ["sh", "-eu"], input=f"{python}\n{session}", cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "docs/README.md" in done.stdout
    assert (tmp_path / "backup" / "docs" / "README.md").read_text() == README


def test_the_pages_that_are_linked_are_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert len(links) >= 5
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_session_with_the_capabilities_prints_what_the_page_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "capabilities.md").read_text()
    monkeypatch.chdir(tmp_path)
    (session,) = blocks(page, "python")
    exec(compile(session, "capabilities.md", "exec"), {"__name__": "capabilities"})
    assert [capsys.readouterr().out] == blocks(page, "text")


def test_the_settings_of_the_engine_are_on_the_page() -> None:
    page = (ROOT / "docs" / "capabilities.md").read_text()
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(settings.KNOWN)


def test_the_session_with_records_prints_what_its_page_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "records.md").read_text()
    monkeypatch.chdir(tmp_path)
    session, *_ = blocks(page, "python")
    exec(compile(session, "records.md", "exec"), {"__name__": "records"})
    assert [capsys.readouterr().out] == blocks(page, "text")


def test_the_store_on_the_page_of_records_passes_the_suite(tmp_path: Path) -> None:
    _, made, tested, registered = blocks((ROOT / "docs" / "records.md").read_text(), "python")
    found = """
def test_it_is_found():
    with store.open("dict://?prefix=a") as found:
        assert isinstance(found, DictStore) and found.options["prefix"] == "a"
    with pytest.raises(ValueError, match="colour"):
        store.open("dict://?colour=red")
"""
    (tmp_path / "test_dict_store.py").write_text(made + tested + registered + found)
    run = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        "--rootdir",
        ".",
    ]
    done = subprocess.run([*run, "test_dict_store.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 300  # type: ignore[index]
