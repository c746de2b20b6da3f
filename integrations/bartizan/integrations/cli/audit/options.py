"""What the commands on the audit log take, and how it is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bartizan.guard import AuditIndex, AuditTampered, Receipt
from bartizan.guard.audit import Found, Wanted, logs, search
from bartizan.guard.audit.index import INDEX
from bartizan.policies.language.values import parse_duration, parse_time

from ..console import err, give_up, read

if TYPE_CHECKING:
    from bartizan.integrations.signing import Ed25519Signer, Ed25519Verifier

Directory = Annotated[
    Path,
    typer.Argument(
        help="The log's directory, or one with the logs of several processes.", exists=True, file_okay=False
    ),
]
Key = Annotated[Path | None, typer.Option("--key", help="The file with the key the log was written with.")]


def records(directory: Path, conditions: Wanted) -> Iterator[Found]:
    """The records that match, by their time; from the index where there is one, else from the logs themselves."""
    if not logs(directory):
        give_up(f"there is no audit log in {directory}")
    try:
        index = _index(directory)
        if index is None:
            yield from search(directory, conditions)
        else:
            with index:
                yield from index.search(conditions)
    except AuditTampered as error:
        give_up(str(error), 1)
    except OSError as error:
        give_up(f"cannot read {directory}: {error.strerror or error}")


def _index(directory: Path) -> AuditIndex | None:
    """The index, up to date; None where there is none, or it is not ours to write."""
    if not (directory / INDEX).exists():
        return None
    try:
        index = AuditIndex(directory)
        index.refresh()
    except OSError as error:
        err.print(f"without the index: {error}", style="yellow", markup=False)
        return None
    return index


def secret(path: Path | None) -> bytes | None:
    """The key in this file, as a service reads it: random bytes may begin or end with what looks like white space."""
    return read(path).rstrip(b"\r\n") if path is not None else None


def public_keys(paths: list[Path]) -> list[Ed25519Verifier]:
    """The public keys in these files."""
    if not paths:
        return []
    try:
        from bartizan.integrations.signing import Ed25519Verifier

        return [Ed25519Verifier.load(path) for path in paths]
    except (ImportError, OSError, ValueError) as error:
        give_up(str(error))


def signer(path: Path | None) -> Ed25519Signer | None:
    """The private key in this file."""
    if path is None:
        return None
    try:
        from bartizan.integrations.signing import Ed25519Signer

        return Ed25519Signer.load(path)
    except (ImportError, OSError, ValueError) as error:
        give_up(str(error))


def head(text: str | None) -> Receipt | None:
    """A head as it is printed."""
    if text is None:
        return None
    seq, colon, hash_ = text.partition(":")
    if not colon or not (seq.isascii() and seq.isdigit() and len(seq) <= 18):
        give_up("a head is SEQ:HASH, as `bartizan audit verify` prints it")
    return Receipt(int(seq), hash_)


def moment(text: str | None) -> int | None:
    """Microseconds since the epoch of a time, or of so long ago: the epoch at the earliest."""
    if text is None:
        return None
    try:
        return max(int(datetime.now(UTC).timestamp() * 1e6) - parse_duration(text), 0)
    except ValueError:
        pass
    try:
        return parse_time(text)
    except ValueError as error:
        give_up(f"{error}, nor a duration like 2h")


def when(time: object) -> str:
    """A time in microseconds as people read it, in UTC."""
    if not isinstance(time, int):
        return "-" * 19
    return f"{datetime.fromtimestamp(time / 1e6, UTC):%Y-%m-%d %H:%M:%S}"
