"""``bartizan explain``: why a call is decided as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bartizan.policies import Explanation, PolicyError, Program, Source, load_case, prepare
from bartizan.policies.diagnostics import visible
from bartizan.policies.document.model import TestCase

from ..explanations import explanation_to_json, put_right
from .console import COLOURS, give_up, out, program_of, read

_SAYS = {"corrected": "A guard would correct it:", "nearest": "The nearest call that is allowed:"}
_TRUTH = {"T": "[green]T[/]", "F": "[dim]F[/]", "E": "[red]E[/]"}


def explain(
    policy: Annotated[Path, typer.Argument(help="A policy file, or the name of a pack.")],
    case: Annotated[
        Path | None,
        typer.Argument(help="A YAML or JSON file with call, prompt, history, signals (as under `tests:`)."),
    ] = None,
    test: Annotated[
        int | None, typer.Option("--test", help="Explain the policy's own test of this number.")
    ] = None,
    tools: Annotated[Path | None, typer.Option("--tools", help="A file that declares further tools.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show every rule's truth value, its atoms, where each argument came from, and what would change the outcome."""
    program = program_of(policy, tools)
    chosen = _case(program, case, test)
    if chosen.call is None:
        give_up("only calls can be explained, and this case is about a result")
    request, session = prepare(program, chosen)
    explanation = program.explain(request, session)
    better = put_right(program, request, session)
    if as_json:
        out.print_json(json.dumps({**explanation_to_json(explanation), **better}))
    else:
        _show(explanation, chosen)
        for what, args in better.items():
            out.print(f"\n[bold]{_SAYS[what]}[/] {escape(json.dumps(args, ensure_ascii=False))}")
    raise typer.Exit(0 if explanation.decision.allowed else 1)


def _case(program: Program, path: Path | None, number: int | None) -> TestCase:
    if (path is None) == (number is None):
        give_up("give a file with the call, or --test with the number of one of the policy's tests")
    if path is not None:
        try:
            return load_case(Source.decode(str(path), read(path)))
        except PolicyError as error:
            give_up(str(error))
    assert number is not None
    tests = program.policy.tests
    if not 1 <= number <= len(tests):
        give_up(f"the policy has {len(tests)} tests; --test counts from 1")
    found: TestCase = tests[number - 1]
    return found


def _show(explanation: Explanation, case: TestCase) -> None:
    assert case.call is not None
    decision = explanation.decision
    out.print(f"[bold {COLOURS[decision.outcome.name]}]{decision.outcome.name}[/] {escape(case.call.tool)}")
    for reason in decision.reasons:
        said = visible(reason.text or reason.effect)
        out.print(f"  because [bold]{escape(reason.rule)}[/] is {reason.value}: {escape(said)}")
    if explanation.rules:
        out.print(_rules(explanation))
    if explanation.arguments:
        out.print(_arguments(explanation))
    changes = list(explanation.changes())
    if changes:
        out.print("\n[bold]What would change it[/]")
        for change in changes:
            out.print(f"  • {escape(change)}")


def _rules(explanation: Explanation) -> Table:
    table = Table(
        "rule", "effect", "value", "atoms", title="Rules", title_justify="left", box=None, pad_edge=False
    )
    for rule in explanation.rules:
        atoms = Text()
        for text, value in rule.atoms:
            atoms.append(f"{value}  {text}\n", style="" if text in rule.determining else "dim")
        effect = rule.effect + (" (shadow)" if rule.shadow else "")
        table.add_row(Text(rule.rule), effect, _TRUTH[rule.value], atoms)
    return table


def _arguments(explanation: Explanation) -> Table:
    table = Table(
        "argument", "value", "found in", title="Arguments", title_justify="left", box=None, pad_edge=False
    )
    for argument in explanation.arguments:
        places = [
            f"{origin.kind}{f' of {origin.tool}' if origin.tool else ''}"
            f"{f' ({origin.label})' if origin.label else ''}: {origin.excerpt}"
            for origin in argument.origins
        ]
        value = visible(json.dumps(argument.value, ensure_ascii=False))
        found = "\n".join(map(visible, places)) or "nowhere: the model made it"
        table.add_row(Text(visible(argument.path)), Text(value[:60]), Text(found))
    return table
