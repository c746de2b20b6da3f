"""What the doors need of a guard, wherever it is: in this process (:class:`.guard.Guard`) or behind a service.

A *door* turns a framework's tool calls into :class:`.types.ToolCall` and runs what is let go. It knows no more than
this protocol, so that one door works with both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from .approvals import Answer, Approval
from .authorise import Enforcement
from .canonical import JSON
from .decision import Inspection
from .guard import Execute
from .types import ANONYMOUS, Principal, Raised, ToolCall, ToolResult


class Gatekeeper(Protocol):
    """See the methods of :class:`.guard.Guard`. Whatever fails behind them fails closed."""

    async def enforce(
        self,
        call: ToolCall,
        execute: Execute,
        *,
        session: str,
        principal: Principal = ANONYMOUS,
        once: str | None = None,
        suspends: tuple[type[BaseException], ...] = (),
    ) -> Enforcement: ...

    async def authorise(
        self,
        call: ToolCall,
        *,
        session: str,
        principal: Principal = ANONYMOUS,
        once: str | None = None,
    ) -> Enforcement: ...

    async def report(
        self,
        call: ToolCall,
        outcome: ToolResult | Raised,
        *,
        session: str,
        record: str | None = None,
        once: str | None = None,
    ) -> ToolResult | None: ...

    async def review(
        self, call: ToolCall, *, session: str, principal: Principal = ANONYMOUS
    ) -> Enforcement: ...

    async def observe(
        self,
        kind: Literal["prompt", "text", "result"],
        text: str,
        *,
        session: str,
        call: ToolCall | None = None,
        value: JSON = None,
        is_error: bool = False,
    ) -> Inspection | None: ...

    async def resolve(
        self,
        approval_id: str,
        answer: Answer,
        *,
        session: str,
        by: Principal,
        args: Mapping[str, Any] | None = None,
    ) -> Approval: ...

    async def approvals(self, session: str) -> tuple[Approval, ...]: ...

    def denial_message(self, enforcement: Enforcement) -> str: ...

    def correction_message(self, enforcement: Enforcement) -> str: ...

    async def aclose(self) -> None: ...
