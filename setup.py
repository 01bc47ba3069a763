"""Builds the engine's native modules; everything else about the package stands in setup.cfg."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

ENGINE = Path("src/_engine")
BUILD = Path("build")
PACKAGE = BUILD / "cython/trove"

# Cython and mypy find modules by their package's name; here is the package as it is installed.
PACKAGE.mkdir(parents=True, exist_ok=True)
(PACKAGE / "__init__.pxd").touch()
for part in [ENGINE, *Path("src/trove").glob("[!_]*"), *Path("src/trove").glob("__*.py")]:
    link = PACKAGE / part.name
    if not link.is_symlink() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(part.resolve())

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
    options={"build_ext": {"parallel": os.cpu_count()}},
)
