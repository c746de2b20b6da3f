"""What a program answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from .types import Event, EventKind, Labels, Principal, Session, Signal, ToolCall


class Outcome(IntEnum):
    """``ALLOW < CORRECT < ESCALATE < DENY``: the join of two outcomes is their maximum."""

    ALLOW = 0
    CORRECT = 1
    ESCALATE = 2
    DENY = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a rule that determined the outcome.

    ``rule`` is a rule id, or a reserved name: ``schema``, ``unknown-tool`` and ``default`` are the program's,
    the guard's own stand in :mod:`bartizan.guard.reasons`.
    ``value`` is ``"T"`` (the rule matched) or ``"E"`` (it could not be evaluated, and so fails closed).
    ``atoms`` are the source texts of the atomic conditions that decided it.
    """

    rule: str
    effect: str
    value: str = "T"
    text: str = ""
    atoms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome with its reasons.

    ``shadow`` names the rules in shadow mode that would have determined it; ``nearest`` is the nearest call
    that would have been allowed, where it is known.
    """

    outcome: Outcome
    reasons: tuple[Reason, ...]
    policy: str = ""
    shadow: tuple[Reason, ...] = ()
    nearest: ToolCall | None = None

    @property
    def allowed(self) -> bool:
        return self.outcome <= Outcome.CORRECT


@dataclass(frozen=True, slots=True)
class Inspection:
    """What becomes of a result: its labels, and the text and value that may go on to the model."""

    text: str
    value: Any
    labels: Labels
    reasons: tuple[Reason, ...] = ()
    shadow: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a decision depends on besides the session. ``now`` is microseconds since the epoch.

    ``before`` is the call as it was proposed, if ``call`` is a correction of it: what an edit makes of a value that
    came from untrusted data comes from there too.
    """

    call: ToolCall
    now: int
    principal: Principal = Principal()
    signals: Mapping[str, Signal] = field(default_factory=dict)
    approved: bool = False
    before: ToolCall | None = None


class Program(Protocol):
    """A compiled policy: pure and total. The kernel knows policies only through this protocol."""

    @property
    def name(self) -> str: ...

    @property
    def hash(self) -> str:
        """SHA-256 (hexadecimal) of the policy's canonical AST."""
        ...

    @property
    def certificate(self) -> str:
        """How far what is proved of the policy was checked when it was loaded; ``none`` where nothing was."""
        ...

    def initial(self) -> Mapping[str, Any]:
        """The registers of a new session, as JSON."""
        ...

    def signals(self, kind: EventKind, tool: str | None) -> Sequence[str]:
        """The signals that rules or registers ask for on this kind of event of this tool."""
        ...

    def decide(self, request: Request, session: Session) -> Decision:
        """Allow, escalate or deny a call. Never raises, never does I/O."""
        ...

    def permits(self, call: ToolCall, edited: ToolCall) -> bool:
        """Whether a call may be corrected to another: each argument that differs is one that may be, in that way.

        What its author did not open is locked. It is not asked whether the edited call is allowed.
        """
        ...

    def inspect(self, event: Event, session: Session) -> Inspection:
        """Label and redact a result before the model may read it. Never raises, never does I/O."""
        ...

    def advance(self, event: Event, session: Session) -> Mapping[str, Any]:
        """The registers after an event. Cost does not depend on the length of the history."""
        ...

    def denied(self, request: Request, decision: Decision, session: Session) -> Mapping[str, Any]:
        """The registers after a call that this program denied: the session's own where a denial changes nothing.

        A denial is no event of the session: nothing else of it is remembered.
        """
        ...
