"""A guard for one run, and the decisions that it wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from bartizan.guard.audit import MemoryAuditLog
from bartizan.guard.decision import Program
from bartizan.guard.guard import Guard
from bartizan.integrations.langgraph import LangGraphGuard

from .pipeline import Graph

Record = Mapping[str, Any]


class Protection:
    """A guard with its own store and log, so that runs cannot influence each other. A context manager."""

    def __init__(self, program: Program) -> None:
        self._log = MemoryAuditLog()
        self._guard = LangGraphGuard(Guard(program, audit=self._log))

    def wrap(self, graph: Graph) -> Graph:
        guarded: Graph = self._guard.wrap(graph)
        return guarded

    def decisions(self) -> dict[str, list[Record]]:
        """The decisions by call id, oldest first: an approved call has one that asks and one that allows."""
        found: dict[str, list[Record]] = {}
        for entry in self._log.entries:
            if entry.record["kind"] == "decision":
                found.setdefault(entry.record["call_id"], []).append(entry.record)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._guard.close()
