"""From documents to the kernel's words and back, where nothing is believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from bartizan.guard import JSON, Approval, ToolCall, ToolResult
from bartizan.guard.canonical import scalar_text
from bartizan.guard.parts import detached
from bartizan.guard.types import Raised
from bartizan.integrations import wire

from .errors import BadAnswer

T = TypeVar("T")


def read(decode: Callable[[Any], T], document: JSON) -> T:
    """What a document says. Raises :class:`BadAnswer` for one that says something else."""
    try:
        return decode(document)
    except (wire.NotTheShape, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise BadAnswer(f"expected an answer as the service gives it: {error!s:.300}") from error


def shown(document: JSON) -> ToolResult:
    """What the model may see of a result."""
    if set(document) != {"text", "value", "is_error"}:
        raise wire.NotTheShape("the result: expected text, value and is_error")
    return wire.result_of(document)


def approval(document: JSON) -> Approval:
    """The approval in an answer."""
    return wire.approval_of(document["approval"])


def told(
    session: str, call: ToolCall, outcome: ToolResult | Raised, record: str | None, once: str | None
) -> dict[str, JSON]:
    """What became of a call, with of values and texts what JSON can say. Raises ``TypeError`` for what is neither."""
    said: ToolResult | Raised
    if isinstance(outcome, ToolResult):
        said = ToolResult(scalar_text(outcome.text), detached(outcome.value), outcome.is_error)
    elif isinstance(outcome, Raised):
        said = replace(outcome, kind=scalar_text(outcome.kind), text=scalar_text(outcome.text))
    else:
        raise TypeError(f"expected execute to return a ToolResult, found {type(outcome).__name__}")
    return wire.Outcomes(session, call, said, record, once).to_json()
