"""What is let go right now: the link between a decision and the tool that runs because of it.

A context variable, so it follows a tool into the threads and tasks it is run in, and whatever runs inside the
tool (another tool, a sub-agent's graph) can be told from what runs outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from bartizan.guard import MalformedCall, ToolCall

_FILTERED = ("run_manager", "callbacks")
"""Arguments that LangChain leaves out of what it tells callbacks."""


@dataclass(slots=True)
class Grant:
    """One call let go: it covers one start of one tool, and (by ``session``) whatever runs inside it.

    ``keys`` are the idempotency keys of this call and of those inside whose execution it was proposed.
    """

    owner: object
    call: ToolCall
    session: str
    keys: frozenset[str] = frozenset()
    run: UUID | None = None

    def covers(self, tool: str, inputs: Mapping[str, Any] | None, run: UUID) -> bool:
        """Whether this is the start of the tool that was let go. Asked again about the same run, still yes."""
        if self.run is not None:
            return self.run == run
        if not self.matches(tool, inputs):
            return False
        self.run = run
        return True

    def matches(self, tool: str, inputs: Mapping[str, Any] | None) -> bool:
        """Whether these are the tool and the arguments that were decided."""
        return tool == self.call.tool and _same(inputs, self.call)


_CURRENT: ContextVar[Grant | None] = ContextVar("bartizan_grant", default=None)


def current(owner: object) -> Grant | None:
    """The call of this guard inside whose execution we are, if any."""
    grant = _CURRENT.get()
    return grant if grant is not None and grant.owner is owner else None


@contextmanager
def granted(grant: Grant) -> Iterator[Grant]:
    token = _CURRENT.set(grant)
    try:
        yield grant
    finally:
        _CURRENT.reset(token)


def _same(inputs: Mapping[str, Any] | None, call: ToolCall) -> bool:
    """Whether a tool starts with exactly the arguments that were decided."""
    expected = {name: value for name, value in call.args.items() if name not in _FILTERED}
    try:
        return (
            ToolCall.of(call.id, call.tool, inputs or {}).digest
            == ToolCall.of(call.id, call.tool, expected).digest
        )
    except MalformedCall:
        return False
