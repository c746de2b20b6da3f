"""A real program in a few lines: outcomes by tool name, budgets in registers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bartizan.guard.canonical import canonical_json, digest_of
from bartizan.guard.decision import Decision, Inspection, Outcome, Reason, Request
from bartizan.guard.gate import patch
from bartizan.guard.types import Event, EventKind, Labels, Missing, Session, ToolCall


@dataclass(frozen=True)
class StaticProgram:
    """Allows, escalates or denies by tool name; anything else is denied.

    ``budgets`` says how often a tool may be called in a session. ``signals_on`` maps event kinds to the signals
    asked for; a call escalates if one of its signals is missing, and is denied from 0.5 upwards. ``secrets`` are
    redacted from results; results of ``trusted`` tools are labelled trusted. ``limits`` are the largest values of
    numeric arguments by name, and only those arguments may be corrected.
    """

    allow: Collection[str] = ()
    escalate: Collection[str] = ()
    deny: Collection[str] = ()
    budgets: Mapping[str, int] = field(default_factory=dict)
    signals_on: Mapping[str, Sequence[str]] = field(default_factory=dict)
    secrets: Collection[str] = ()
    trusted: Collection[str] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    name: str = "static"
    certificate: str = "none"
    hash: str = field(init=False)

    def __post_init__(self) -> None:
        document = [
            self.name,
            sorted(self.allow),
            sorted(self.escalate),
            sorted(self.deny),
            dict(self.budgets),
            {kind: list(names) for kind, names in self.signals_on.items()},
            sorted(self.secrets),
            sorted(self.trusted),
            dict(self.limits),
        ]
        object.__setattr__(self, "hash", digest_of(canonical_json(document)))

    def initial(self) -> Mapping[str, Any]:
        return {"calls": {}}

    def signals(self, kind: EventKind, tool: str | None) -> Sequence[str]:
        return self.signals_on.get(kind, ())

    def decide(self, request: Request, session: Session) -> Decision:
        tool = request.call.tool
        if tool in self.deny:
            return self._answer(Outcome.DENY, "forbidden")
        made = session.state["calls"].get(tool, 0)
        if tool in self.budgets and made >= self.budgets[tool]:
            return self._answer(Outcome.DENY, "budget")
        if any(request.call.args.get(name, 0) > most for name, most in self.limits.items()):
            return self._answer(Outcome.DENY, "limit")
        for signal in request.signals.values():
            if isinstance(signal.value, Missing):
                if not request.approved:
                    return self._answer(Outcome.ESCALATE, "signal-missing", "E")
            elif signal.value >= 0.5:
                return self._answer(Outcome.DENY, "signal-high")
        if tool in self.escalate and not request.approved:
            return self._answer(Outcome.ESCALATE, "ask")
        if tool in self.allow or tool in self.escalate:
            return self._answer(Outcome.ALLOW, "allowed")
        return self._answer(Outcome.DENY, "default")

    def permits(self, call: ToolCall, edited: ToolCall) -> bool:
        changed = patch(call.arguments(), edited.arguments())
        return all(step["op"] == "replace" and step["path"][1:] in self.limits for step in changed)

    def inspect(self, event: Event, session: Session) -> Inspection:
        text, value, reasons = event.text, event.value, []
        for secret in self.secrets:
            if secret in text:
                text = text.replace(secret, "[redacted]")
                value = None
                reasons.append(Reason("secrets", "redact"))
        labels = Labels("trusted" if event.tool in self.trusted else "untrusted")
        return Inspection(text, value, labels, tuple(reasons))

    def advance(self, event: Event, session: Session) -> Mapping[str, Any]:
        if event.kind != "call" or event.tool is None:
            return session.state
        calls = session.state["calls"]
        return {"calls": {**calls, event.tool: calls.get(event.tool, 0) + 1}}

    def denied(self, request: Request, decision: Decision, session: Session) -> Mapping[str, Any]:
        return session.state

    def _answer(self, outcome: Outcome, rule: str, value: str = "T") -> Decision:
        return Decision(outcome, (Reason(rule, outcome.name.lower(), value),), self.hash)
