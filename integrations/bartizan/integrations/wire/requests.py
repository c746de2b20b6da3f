"""What a client says: the call that it proposes, and what became of one that was let go."""

from __future__ import annotations

from dataclasses import dataclass

from bartizan.guard.canonical import JSON
from bartizan.guard.types import Principal, Raised, ToolCall, ToolResult

from .shapes import NotTheShape, an_object, text_of, typed
from .values import call_of, call_to_json, principal_of, principal_to_json, result_of, result_to_json


@dataclass(frozen=True, slots=True)
class Proposed:
    """A call as a client proposes it. ``principal`` is for whom it asks, if it may ask for others."""

    session: str
    call: ToolCall
    once: str | None = None
    review: bool = False
    principal: Principal | None = None

    @classmethod
    def of(cls, body: JSON) -> Proposed:
        """Raises :class:`NotTheShape`."""
        fields = an_object(body, "the body", {"session", "call", "once", "review", "principal"})
        return cls(
            text_of(fields, "session"),
            call_of(fields.get("call")),
            text_of(fields, "once") if fields.get("once") is not None else None,
            typed(fields, "review", bool, False),
            principal_of(fields.get("principal")),
        )

    def to_json(self) -> dict[str, JSON]:
        body: dict[str, JSON] = {"session": self.session, "call": call_to_json(self.call)}
        if self.once is not None:
            body["once"] = self.once
        if self.review:
            body["review"] = True
        if self.principal is not None:
            body["principal"] = principal_to_json(self.principal)
        return body


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of a call that was let go, as its executor reports it."""

    session: str
    call: ToolCall
    outcome: ToolResult | Raised
    record: str | None = None
    once: str | None = None

    @classmethod
    def of(cls, body: JSON, call_id: str) -> Outcomes:
        """Raises :class:`NotTheShape`, also for a call that is not the path's."""
        known = {"session", "call", "record", "once", "text", "value", "is_error", "raised", "suspended"}
        fields = an_object(body, "the body", known)
        call = call_of(fields.get("call"))
        if call.id != call_id:
            raise NotTheShape(f"call.id: expected the id of the path, {call_id!r:.80}, found {call.id!r:.80}")
        outcome: ToolResult | Raised
        if fields.get("raised") is not None:
            outcome = Raised(
                text_of(fields, "raised"),
                typed(fields, "text", str, ""),
                typed(fields, "suspended", bool, False),
            )
        else:
            outcome = result_of(fields)
        optional = {name: typed(fields, name, str, None) for name in ("record", "once")}
        return cls(text_of(fields, "session"), call, outcome, optional["record"], optional["once"])

    def to_json(self) -> dict[str, JSON]:
        body: dict[str, JSON] = {"session": self.session, "call": call_to_json(self.call)}
        body |= {
            name: value for name, value in (("record", self.record), ("once", self.once)) if value is not None
        }
        if isinstance(self.outcome, Raised):
            body |= {
                "raised": self.outcome.kind,
                "text": self.outcome.text,
                "suspended": self.outcome.suspended,
            }
        else:
            body |= result_to_json(self.outcome)
        return body
