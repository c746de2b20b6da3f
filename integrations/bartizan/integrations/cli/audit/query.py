"""``bartizan audit query``."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape

from bartizan.guard.audit import Found, Wanted

from ..console import out
from .conditions import selecting
from .options import Directory, records, when

_COLOURS = {"ALLOW": "green", "CORRECT": "cyan", "ESCALATE": "yellow", "DENY": "red"}


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
            typer.echo(json.dumps(dict(found.entry.record), ensure_ascii=False, sort_keys=True))
        else:
            _print(found)


def _print(found: Found) -> None:
    record = found.entry.record
    outcome = record.get("outcome", "")
    colour = _COLOURS.get(str(outcome), "default")
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
    out.print(f"{escape(line)}[{colour}]{outcome!s:<9}[/] {escape('  '.join(parts))}  {escape(rules)}")
