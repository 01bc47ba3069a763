"""Builds the engine's native modules; everything else about the package stands in setup.cfg."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ENGINE = Path("src/_engine")
PACKAGE = Path("build/cython/trove")

# Cython finds the modules' declarations by their package's name, which the source folder doesn't have.
PACKAGE.mkdir(parents=True, exist_ok=True)
(PACKAGE / "__init__.pxd").touch()
if not (PACKAGE / "_engine").is_symlink():
    (PACKAGE / "_engine").symlink_to(ENGINE.resolve(), target_is_directory=True)

setup(
    ext_modules=cythonize(
        [
            Extension(
                f"trove._engine.{source.stem}",
                [str(source)],
                extra_compile_args=["-std=c11", "-O3", "-Wall", "-Wextra", "-Wno-unused-parameter"],
            )
            for source in sorted(ENGINE.glob("*.pyx"))
        ],
        include_path=[str(PACKAGE.parent)],
        build_dir="build",
    )
)
