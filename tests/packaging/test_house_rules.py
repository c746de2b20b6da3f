"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

LONGEST_FILE = 500


def sources(root: Path, *folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from (root / folder).rglob("*.py")


def _tests_in(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield node


def test_every_test_says_what_is_true(root: Path) -> None:
    """Every test has a docstring."""
    silent = [
        f"{path.relative_to(root)}:{test.lineno} {test.name}"
        for path in sources(root, "tests")
        for test in _tests_in(path)
        if not ast.get_docstring(test)
    ]
    assert silent == []


def test_no_file_is_too_long(root: Path) -> None:
    """No Python file exceeds 500 lines."""
    folders = ("guard", "policies", "monitors", "integrations", "tests", "examples", "benchmarks")
    lengths = {
        str(path.relative_to(root)): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources(root, *folders)
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FILE} == {}


def test_the_kernel_and_the_policies_keep_no_global_state(root: Path) -> None:
    """No module of the kernel or the policies rebinds a global: there is no hidden configuration."""
    rebinding = [
        f"{path.relative_to(root)}:{node.lineno}"
        for path in sources(root, "guard", "policies")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Global)
    ]
    assert rebinding == []
