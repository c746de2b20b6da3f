"""``bartizan diff``: which calls two versions of a policy decide differently."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from .asking import (
    TIMEOUT,
    As,
    Format,
    Save,
    SecondOpinion,
    Timeout,
    Tools,
    analysing,
    checked,
    finish,
    options,
)
from .console import out


def diff(
    old: Annotated[Path, typer.Argument(help="The policy as it was.", show_default=False)],
    new: Annotated[Path, typer.Argument(help="The policy as it is to be.", show_default=False)],
    strict: Annotated[bool, typer.Option("--strict", help="Fail on newly denied calls too.")] = False,
    format: As = Format.TEXT,
    save: Save = None,
    tools: Tools = None,
    timeout: Timeout = TIMEOUT,
    second_opinion: SecondOpinion = False,
) -> None:
    """Show the classes of calls that a new version lets go, or stops, and the old one did not; one call of each.

    Exit code 0: nothing is newly allowed; 1: something is; 2: something stayed unknown.
    """
    asked = options(timeout, second_opinion)
    from bartizan.policies.analysis import diff as compare
    from bartizan.policies.analysis.findings import Report

    from .reports.text import print_difference

    before, after = checked(old, tools), checked(new, tools)
    started = time.monotonic()
    with analysing():
        difference = compare(before, after, asked)
    seconds = time.monotonic() - started
    if format is Format.TEXT:
        print_difference(difference, before, after, seconds, out, strict)
    report = Report(after, difference.findings(after, strict), seconds=seconds)
    finish([report], format, save, tools, difference.exit_code(strict))
