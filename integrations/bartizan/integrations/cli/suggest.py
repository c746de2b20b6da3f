"""``bartizan suggest tests`` and ``bartizan suggest least-privilege``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from typing import Any as Json

import typer
from rich.text import Text

from bartizan.policies import Program, read_source
from bartizan.policies.diagnostics import visible

from ..replay.engine import replay_session
from ..replay.formats import read as recorded_sessions
from ..replay.record import Call, RecordError
from .asking import TIMEOUT, Timeout, Tools, analysing, checked, options
from .console import declared_tools, err, give_up, out, write

if TYPE_CHECKING:  # the analyses need a solver, which the other commands do without
    from bartizan.policies.analysis.suggest.observed import Observed
    from bartizan.policies.analysis.suggest.privilege import Suggestion

app = typer.Typer(help="Suggest tests, and tighter rules.", no_args_is_help=True)
Policy = Annotated[Path, typer.Argument(help="A policy file.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("tests")
def tests(
    policy: Policy,
    save: Annotated[
        Path | None,
        typer.Option("--save-tests", help="Add them to this policy (or new file); print them if not given."),
    ] = None,
    tools: Tools = None,
    timeout: Timeout = TIMEOUT,
    as_json: AsJson = False,
) -> None:
    """Find a call for everything that the policy distinguishes and no test of it shows: both sides of each condition.

    Exit code 0, though some may stay unknown, which is said; 2: they could not be saved.
    """
    asked = options(timeout, second_opinion=False)
    from bartizan.policies.analysis.answers import Counterexample, Unknown
    from bartizan.policies.analysis.suggest.tests import Coverage, SynthesisedTest, UnreachedGoal, synthesise
    from bartizan.policies.analysis.witness.histories import by_search
    from bartizan.policies.document.append import block

    from .reports.inert import ascii_json
    from .save import save_tests

    program = Program(checked(policy, tools))
    with analysing():
        histories = by_search(program.policy, asked.budget)
        found = tuple(synthesise(program, asked.budget, find_history=histories))
    made = [each for each in found if isinstance(each, SynthesisedTest)]
    coverage = Coverage.of(found)
    if as_json:
        counts = {"shown": coverage.reached, "impossible": coverage.unreachable, "unknown": coverage.unknown}
        typer.echo(ascii_json({"tests": [dict(test.entry) for test in made], "goals": counts}))
    elif save is None:
        for test in made:
            typer.echo("\n".join(block(test.entry, "  ")))
    for each in found:
        if isinstance(each, UnreachedGoal) and isinstance(each.answer, Unknown):
            err.print(Text(visible(f"unknown: {each.goal}: {each.answer.reason}")), style="yellow")
    summary = (
        f"{len(made)} tests; {coverage.reached} cases are shown, {coverage.unreachable} are impossible, "
        f"{coverage.unknown} unknown"
    )
    err.print(summary, markup=False)
    refused = False
    if save is not None:
        entries = [(program.policy, str(test.entry["name"]), "", Counterexample(test.entry)) for test in made]
        saved = save_tests(entries, save, declared_tools(tools))
        refused = bool(saved.refused_file)
        for line in saved.lines():
            err.print(line, markup=False, emoji=False)
    raise typer.Exit(2 if refused else 0)


@app.command("least-privilege")
def least_privilege(
    policy: Policy,
    log: Annotated[
        list[Path], typer.Option("--log", help="What was recorded: an audit log, spans, transcripts.")
    ],
    output: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the tighter policy to this file.")
    ] = None,
    min_observations: Annotated[
        int, typer.Option(min=1, help="Leave arguments alone that were seen less often.")
    ] = 3,
    readable: Annotated[
        bool, typer.Option("--readable", help="Round numbers away from what was seen.")
    ] = False,
    tools: Tools = None,
    timeout: Timeout = TIMEOUT,
    as_json: AsJson = False,
) -> None:
    """Narrow the allow rules to what a log shows was needed; proved to let nothing more go than before.

    Every recorded call that the policy let go is decided again under the suggestion. Exit code 0, or 2 where nothing
    could be suggested and proved.
    """
    asked = options(timeout, second_opinion=False)
    from bartizan.policies.analysis.suggest.options import Options
    from bartizan.policies.analysis.suggest.privilege import NotSuggested
    from bartizan.policies.analysis.suggest.privilege import least_privilege as tighten

    from .reports.inert import ascii_json

    program = Program(checked(policy, tools))
    source = read_source(policy)
    how = Options(min_observations=min_observations, readable=readable)
    try:
        with analysing():
            found = tighten(source, program, _observed(program, log), how, asked.budget)
    except (NotSuggested, RecordError) as error:
        give_up(str(error))
    if as_json:
        typer.echo(ascii_json(_to_json(found)))
    else:
        _show(found, source.text, str(policy))
    if output is not None:
        write(output, found.text)
        err.print(f"wrote {output}", markup=False)


def _observed(program: Program, log: list[Path]) -> Iterator[Observed]:
    """The recorded calls that reached their tools, as the policy decides them in their sessions."""
    from bartizan.policies.analysis.suggest.observed import replayed

    for session in recorded_sessions(log):
        went = {item.step for item in session.happened if isinstance(item, Call) and item.let_go}
        yield from replayed(c for c in replay_session(program, session).calls if c.step in went)


def _show(found: Suggestion, before: str, name: str) -> None:
    calls = f"{found.observed} recorded calls go as before"
    if found.foreign:
        calls += f", {found.foreign} do not conform to the tools and were left out"
    out.print(f"{len(found.changes)} changes, proved to let nothing more go; {calls}", markup=False)
    for change in found.changes:
        out.print(Text(visible(f"  {change.rule}: {change.change}: {change.why}")))
    for left in found.left:
        out.print(Text(visible(f"  left as it is: {left}")), style="dim")
    for test in found.broken:
        out.print(Text(visible(f"  this test fails now: {test}")), style="yellow")
    for line in unified_diff(
        before.splitlines(), found.text.splitlines(), name, f"{name} (suggested)", lineterm=""
    ):
        style = {"+": "green", "-": "red"}.get(line[:1], "")
        out.print(Text(visible(line)), style=style)


def _to_json(found: Suggestion) -> Mapping[str, Json]:
    changes = [
        {
            "rule": c.rule, "tools": list(c.tools), "change": c.change, "why": c.why,
            "observations": c.observations,
        }
        for c in found.changes
    ]  # fmt: skip
    return {
        "policy": found.text, "changes": changes, "observed": found.observed, "foreign": found.foreign,
        "left": list(found.left), "broken": list(found.broken),
    }  # fmt: skip
