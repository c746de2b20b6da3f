"""``bartizan audit export``."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import IO, Annotated
from urllib.parse import urlsplit

import typer

from bartizan.guard import BartizanError
from bartizan.guard.audit import Wanted
from bartizan.integrations.export import FORMATS

from ..console import give_up
from .conditions import selecting
from .options import Directory, records

Format = Enum("Format", {name: name for name in FORMATS})  # type: ignore[misc]


@selecting
def export_log(
    directory: Directory,
    conditions: Wanted,
    format_: Annotated[
        Format,
        typer.Option(
            "--format", help="jsonl and csv: every record; opa and agt: decisions, as those systems log them"
        ),
    ] = Format["jsonl"],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file, instead of standard output.")
    ] = None,
    pointer: Annotated[
        list[str] | None,
        typer.Option(help="agt: where an auditor may look, NAME=URI; may be given several times."),
    ] = None,
) -> None:
    """Write the records that match in the shape of another system. The copy is not protected as the log is."""
    found = records(directory, conditions)
    pointers = dict(_pointer(text) for text in pointer or [])
    try:
        with _opened(output) as file:
            for line in FORMATS[format_.name](found, pointers):
                file.write(line + "\n")
    except BartizanError as error:
        give_up(str(error))
    except OSError as error:
        give_up(f"cannot write {output}: {error.strerror or error}")


class _Standard:
    """Standard output as a file that is not closed."""

    def __enter__(self) -> IO[str]:
        return sys.stdout

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()


def _opened(output: Path | None) -> IO[str] | _Standard:
    return _Standard() if output is None else output.open("w", encoding="utf-8", newline="")


def _pointer(text: str) -> tuple[str, str]:
    name, equals, uri = text.partition("=")
    if not (name and equals and urlsplit(uri).scheme):
        give_up(f"a pointer is NAME=URI, as issuer_pubkey=https://example.org/key.pem; found {text!r}")
    return name, uri
