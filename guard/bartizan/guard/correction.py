"""Correcting a call that the program denies: who may propose another, and what becomes of proposals.

A proposer is anything that knows a better call: a solver, a model, a table. None is trusted. What one proposes leaves
only if the program permits the edit and allows the edited call, decided from scratch with signals measured on it
(:mod:`.gate`). A proposer that fails, hangs or lies costs time and a line in the trace, nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from .abandoned import Abandoned
from .decision import Decision, Outcome, Program, Request
from .errors import MalformedCall
from .evidence import evidence_of
from .gate import Patch, Proposal, gate
from .types import Session, ToolCall

MAX_PROPOSALS = 16
"""How many proposals of one proposer are looked at."""

MAX_EVIDENCE = 16_384
"""Bytes of evidence that are kept; more is left out."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that the program denied, with all that its decision depended on."""

    request: Request
    session: Session
    decision: Decision
    program: Program


class Proposer(Protocol):
    """Proposes other arguments for a denied call, best first.

    It is cancelled when its time is over. Work that blocks belongs in a thread or a process of its own.
    """

    @property
    def name(self) -> str:
        """As what it appears in the log: ``solver``, ``corrector``."""
        ...

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        """Calls that may take the place of the denied one; none if it knows none."""
        ...


@runtime_checkable
class Adviser(Protocol):
    """A proposer that may also know a call near a denied one that would be allowed, but may not take its place."""

    async def advise(self, refused: Refused) -> Proposal | None: ...


@dataclass(frozen=True, slots=True)
class Correction:
    """An edit that was made: the call as the agent proposed it, by whom and how it was changed, and their evidence."""

    proposed: ToolCall
    origin: str
    patch: Patch
    evidence: Mapping[str, Any] = field(default_factory=dict)


Wrong: TypeAlias = Literal["late", "failed", "stuck"]
CameOf: TypeAlias = Literal["accepted", "refused", "none"] | Wrong


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of asking one proposer, and how long it took (microseconds)."""

    name: str
    came_of: CameOf
    took: int


@dataclass(frozen=True, slots=True)
class Found:
    """The corrected call, or (without ``correction``) nothing, with perhaps a call to advise. ``attempts`` in order."""

    call: ToolCall | None = None
    correction: Correction | None = None
    nearest: ToolCall | None = None
    attempts: tuple[Attempt, ...] = ()


Decide = Callable[[ToolCall], Awaitable[Decision]]
"""Measures the signals of a call and lets the program decide it."""


class Corrector:
    """Asks proposers in their order, within ``within`` seconds altogether."""

    def __init__(self, proposers: Sequence[Proposer], within: float) -> None:
        if not within > 0:
            raise ValueError(f"expected a time for corrections above 0 s, found {within}")
        self.proposers = tuple(proposers)
        self._within = within
        self._running: set[asyncio.Task[Any]] = set()
        self._abandoned = Abandoned()

    async def correct(self, refused: Refused, decide: Decide, within: float) -> Found:
        """The first proposal that passes the gate. Raises nothing but ``CancelledError``."""
        ends = time.monotonic() + min(within, self._within)
        attempts: list[Attempt] = []
        for proposer in self.proposers:
            began = time.perf_counter_ns()
            passed: tuple[ToolCall, Correction] | None = None
            answer, wrong = await self._ask(proposer, proposer.propose, refused, ends)
            came_of: CameOf = wrong or "none"
            if wrong is None and (proposals := _proposals(answer, _name(proposer))):
                passed = await _passed(refused, proposals, decide, ends)
                came_of = "refused" if passed is None else "accepted"
            attempts.append(Attempt(_name(proposer), came_of, (time.perf_counter_ns() - began) // 1000))
            if passed is not None:
                return Found(*passed, attempts=tuple(attempts))
        nearest = await self._nearest(refused, decide, ends)
        return Found(nearest=nearest, attempts=tuple(attempts))

    async def _nearest(self, refused: Refused, decide: Decide, ends: float) -> ToolCall | None:
        for proposer in self.proposers:
            if not isinstance(proposer, Adviser):
                continue
            answer, _ = await self._ask(proposer, proposer.advise, refused, ends)
            for edited in _edits(refused.request.call, _proposals([answer], _name(proposer))):
                if await _allowed(decide, edited, ends):
                    return edited
        return None

    async def _ask(
        self, proposer: Proposer, ask: Callable[[Refused], Awaitable[Any]], refused: Refused, ends: float
    ) -> tuple[Any, Wrong | None]:
        """What a proposer answers in time; otherwise what went wrong."""
        left = ends - time.monotonic()
        if left <= 0:
            return None, "late"
        if self._abandoned.stuck(id(proposer)):
            return None, "stuck"

        async def asked() -> Any:
            return await ask(refused)

        task = asyncio.create_task(asked(), name=f"proposer {_name(proposer)}")
        self._running.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._running.discard)
        try:
            await asyncio.wait({task}, timeout=left)
        finally:
            if not task.done():
                self._abandoned.leave(id(proposer), task)
        if not task.done():
            return None, "late"
        if task.cancelled() or task.exception() is not None:
            return None, "failed"
        return task.result(), None


async def _passed(
    refused: Refused, proposals: list[Proposal], decide: Decide, ends: float
) -> tuple[ToolCall, Correction] | None:
    """The first proposal that is an edit the program permits, of a call the program allows."""
    call, permits = refused.request.call, refused.program.permits
    allowed: set[str] = set()
    for edited in _edits(call, proposals):
        if _permitted(permits, call, edited) and await _allowed(decide, edited, ends):
            allowed.add(edited.digest)
            break
    emission = gate(call, proposals, allows=lambda one: one.digest in allowed, permits=permits)
    if emission is None or emission.origin is None:
        return None
    evidence = evidence_of(emission.evidence, MAX_EVIDENCE)
    return emission.call, Correction(call, emission.origin, emission.patch, evidence)


def _permitted(permits: Callable[[ToolCall, ToolCall], bool], call: ToolCall, edited: ToolCall) -> bool:
    try:
        return permits(call, edited) is True
    except Exception:  # noqa: BLE001 (what cannot be told is not permitted)
        return False


async def _allowed(decide: Decide, call: ToolCall, ends: float) -> bool:
    """Whether the program allows it, without asking anybody. What takes too long is not allowed."""
    try:
        async with asyncio.timeout(max(0.0, ends - time.monotonic())):
            return (await decide(call)).outcome is Outcome.ALLOW
    except Exception:  # noqa: BLE001 (no decision is no permission)
        return False


def _proposals(answer: Any, origin: str) -> list[Proposal]:
    """What of an answer are proposals, as values of their own: nothing of theirs is looked at twice."""
    found: list[Proposal] = []
    try:
        for one in answer:
            if len(found) == MAX_PROPOSALS:
                break
            if isinstance(one, Proposal):
                args = ToolCall.of("", "any", one.args).args
                found.append(Proposal(args, origin, evidence_of(one.evidence, MAX_EVIDENCE)))
    except Exception:  # noqa: BLE001 (an answer that fails on the way says what it said before)
        return found
    return found


def _edits(call: ToolCall, proposals: Sequence[Proposal]) -> list[ToolCall]:
    edits = []
    for proposal in proposals:
        try:
            edited = ToolCall.of(call.id, call.tool, proposal.args)
        except MalformedCall:
            continue
        if edited.digest != call.digest:
            edits.append(edited)
    return edits


def _name(proposer: Proposer) -> str:
    return str(proposer.name)[:80]
