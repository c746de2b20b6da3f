"""What the conformance suite needs of a framework: a few lines for each, with a scripted model and no network.

A *harness* starts conversations; a *conversation* is one guarded agent with one scripted model. The model calls what
its script says, turn by turn, and is done when the script is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bartizan.guard import ANONYMOUS, Answer, Gatekeeper, MemoryAuditLog, Principal
from bartizan.guard.testing import StaticProgram

Tool = Callable[..., Any]
"""A plain function, synchronous or not, with annotated parameters and a docstring: its name is the tool's."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """One tool call that a scripted model proposes; ``args`` may be anything that Python can put into a mapping."""

    tool: str
    args: Mapping[str, Any]
    id: str


Script = Sequence[Sequence[Proposed]]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a conversation is made of, and what the application says of whose it is."""

    guard: Gatekeeper
    tools: Sequence[Tool]
    script: Script
    session: Callable[[], str] = lambda: "s"
    principal: Callable[[], Principal] = lambda: ANONYMOUS


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person answers: the same to every open question, ``but`` to those about these calls."""

    answer: Answer
    args: Mapping[str, Any] | None = None
    but: Mapping[str, Answer] = field(default_factory=dict)

    def to(self, call_id: str) -> Answer:
        """The answer to the question about this call."""
        return self.but.get(call_id, self.answer)


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a run: the results that the model has read so far in the conversation, by call id, in the words it
    read them; how many questions wait for a person; and what the run raised instead of ending.
    """

    read: Mapping[str, str] = field(default_factory=dict)
    waiting: int = 0
    error: BaseException | None = None


class Conversation(Protocol):
    """One guarded agent, in session ``"s"`` unless its setup says otherwise. What a framework does not have, says its
    harness, and its conversation leaves out.
    """

    async def say(self, text: str) -> Came:
        """The user speaks, the agent runs until it is done, waits for a person, or fails."""
        ...

    async def answer(self, answers: Answers) -> Came:
        """A person answers every open question, as an application would, and the agent goes on."""
        ...

    async def wave_through(self) -> Came:
        """Somebody tells the framework alone that the calls are approved, and the guard nothing."""
        raise AssertionError("asked only where has_own_approvals says so")

    async def resume_again(self) -> Came:
        """Another process goes on from the state that the latest :meth:`answer` went on from."""
        raise AssertionError("asked only where resumes says so")


class Harness(Protocol):
    """Starts conversations with one framework.

    ``edits``: a person may edit a call. ``has_own_approvals``: the framework can be told of an approval without the
    guard (:meth:`Conversation.wave_through`). ``resumes``: a state can be resumed twice
    (:meth:`Conversation.resume_again`).
    """

    edits: bool
    has_own_approvals: bool
    resumes: bool

    def start(self, setup: Setup) -> Conversation: ...


class World:
    """Tools with effects: what ran, in which order, with which arguments."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, dict[str, Any]]] = []
        self.started = asyncio.Event()

        def pay(amount: int, to: str) -> str:
            """Pay an amount to somebody."""
            self.ran.append(("pay", {"amount": amount, "to": to}))
            return f"paid {amount} to {to}"

        async def read(path: str) -> str:
            """Read a file."""
            self.ran.append(("read", {"path": path}))
            await asyncio.sleep(0)
            return f"text of {path}"

        def note(text: str) -> str:
            """Write something down."""
            self.ran.append(("note", {"text": text}))
            return "noted"

        async def fail(why: str) -> str:
            """Fail half way."""
            self.ran.append(("fail", {"why": why}))
            raise ValueError(f"cannot {why}")

        async def wait(what: str) -> str:
            """Wait for ever."""
            self.ran.append(("wait", {"what": what}))
            self.started.set()
            await asyncio.Event().wait()
            return "never"

        self.tools: list[Tool] = [pay, read, note, fail, wait]

    def times(self, tool: str) -> int:
        return sum(name == tool for name, _ in self.ran)


def logged(audit: MemoryAuditLog, kind: str) -> list[Mapping[str, Any]]:
    """The records of one kind, oldest first."""
    return [entry.record for entry in audit.entries if entry.record["kind"] == kind]


PROGRAM = StaticProgram(
    allow=["read", "note", "fail", "wait"],
    escalate=["pay"],
    deny=["forbidden"],
    budgets={"read": 3},
    secrets=["hunter2"],
)
READ, PAY = Proposed("read", {"path": "a"}, "call-r"), Proposed("pay", {"amount": 5, "to": "bob"}, "call-p")
PAID = ("pay", {"amount": 5, "to": "bob"})
