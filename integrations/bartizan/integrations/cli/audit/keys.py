"""``bartizan audit keygen``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ..console import give_up, out


def keygen(
    path: Annotated[
        Path, typer.Argument(help="Where the private key goes; the public one goes beside it, .pub")
    ],
) -> None:
    """Make an Ed25519 key to sign the checkpoints of audit logs with."""
    try:
        from bartizan.integrations.signing import generate
    except ImportError as error:
        give_up(str(error))
    try:
        made = generate(path)
    except FileExistsError as error:
        give_up(f"{error.filename} is there already; it is not written over")
    except OSError as error:
        give_up(f"cannot write {path}: {error.strerror or error}")
    out.print(f"key {made.key_id}")
    out.print(f"private: {escape(str(path))} (for the guard alone)")
    out.print(f"public: {escape(str(path))}.pub (for whoever verifies, away from the log)")
