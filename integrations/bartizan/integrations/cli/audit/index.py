"""``bartizan audit index``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from bartizan.guard import AuditIndex, AuditTampered

from ..console import give_up, out
from .options import Directory


def index_logs(
    directory: Directory,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make it from nothing.")] = False,
) -> None:
    """Make the index that `bartizan audit query` is fast with, or bring it up to date. It may be deleted any time."""
    try:
        with AuditIndex(directory) as index:
            read = index.rebuild() if rebuild else index.refresh()
            out.print(f"{read} records read into {escape(str(index.path))}")
    except AuditTampered as error:
        give_up(str(error), 1)
    except OSError as error:
        give_up(str(error))
