"""Driving a stream guard: scripted models, deciders that answer from a real program, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from bartizan.guard import Outcome, Program, Request, Session, ToolCall
from bartizan.guard.stream.events import End, StreamEvent, ToolArgs, ToolEnd, ToolStart
from bartizan.guard.stream.guarded import StreamGuard
from bartizan.guard.stream.notes import Note
from bartizan.guard.stream.ruling import Decide, Ruling


class Model:
    """Says events one by one. An exception in the script is raised, a number is how many seconds it says nothing.

    ``log`` tells when it was closed; it shares a list with whoever else logs there.
    """

    def __init__(
        self, script: Sequence[StreamEvent | Exception | float], log: list[str] | None = None
    ) -> None:
        self.script = script
        self.log = log if log is not None else []
        self.read = 0

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self

    async def __anext__(self) -> StreamEvent:
        while True:
            await asyncio.sleep(0)
            if self.read >= len(self.script):
                raise StopAsyncIteration
            step = self.script[self.read]
            self.read += 1
            if isinstance(step, Exception):
                raise step
            if not isinstance(step, int | float):
                return step
            await asyncio.sleep(step)

    async def aclose(self) -> None:
        self.log.append("closed")


def decider(program: Program, allowed: list[ToolCall] | None = None) -> Decide:
    """Answers from a program, in a session without a past. ``allowed`` collects what it let go."""

    async def decide(call: ToolCall) -> Ruling:
        session = Session("s", state=program.initial())
        decision = program.decide(Request(call, 0), session)
        if decision.outcome is Outcome.ALLOW and allowed is not None:
            allowed.append(call)
        return Ruling(decision.outcome, call, tuple(reason.rule for reason in decision.reasons))

    return decide


def call(index: int, tool: str, *args: str) -> list[StreamEvent]:
    """A call whose arguments arrive in these pieces."""
    return [ToolStart(index, f"c{index}", tool), *(ToolArgs(index, piece) for piece in args), ToolEnd(index)]


async def drive(
    guard: StreamGuard, script: Sequence[Any], log: list[str] | None = None
) -> tuple[list[StreamEvent], list[str]]:
    """What left, and the notes' kinds. There is one end, and it is the last."""
    model = Model(script, log)
    out = [event async for event in guard.run(model)]
    assert [event for event in out if isinstance(event, End)] == out[-1:]
    assert model.log.count("closed") == 1
    return out, [note.kind for note in guard.notes]


def kinds(notes: Sequence[Note]) -> list[str]:
    return [note.kind for note in notes]
