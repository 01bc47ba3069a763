"""Builds the engine's native modules; everything else about the package stands in setup.cfg."""

import os
import sys
from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup
from setuptools.command import editable_wheel

if sys.platform != "linux":
    # Ahead of a compiler that would complain of each call that is missing.
    sys.exit(
        "Trove is for Linux so far: its engine uses calls that other systems lack; on Windows, use it in WSL"
    )

ENGINE = Path("src/_engine")
BUILD = Path("build")
PACKAGE = BUILD / "cython/trove"

# Cython and mypy find modules by their package's name; here is the package as it is installed, and where an
# editable install finds it.
PACKAGE.mkdir(parents=True, exist_ok=True)
(PACKAGE / "__init__.pxd").touch()
for part in [ENGINE, *Path("src/trove").glob("[!_]*"), *Path("src/trove").glob("__*.py")]:
    link = PACKAGE / part.name
    if not link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(part.resolve())


class EditableWheel(editable_wheel.editable_wheel):
    """An editable install by a plain path.

    With two source folders it would be an import hook, which no type checker looks through.
    """

    def _select_strategy(self, name: str, tag: str, build_lib: Any) -> Any:
        return editable_wheel._StaticPth(self.distribution, name, [PACKAGE.parent.resolve()])


sources = sorted(str(path) for path in ENGINE.glob("*.pyx"))
shared = sorted(str(path) for pattern in ("*.pxd", "*.h") for path in ENGINE.glob(pattern))

setup(
    # src/_engine is installed as trove._engine, which a search through src does not see.
    packages=[*find_packages("src", include=["trove", "trove.*"]), "trove._engine"],
    ext_modules=cythonize(
        [
            Extension(
                f"trove._engine.{Path(source).stem}",
                [source],
                # The modules know each other's structures: when one changes its own, all are built again.
                depends=shared,
                extra_compile_args=["-std=c11", "-O2", "-g0", "-Wall", "-Wextra", "-Wno-unused-parameter"],
            )
            for source in sources
        ],
        include_path=[str(PACKAGE.parent)],
        build_dir=str(BUILD),
    ),
    # Not a public part of setuptools: where it is another, the install has the hook, and works all the same.
    cmdclass={"editable_wheel": EditableWheel} if hasattr(editable_wheel, "_StaticPth") else {},
    options={"build_ext": {"parallel": os.cpu_count()}},
)
