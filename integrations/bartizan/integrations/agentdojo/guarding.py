"""A guard for runs, and the decisions that it wrote down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Any, Self

from bartizan.guard.audit import AuditLog, MemoryAuditLog, Receipt
from bartizan.guard.canonical import JSON
from bartizan.guard.correction import Proposer
from bartizan.guard.decision import Program
from bartizan.guard.gather import Monitor
from bartizan.guard.guard import Guard
from bartizan.integrations.langgraph import LangGraphGuard

from .pipeline import Graph

Record = Mapping[str, Any]


class Protecting:
    """A guard for any number of runs, each in a session of its own, wherever it is. A context manager.

    ``policy`` is the policy's name, ``decisions`` what was decided so far, by session and call.
    """

    def __init__(
        self, policy: str, guard: LangGraphGuard, decisions: Mapping[str, Mapping[str, Sequence[Record]]]
    ) -> None:
        self.policy = policy
        self._guard = guard
        self._decisions = decisions

    def wrap(self, graph: Graph) -> Graph:
        """The graph with the guard before its tools."""
        guarded: Graph = self._guard.wrap(graph)
        return guarded

    def decisions(self, session: str) -> Mapping[str, Sequence[Record]]:
        """The decisions of a session by call id, oldest first: an approved call has two, one that asks."""
        return self._decisions.get(session, {})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._guard.close()


_NOBODY: Mapping[str, Monitor] = MappingProxyType({})
DEADLINE = 60.0  # seconds: figures must not depend on how busy the machine is


class Protection(Protecting):
    """A guard in this process.

    ``log`` is closed with it; without one the log lives in memory. ``proposers`` may correct what is denied.
    """

    def __init__(
        self,
        program: Program,
        log: AuditLog | None = None,
        monitors: Mapping[str, Monitor] = _NOBODY,
        proposers: Sequence[Proposer] = (),
    ) -> None:
        remembering = _Remembering(MemoryAuditLog() if log is None else log)
        guard = Guard(
            program,
            audit=remembering,
            monitors=monitors,
            capture_content=True,
            deadline=DEADLINE,
            proposers=proposers,
            correct_within=DEADLINE / 2,
        )
        super().__init__(program.name, LangGraphGuard(guard), remembering.decisions)


class _Remembering:
    """An audit log that writes to another one and remembers the decisions, by session and call."""

    def __init__(self, log: AuditLog) -> None:
        self.decisions: dict[str, dict[str, list[Record]]] = {}
        self._log = log

    async def append(self, record: Mapping[str, JSON]) -> Receipt:
        receipt = await self._log.append(record)
        if record["kind"] == "decision":
            self.decisions.setdefault(record["session"], {}).setdefault(record["call_id"], []).append(record)
        return receipt

    async def aclose(self) -> None:
        await self._log.aclose()
