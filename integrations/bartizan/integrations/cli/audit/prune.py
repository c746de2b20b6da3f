"""``bartizan audit prune``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from bartizan.guard import AuditError, FileAuditLog, verify
from bartizan.guard.audit import Segment, logs
from bartizan.guard.audit.query import name_of
from bartizan.guard.audit.segments import HEAD

from ..console import give_up, out
from .options import Key, moment, public_keys, secret, signer

Log = Annotated[Path, typer.Argument(help="The directory of one log.", exists=True, file_okay=False)]


def prune_log(
    directory: Log,
    before: Annotated[
        str | None,
        typer.Option(help="Only segments that ended before: an RFC 3339 time, or how long ago: 90d"),
    ] = None,
    keep: Annotated[int | None, typer.Option(help="How many of the newest segments stay.", min=1)] = None,
    why: Annotated[str, typer.Option(help="The reason, for the record.")] = "",
    key: Key = None,
    signing_key: Annotated[
        Path | None, typer.Option("--signing-key", help="The private key, if the log is signed.")
    ] = None,
    public_key: Annotated[
        list[Path] | None, typer.Option("--public-key", help="Public keys the log was signed with earlier.")
    ] = None,
) -> None:
    """Remove the oldest segments of a log that no process is writing. What was removed is recorded in the log first.

    The log must verify, before and after. A running guard prunes its log itself: `FileAuditLog.prune`.
    """
    if before is None and keep is None:
        give_up("say what may go: --before TIME, --keep N, or both")
    if not (directory / HEAD).exists():
        below = ", ".join(name_of(directory, log) for log in logs(directory)[:8])
        give_up(
            f"there is no audit log in {directory}"
            + (f"; prune one of those below it: {below}" if below else "")
        )
    mac, own, older = secret(key), signer(signing_key), public_keys(public_key or [])
    trusted = [*older, *([own] if own is not None else [])]
    checked = verify(directory, key=mac, public_keys=trusted)
    if not (checked.ok or checked.repairable):
        problems = "\n".join(str(problem) for problem in checked.problems)
        give_up(f"the log does not verify, so nothing is removed:\n{problems}", 1)

    async def prune() -> list[Segment]:
        log = await asyncio.to_thread(FileAuditLog, directory, key=mac, signer=own, trusted=older)
        try:
            return await log.prune(keep=keep, before=moment(before), why=why)
        finally:
            await log.aclose()

    try:
        gone = asyncio.run(prune())
    except AuditError as error:
        give_up(str(error), 1)
    except OSError as error:
        give_up(f"cannot prune {directory}: {error.strerror or error}")
    if not gone:
        out.print("nothing to remove")
        return
    if not verify(directory, key=mac, public_keys=trusted).ok:
        give_up("the log does not verify any more: see `bartizan audit verify`", 1)
    removed = f"removed {len(gone)} segments, entries {gone[0].first} to {gone[-1].last.seq}"
    out.print(f"{removed}; the log says so, and verifies")
