"""Fixtures of the kernel's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from bartizan.guard import ToolCall, ToolResult


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """A call out of the kernel that would block the event loop fails the test."""
    with blockbuster_ctx("bartizan.guard") as blockbuster:
        for function in blockbuster.functions.values():
            # A log is opened before there is an event loop with work, and says so; tests open some inside one.
            function.can_block_in("guard/audit/file.py", "__init__")
            # `verify` and `query` are for command lines, not for event loops; tests call them where they stand.
            function.can_block_in("guard/audit/verify.py", "verify")
            function.can_block_in("guard/audit/query.py", "_scan")
            function.can_block_in("guard/audit/query.py", "query")
        yield blockbuster


class Tool:
    """A tool that keeps count of what it was run with."""

    def __init__(self, text: str = "done", error: BaseException | None = None) -> None:
        self.ran: list[ToolCall] = []
        self._text = text
        self._error = error

    async def __call__(self, call: ToolCall) -> ToolResult:
        self.ran.append(call)
        if self._error is not None:
            raise self._error
        return ToolResult(self._text)


@pytest.fixture
def tool() -> Tool:
    return Tool()


@pytest.fixture
def make_tool() -> type[Tool]:
    return Tool
