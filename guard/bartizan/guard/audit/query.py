"""Reading a log: the records that match, one after the other, however large the log is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bartizan.guard.canonical import WRAPPED_DEPTH, parse_json
from bartizan.guard.errors import AuditTampered, MalformedJSON

from .chain import Entry
from .segments import read_lines, segment_indices, segment_path


def query(
    directory: str | Path,
    *,
    kind: str | None = None,
    session: str | None = None,
    tool: str | None = None,
    outcome: str | None = None,
    rule: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> Iterator[Entry]:
    """The entries of a log that match every condition given, oldest first.

    ``outcome`` is ``"ALLOW"``, ``"CORRECT"``, ``"ESCALATE"`` or ``"DENY"``; ``rule`` is a rule among the reasons,
    enforced or in shadow mode; ``since`` and ``until`` are microseconds since the epoch, the first included, the second
    not.
    The log may be in use. Nothing is verified here (see ``verify``), but a line that is no entry raises
    ``AuditTampered``.
    """
    root = Path(directory)
    wanted = {"kind": kind, "session": session, "tool": tool, "outcome": outcome}
    fields = {name: value for name, value in wanted.items() if value is not None}
    for index in segment_indices(root):
        path = segment_path(root, index)
        for line in read_lines(path):
            if not line.complete:
                break  # still being written, or torn
            try:
                value = parse_json(line.data, max_depth=WRAPPED_DEPTH)
                record = value["record"]
                entry = Entry(record["seq"], value["hash"], record, value.get("mac"))
            except (MalformedJSON, KeyError, TypeError) as error:
                raise AuditTampered(f"{path}:{line.number}: expected an entry: {error}") from error
            if any(record.get(name) != value for name, value in fields.items()):
                continue
            if since is not None and record.get("time", 0) < since:
                continue
            if until is not None and record.get("time", 0) >= until:
                continue
            reasons = [*record.get("reasons", ()), *record.get("shadow", ())]
            if rule is not None and all(reason["rule"] != rule for reason in reasons):
                continue
            yield entry
