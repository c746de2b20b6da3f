"""``bartizan stages``: the stages of a policy, drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bartizan.policies.stages.draw import as_mermaid, as_text

from .console import give_up, out, program_of


def stages(
    policy: Annotated[Path, typer.Argument(help="A policy file, or the name of a pack.")],
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid state diagram.")] = False,
    tools: Annotated[Path | None, typer.Option("--tools", help="A file that declares further tools.")] = None,
) -> None:
    """Draw the stages that a policy's sessions go through, with what leads from one to another."""
    declared = program_of(policy, tools).policy.stages
    if declared is None:
        give_up(f"{policy} declares no stages")
    drawn = as_mermaid(declared) if mermaid else as_text(declared)
    out.print(drawn, markup=False, highlight=False, soft_wrap=True)
