"""``bartizan audit query``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from bartizan.guard.audit import Found, Wanted
from bartizan.policies.diagnostics import visible

from ..console import COLOURS, out
from ..reports.inert import json_text
from .conditions import selecting
from .options import Directory, records, when


@selecting
def query_log(
    directory: Directory,
    conditions: Wanted,
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON lines.")] = False,
) -> None:
    """Print the records that match, oldest first; those of several logs by their time.

    Where `bartizan audit index` made an index, it is brought up to date and used.
    """
    for found in records(directory, conditions):
        if as_json:
            typer.echo(json_text(dict(sorted(found.entry.record.items()))))
        else:
            _print(found)


def _print(found: Found) -> None:
    record = found.entry.record
    outcome = record.get("outcome", "")
    colour = COLOURS.get(str(outcome), "default")
    rules = ", ".join(str(reason.get("rule")) for reason in record.get("reasons") or ())
    parts = [str(record.get(name) or "-") for name in ("session", "tool")]
    made = record.get("correction") or {}
    if "by" in made:
        changed = ", ".join(str(step.get("path")) for step in made.get("patch") or ())
        rules += f"  corrected by {made['by']}: {changed}"
    if record.get("kind") == "resolution":
        rules += f"{record.get('answer')} by {(record.get('principal') or {}).get('id')}"
    if found.log != ".":
        rules += f"  ({found.log})"
    line = f"{found.entry.seq:>6} {when(record.get('time'))} {record.get('kind', '')!s:<11} "
    # nothing in a record ends its line: no record can be feigned in another
    before, decided, what, why = (
        escape(visible(text)) for text in (line, f"{outcome!s:<9}", "  ".join(parts), rules)
    )
    out.print(f"{before}[{colour}]{decided}[/] {what}  {why}")
