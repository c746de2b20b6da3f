"""What is kept of a run: plain values, picklable between processes and written as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .agent import Role

Outcome = Literal["allowed", "approved", "refused", "denied"]
"""What became of a proposed call: let go; let go after an approval; not approved; denied by the policy."""


@dataclass(frozen=True, slots=True)
class Why:
    """A rule that determined a decision, as the audit log names it."""

    rule: str
    effect: str
    value: str
    text: str
    atoms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One proposed call. ``ran`` is what the tool itself reports; ``output`` the start of what the agent read.

    ``shows_injection``: the output is where the planted text came to light. ``corrected``: it ran with other arguments.
    """

    call: str
    role: Role
    tool: str
    args: dict[str, Any]
    outcome: Outcome
    ran: bool
    why: tuple[Why, ...] = ()
    output: str = ""
    shows_injection: bool = False
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One conversation. ``attack`` and ``injection_task`` are ``None`` in a benign one, as is ``reached``.

    ``reached``: AgentDojo's grader says that the attacker's goal was reached. ``completed``: it says that the
    user's task was done. ``policy`` names the policy that guarded the run, ``None`` if nothing did.
    """

    suite: str
    user_task: str
    injection_task: str | None
    attack: str | None
    policy: str | None
    prompt: str
    goal: str
    completed: bool
    reached: bool | None
    steps: tuple[Step, ...]
    asked: int
    granted: int
    refused: int
    seconds: float

    @property
    def injected(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.role == "injected")

    @property
    def unmediated(self) -> int:
        """Tool bodies that ran although no decision let them: must be 0."""
        return sum(step.ran and step.outcome in ("refused", "denied") for step in self.steps)
