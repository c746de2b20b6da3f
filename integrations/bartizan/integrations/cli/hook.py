"""``bartizan hook``: what other programs run at their hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import give_up

app = typer.Typer(help="Hooks of other programs.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Hooks of other programs."""


@app.command("claude-code")
def claude_code(
    sidecar: Annotated[str, typer.Option(help="The service: unix:///path, http:// or https://host:port.")],
    token_file: Annotated[Path | None, typer.Option(help="File with the bearer token.")] = None,
    within: Annotated[
        float, typer.Option(min=0.1, help="Seconds; below the timeout in Claude Code's settings.")
    ] = 10.0,
    grant: Annotated[
        bool, typer.Option("--grant", help="What the policy allows runs without Claude Code asking.")
    ] = False,
) -> None:
    """Answer one event of Claude Code, read from standard input. Whatever fails ends with 2, which blocks.

    An HTTP hook to the service is faster: it starts no process. See docs/claude-code.md.
    """
    from bartizan.integrations.claude_code.command import run

    try:
        token = token_file.read_text(encoding="utf-8").strip() if token_file is not None else None
    except (OSError, ValueError) as error:
        give_up(f"The guard could not be asked, its token cannot be read: {error}", 2)
    run(sidecar, token, within=within, grant=grant)
