"""What every command prints with, and how it gives up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

import typer

from bartizan.policies import PolicyError, Program, Source, ToolDecl, load_policy
from bartizan.policies.document.loading import load_document

from ..terminal import InertConsole

out = InertConsole(highlight=False, soft_wrap=True)
err = InertConsole(stderr=True, highlight=False, soft_wrap=True)

COLOURS: Mapping[str, str] = MappingProxyType(
    {"ALLOW": "green", "CORRECT": "cyan", "ESCALATE": "yellow", "DENY": "red"}
)
"""Of outcomes, by their names."""


def give_up(message: str, code: int = 2) -> NoReturn:
    """Say what is wrong on standard error and exit."""
    err.print(message, style="red", markup=False)
    raise typer.Exit(code)


def read(path: Path) -> bytes:
    """A file's bytes, or a clear exit."""
    try:
        return path.read_bytes()
    except OSError as error:
        give_up(f"cannot read {path}: {error.strerror or error}")


def write(path: Path, text: str) -> None:
    """Write a file, with the ends of lines as they are, or a clear exit."""
    try:
        path.write_text(text, "utf-8", newline="")
    except OSError as error:
        give_up(f"cannot write {path}: {error.strerror or error}")


def program_of(path: Path, tools: Path | None = None) -> Program:
    """The program of a policy file or pack; the problems of a bad one go to standard error, exit code 1."""
    try:
        return load_policy(path, declared_tools(tools))
    except PolicyError as error:
        give_up(str(error), 1)
    except OSError as error:
        give_up(f"cannot read {path}: {error.strerror or error}")


def declared_tools(path: Path | None) -> tuple[ToolDecl, ...]:
    """The tools that another file declares (a ``tools:`` block, as ``bartizan tools import`` writes)."""
    if path is None:
        return ()
    text = read(path).decode("utf-8", errors="replace")
    if not text.lstrip().startswith("version"):
        text = f"{text.rstrip()}\nversion: 1\nname: tools\n"
    return load_document(Source(str(path), text)).tools
