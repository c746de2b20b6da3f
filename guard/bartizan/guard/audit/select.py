"""Which records are wanted: the conditions of a query, in one place for the log itself and for its index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FIELDS = ("kind", "session", "tool", "outcome")
"""Conditions that are the equality of a field."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Records that meet every condition given.

    ``outcome`` is ``"ALLOW"``, ``"CORRECT"``, ``"ESCALATE"`` or ``"DENY"``; ``rule`` is a rule among the reasons,
    enforced or in shadow mode; ``text`` stands somewhere in what a person would read (see :func:`readable`), whatever
    its case; ``since`` and ``until`` are microseconds since the epoch, the first included, the second not.
    """

    kind: str | None = None
    session: str | None = None
    tool: str | None = None
    outcome: str | None = None
    rule: str | None = None
    text: str | None = None
    since: int | None = None
    until: int | None = None

    def matches(self, record: Mapping[str, Any]) -> bool:
        for name in FIELDS:
            value = getattr(self, name)
            if value is not None and record.get(name) != value:
                return False
        if self.since is not None and time_of(record) < self.since:
            return False
        if self.until is not None and time_of(record) >= self.until:
            return False
        if self.rule is not None and self.rule not in rules(record):
            return False
        return self.text is None or self.text.casefold() in readable(record).casefold()


def time_of(record: Mapping[str, Any]) -> int:
    time = record.get("time")
    return time if type(time) is int else 0


def rules(record: Mapping[str, Any]) -> set[str]:
    """The rules among a record's reasons, enforced or in shadow mode."""
    reasons = [*(record.get("reasons") or ()), *(record.get("shadow") or ())]
    return {str(reason.get("rule")) for reason in reasons if isinstance(reason, Mapping)}


def readable(record: Mapping[str, Any]) -> str:
    """What a person would search a record for: texts of rules, arguments and content if captured, who answered what."""
    return "\n".join(_texts(record))


def _texts(record: Mapping[str, Any]) -> Iterator[str]:
    for reason in (*(record.get("reasons") or ()), *(record.get("shadow") or ())):
        if isinstance(reason, Mapping):
            yield f"{reason.get('rule')}: {reason.get('text')}"
    for name in ("approval", "answer", "error", "why", "reason"):
        if isinstance(record.get(name), str):
            yield record[name]
    principal = record.get("principal")
    if isinstance(principal, Mapping) and principal.get("id"):
        yield str(principal["id"])
    if "args" in record:
        yield from _strings(record["args"])
    for name in ("text", "value"):
        if isinstance(record.get(name), Mapping) and "content" in record[name]:
            yield from _strings(record[name]["content"])


def _strings(value: Any) -> Iterator[str]:
    """Every text in a value, names of members too; numbers as they are written."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name)
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)
    elif value is not None:
        yield str(value)
