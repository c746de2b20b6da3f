"""``bartizan demo``: real attacks on a guarded agent."""

from __future__ import annotations

import typer

from .console import give_up

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def demo(context: typer.Context) -> None:
    """AgentDojo's suites under attack, through real LangGraph agents, with and without a guard (see `demo --help`)."""
    try:
        # on use: it needs the extra `agentdojo`, which the other commands do without
        from ..agentdojo.evaluate import main as evaluate
    except ImportError as error:
        give_up(str(error))
    raise typer.Exit(evaluate(context.args))
