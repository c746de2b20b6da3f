"""``bartizan audit verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bartizan.guard import Verification, verify
from bartizan.guard.audit import logs

from ..console import give_up, out
from .options import Directory, Key, public_keys, secret, when
from .options import head as head_of


def verify_log(
    directory: Directory,
    key: Key = None,
    head: Annotated[
        str | None, typer.Option("--head", help="A head noted earlier, SEQ:HASH; the log must contain it.")
    ] = None,
    public_key: Annotated[
        list[Path] | None,
        typer.Option(
            "--public-key", help="Check the signed checkpoints with this key; once for each key there was."
        ),
    ] = None,
) -> None:
    """Check whole logs, offline: any edit, deletion, reordering, duplication or truncation is found."""
    found = logs(directory)
    if head is not None and len(found) > 1:
        give_up(f"{directory} holds {len(found)} logs: give the one that the head is of")
    keys, anchor, mac = public_keys(public_key or []), head_of(head), secret(key)
    good = True
    for log in found or [directory]:
        try:
            checked = verify(log, key=mac, expected_head=anchor, public_keys=keys)
        except OSError as error:
            give_up(f"cannot read {log}: {error.strerror or error}")
        if len(found) > 1:
            out.print(escape(str(log)), style="bold")
        _report(checked)
        good = good and checked.ok
    if not good:
        raise typer.Exit(1)


def _report(checked: Verification) -> None:
    for problem in checked.problems:
        out.print(f"[red]✗[/] {escape(str(problem))}")
    if checked.ok:
        out.print(f"[green]intact[/]: {checked.records} records in {checked.segments} segments")
        out.print(f"head {checked.last.seq}:{checked.last.hash}")
    elif checked.repairable:
        out.print("a crash explains this: opening the log repairs it, and records that it did")
    if (pruned := checked.pruned) is not None:
        why = f": {pruned.why}" if pruned.why else ""
        out.print(
            escape(
                f"pruned on {when(pruned.time)}: entries up to {pruned.upto.seq}, segment {pruned.segment}{why}"
            )
        )
    if (signed := checked.signed) is not None:
        after = (
            checked.last.seq - signed.covers.seq - 1
        )  # the checkpoint itself is signed by nobody, and needs not be
        rest = f"the {after} entries after it are not signed" if after else "nothing follows it"
        out.print(
            escape(
                f"signed up to entry {signed.covers.seq}, with {signed.key_id} on {when(signed.time)}; {rest}"
            )
        )
