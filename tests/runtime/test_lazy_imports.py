"""Threads that import parts of one package at once must not see it half made."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import tocsin

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = Path(tocsin.__file__).parent


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in SOURCES.rglob("*.py"):
        parts = ("tocsin", *path.relative_to(SOURCES).with_suffix("").parts)
        yield ".".join(parts), ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> Iterator[str]:
    return (node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module)


def test_what_is_imported_while_threads_run_is_whole_packages() -> None:
    found = dict(modules())
    of_themselves = {
        package
        for name, tree in found.items()
        for package in imports(tree)
        if name.rpartition(".")[0] == package and not name.endswith("__init__")
    }
    early = {
        statement.module.rpartition(".")[0]
        for name, tree in found.items()
        if name.startswith("tocsin.runtime.")
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and statement.module
    }
    # A module that is imported from outside holds its lock and waits for that of its package, which another
    # thread may hold that waits for the module: Python then hands over what is half made.
    inner = [
        f"{name} imports {module}"
        for name, tree in found.items()
        if name.startswith("tocsin.runtime.")
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for module in imports(function)
        if module.rpartition(".")[0] in of_themselves - early
    ]
    assert "tocsin.eventstorage.sqlite" in of_themselves
    assert inner == []
