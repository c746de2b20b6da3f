"""``bartizan audit verify`` and ``bartizan audit query``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bartizan.guard import AuditTampered, Entry, Receipt, query, verify
from bartizan.policies.language.values import parse_duration, parse_time

from .console import give_up, out, read

app = typer.Typer(help="The audit log.", no_args_is_help=True)
Directory = Annotated[Path, typer.Argument(help="The log's directory.", exists=True, file_okay=False)]
_COLOURS = {"ALLOW": "green", "CORRECT": "cyan", "ESCALATE": "yellow", "DENY": "red"}


@app.command("verify")
def verify_log(
    directory: Directory,
    key: Annotated[
        Path | None, typer.Option("--key", help="The file with the key the log was written with.")
    ] = None,
    head: Annotated[
        str | None, typer.Option("--head", help="A head noted earlier, SEQ:HASH; the log must contain it.")
    ] = None,
) -> None:
    """Check the whole log, offline: any edit, deletion, reordering, duplication or truncation is found."""
    secret = read(key).strip() if key is not None else None
    try:
        found = verify(directory, key=secret, expected_head=_head(head))
    except OSError as error:
        give_up(f"cannot read {directory}: {error.strerror or error}")
    for problem in found.problems:
        out.print(f"[red]✗[/] {escape(str(problem))}")
    if found.ok:
        out.print(f"[green]intact[/]: {found.records} records in {found.segments} segments")
        out.print(f"head {found.last.seq}:{found.last.hash}")
        return
    if found.repairable:
        out.print("a crash explains this: opening the log repairs it, and records that it did")
    raise typer.Exit(1)


@app.command("query")
def query_log(
    directory: Directory,
    kind: Annotated[str | None, typer.Option(help="decision, review, result, approval, ...")] = None,
    session: Annotated[str | None, typer.Option()] = None,
    tool: Annotated[str | None, typer.Option()] = None,
    outcome: Annotated[str | None, typer.Option(help="allow, correct, escalate or deny")] = None,
    rule: Annotated[str | None, typer.Option(help="A rule among the reasons.")] = None,
    since: Annotated[str | None, typer.Option(help="An RFC 3339 time, or how long ago: 2h")] = None,
    until: Annotated[str | None, typer.Option(help="An RFC 3339 time, or how long ago: 1h")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON lines.")] = False,
) -> None:
    """Print the records that match, oldest first."""
    try:
        entries = query(
            directory,
            kind=kind,
            session=session,
            tool=tool,
            outcome=outcome.upper() if outcome else None,
            rule=rule,
            since=_moment(since),
            until=_moment(until),
        )
        for entry in entries:
            if as_json:
                typer.echo(json.dumps(dict(entry.record), ensure_ascii=False, sort_keys=True))
            else:
                _print(entry)
    except AuditTampered as error:
        give_up(str(error), 1)


def _print(entry: Entry) -> None:
    record = entry.record
    time = record.get("time")
    when = (
        f"{datetime.fromtimestamp(time / 1e6, UTC):%Y-%m-%d %H:%M:%S}" if isinstance(time, int) else "-" * 19
    )
    outcome = record.get("outcome", "")
    colour = _COLOURS.get(str(outcome), "default")
    rules = ", ".join(str(reason.get("rule")) for reason in record.get("reasons") or ())
    parts = [str(record.get(name) or "-") for name in ("session", "tool")]
    made = record.get("correction") or {}
    if "by" in made:
        changed = ", ".join(str(step.get("path")) for step in made.get("patch") or ())
        rules += f"  corrected by {made['by']}: {changed}"
    line = f"{entry.seq:>6} {when} {record.get('kind', '')!s:<11} "
    out.print(f"{escape(line)}[{colour}]{outcome!s:<9}[/] {escape('  '.join(parts))}  {escape(rules)}")


def _head(text: str | None) -> Receipt | None:
    if text is None:
        return None
    seq, colon, hash_ = text.partition(":")
    if not colon or not seq.isdigit():
        give_up("a head is SEQ:HASH, as `bartizan audit verify` prints it")
    return Receipt(int(seq), hash_)


def _moment(text: str | None) -> int | None:
    """Microseconds since the epoch of a time, or of so long ago."""
    if text is None:
        return None
    try:
        return int(datetime.now(UTC).timestamp() * 1e6) - parse_duration(text)
    except ValueError:
        pass
    try:
        return parse_time(text)
    except ValueError as error:
        give_up(f"{error}, nor a duration like 2h")
