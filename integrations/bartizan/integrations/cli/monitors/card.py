"""``bartizan monitors card``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bartizan.policies.diagnostics import visible

from .options import NEEDED, needs, telling


def card(
    folder: Annotated[Path, typer.Argument(help="A probe's folder.", show_default=False)],
    unverified: Annotated[
        bool, typer.Option("--card-only", help="Do not check the weights; the folder may lack them.")
    ] = False,
) -> None:
    """Print a probe's card as Markdown: what it reads, how well it does, what it promises, where it fails."""
    needs(*NEEDED)
    with telling():
        from bartizan.monitors.probes.markdown import markdown  # on use: torch
        from bartizan.monitors.probes.storage import CARD, load_card, load_probe

        shown = load_card(folder / CARD) if unverified else load_probe(folder).card
        typer.echo("\n".join(map(visible, markdown(shown).split("\n"))))
