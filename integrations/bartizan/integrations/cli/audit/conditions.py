"""The options that say which records are meant, declared once for all commands that take them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from bartizan.guard.audit import Wanted

from ..console import give_up
from .options import moment


def wanted(
    kind: Annotated[str | None, typer.Option(help="decision, review, result, approval, ...")] = None,
    session: Annotated[str | None, typer.Option()] = None,
    tool: Annotated[str | None, typer.Option()] = None,
    outcome: Annotated[str | None, typer.Option(help="allow, correct, escalate or deny")] = None,
    rule: Annotated[str | None, typer.Option(help="A rule among the reasons.")] = None,
    text: Annotated[
        str | None,
        typer.Option(help="A text in the reasons, in what was captured, or who answered an approval."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="An RFC 3339 time, or how long ago: 2h")] = None,
    until: Annotated[str | None, typer.Option(help="An RFC 3339 time, or how long ago: 1h")] = None,
) -> Wanted:
    """The conditions of a query, from its options."""
    for given in (kind, session, tool, outcome, rule, text):
        if given is not None and _undecodable(given):
            give_up(f"expected a condition in UTF-8, found {given!a}")
    upper = outcome.upper() if outcome else None
    return Wanted(kind, session, tool, upper, rule, text, moment(since), moment(until))


def _undecodable(text: str) -> bool:
    """Whether it holds bytes of the command line that are no text: no record holds such."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def selecting(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options of :func:`wanted` in place of its parameter ``conditions``."""
    options = inspect.signature(wanted, eval_str=True).parameters
    own = inspect.signature(command, eval_str=True)

    @wraps(command)
    def run(**given: Any) -> None:
        conditions = wanted(**{name: given.pop(name) for name in options})
        command(conditions=conditions, **given)

    kept = [parameter for name, parameter in own.parameters.items() if name != "conditions"]
    run.__signature__ = own.replace(parameters=[*kept, *options.values()])  # type: ignore[attr-defined]
    return run
