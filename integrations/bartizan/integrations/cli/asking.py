"""What the analysing commands have in common: their options, the policies they load, the solver they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from bartizan.policies import CheckedPolicy, PolicyError, check_policy, read_source

from .console import declared_tools, err, give_up, out

if TYPE_CHECKING:  # the analyses need a solver, which the other commands do without
    from bartizan.policies.analysis.findings import Options, Report

SOLVERS = {"z3": "z3-solver", "cvc5": "cvc5"}
TIMEOUT = 60.0


class Format(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


Files = Annotated[list[Path], typer.Argument(help="Policy files, or names of packs.", show_default=False)]
Tools = Annotated[Path | None, typer.Option("--tools", help="A file that declares further tools.")]
As = Annotated[
    Format, typer.Option("--format", help="For people, machines, code scanning, GitHub's annotations.")
]
Save = Annotated[
    Path | None,
    typer.Option("--save-tests", help="Add the calls that were found to this policy (or new file) as tests."),
]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, max=86400.0, help="Seconds for one question.")]
SecondOpinion = Annotated[
    bool, typer.Option("--second-opinion", help="Ask another solver too; a disagreement is an error.")
]
Notes = Annotated[bool, typer.Option("--notes/--no-notes", help="Show notes, which never fail.")]


def options(timeout: float, second_opinion: bool, ablation: bool = False) -> Options:
    """How questions are to be asked; a clear exit where the solver for it is not installed."""
    for package in ("z3", "cvc5") if second_opinion else ("z3",):
        if find_spec(package) is None:
            give_up(f"this needs {SOLVERS[package]}, which is not installed: pip install 'bartizan[prove]'")
    # on use: the analyses need the extra `prove`, which the other commands do without
    from bartizan.policies.analysis.answers import Budget
    from bartizan.policies.analysis.findings import Options

    asked: Literal["always", "on-unknown"] = "always" if second_opinion else "on-unknown"
    return Options(Budget(seconds=timeout, second_opinion=asked), ablation=ablation)


def checked(path: Path, tools: Path | None) -> CheckedPolicy:
    """The policy of a file or pack; a bad one cannot be analysed: exit code 2."""
    try:
        return check_policy(read_source(path), declared_tools(tools))
    except PolicyError as error:
        give_up(str(error))
    except OSError as error:
        give_up(f"cannot read {path}: {error.strerror or error}")


@contextmanager
def analysing() -> Iterator[None]:
    """An error of the machinery is no verdict: it is told, with exit code 2."""
    from bartizan.policies.analysis.solve import SolveError, SolverUnavailable

    try:
        yield
    except SolverUnavailable as error:
        give_up(f"{error}: pip install 'bartizan[prove]'")
    except SolveError as error:
        give_up(f"internal error of the analysis ({type(error).__name__}), please report it: {error}")


def finish(
    reports: Sequence[Report], format: Format, save: Path | None, tools: Path | None, code: int
) -> NoReturn:
    """Print what machines read, save the tests, and exit. Text has been printed already."""
    if format is not Format.TEXT:
        write(reports, format)
    if save is not None:
        from .save import save_all

        saved = save_all(reports, save, declared_tools(tools))
        for line in saved.lines():
            (out if format is Format.TEXT else err).print(line, markup=False, emoji=False)
        if saved.refused_file:
            code = 2
    raise typer.Exit(code)


def write(reports: Sequence[Report], format: Format) -> None:
    """The reports for machines, on standard output."""
    from .reports.github import commands
    from .reports.inert import ascii_json
    from .reports.sarif import sarif

    if format is Format.JSON:
        typer.echo(ascii_json([report.to_json() for report in reports]))
    elif format is Format.SARIF:
        typer.echo(ascii_json(sarif(reports)))
    else:
        for command in commands(f for report in reports for f in report.problems):
            typer.echo(command)
