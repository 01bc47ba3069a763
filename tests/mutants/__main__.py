"""Plant faults in the engine and see them found: ``PYTHONPATH=tests python -m mutants [PART OF A NAME]``.

Each is built in a copy of the project, and the tests that are to find it are run there; about a minute each.
The exit status is the number of those that nobody found.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path

from .mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
PARTS = ("src", "tests", "build", "setup.py", "setup.cfg", "pyproject.toml", "README.md", "docs", "LICENSE")


class Copy:
    """A copy of the project, built."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for part in PARTS:
            if (ROOT / part).is_dir():
                shutil.copytree(ROOT / part, folder / part, symlinks=True)
            else:
                shutil.copy2(ROOT / part, folder / part)
        # Its links lead to the project that was copied.
        shutil.rmtree(folder / "build" / "cython")
        # An environment with what this one has, but for the project: that is the copy, in every process that
        # is started with its Python.
        venv.create(folder / ".venv", with_pip=False, symlinks=True)
        self._python = folder / ".venv" / "bin" / "python"
        packages = Path(sysconfig.get_path("purelib"))
        inside = folder / ".venv" / packages.relative_to(sys.prefix)
        paths = f"{folder / 'build' / 'cython'}\n{packages}\n"
        (inside / "copy.pth").write_text(paths, encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python in it."""
        return subprocess.run(
            [self._python, *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder / "tests")},
            capture_output=True,
            text=True,
            check=False,
        )

    def build(self) -> None:
        """Build the engine. Raises RuntimeError when it can't be built."""
        built = self.run("setup.py", "-q", "build_ext", "--inplace")
        if built.returncode:
            raise RuntimeError(f"the engine can't be built:\n{built.stdout[-2000:]}{built.stderr[-2000:]}")
        asked = self.run("-c", "import trove._engine.engine as engine; print(engine.__file__)")
        if not asked.stdout.startswith(str(self.folder)):
            raise RuntimeError(f"another engine would be tested: {asked.stdout}{asked.stderr}")

    def found(self, mutant: Mutant) -> str | None:
        """The first test that finds ``mutant``, None if none does."""
        module = self.folder / "src" / "_engine" / mutant.file
        sound = module.read_text(encoding="utf-8")
        if sound.count(mutant.old) != 1:
            raise RuntimeError(
                f"{mutant.name}: what it changes stands {sound.count(mutant.old)} times in {mutant.file}"
            )
        module.write_text(sound.replace(mutant.old, mutant.new), encoding="utf-8")
        try:
            self.build()
            tests = self.run(
                "-m",
                "pytest",
                "-q",
                "-x",
                "-n",
                "2",
                "-m",
                "not slow",
                "-p",
                "no:cacheprovider",
                *mutant.tests,
            )
        finally:
            module.write_text(sound, encoding="utf-8")
        failed = [line for line in tests.stdout.splitlines() if line.startswith("FAILED")]
        if failed or not tests.returncode:
            return failed[0].split(" - ")[0] if failed else None
        raise RuntimeError(
            f"{mutant.name}: the tests did not run:\n{tests.stdout[-2000:]}{tests.stderr[-2000:]}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mutants", description=__doc__)
    parser.add_argument("part", nargs="?", default="", help="only those with this in their name")
    part = parser.parse_args().part
    missed = 0
    with tempfile.TemporaryDirectory(prefix="trove-mutants-") as folder:
        copy = Copy(Path(folder))
        for mutant in MUTANTS:
            if part not in mutant.name:
                continue
            begin = time.monotonic()
            found = copy.found(mutant)
            missed += found is None
            print(f"{mutant.name}: {found or 'NOT FOUND'} ({time.monotonic() - begin:.0f} s)", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main())
