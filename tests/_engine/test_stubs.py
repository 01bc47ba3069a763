"""The stubs of the native modules say what is there: the same names, with the same parameters."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import trove._engine

FOLDER = next(path for path in map(Path, trove._engine.__path__) if list(path.glob("*.pyi")))
STUBS = sorted(path.stem for path in FOLDER.glob("*.pyi"))


def declared(body: list[ast.stmt], there: Any, prefix: str) -> Iterator[tuple[str, ast.stmt, Any]]:
    """Every public name of a stub, with what stands for it in the module."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            name = node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        else:
            continue
        found = getattr(there, name, None)
        yield f"{prefix}{name}", node, found
        if isinstance(node, ast.ClassDef):
            yield from declared(node.body, found, f"{name}.")


def parameters(node: ast.FunctionDef) -> list[str]:
    args = node.args
    named = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return [each.arg for each in named if each.arg not in ("self", "cls")]


def is_property(node: ast.FunctionDef) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "property" for each in node.decorator_list)


@pytest.mark.parametrize("module", STUBS)
def test_every_declared_name_is_there(module: str) -> None:
    stub = ast.parse((FOLDER / f"{module}.pyi").read_text())
    native = importlib.import_module(f"trove._engine.{module}")
    seen = 0
    for name, node, found in declared(stub.body, native, ""):
        seen += 1
        if name == "Core.handles":
            continue  # an attribute of the instance
        assert found is not None, name
        if (
            not isinstance(node, ast.FunctionDef)
            or is_property(node)
            or name.endswith(("__init__", "__new__"))
        ):
            continue
        try:
            signature = inspect.signature(found)
        except ValueError:
            pytest.fail(f"{name} has no signature")
        given = [
            each.name
            for each in signature.parameters.values()
            if each.name not in ("self", "cls") and each.kind is not each.VAR_KEYWORD
        ]
        assert given == parameters(node), name
    assert seen


def test_the_modules_that_people_read_have_stubs() -> None:
    assert {"engine", "reader", "info", "recovery", "cores", "repair", "verify", "stats"} <= set(STUBS)
