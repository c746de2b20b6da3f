"""Transparency: what is let go, and what comes back of it, is byte for byte as without a guard."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard import Guard, ToolCall, ToolResult, canonical_json
from bartizan.guard.testing import StaticProgram

PROGRAM = StaticProgram(allow=["echo"])

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.just(-0.0)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(args=st.dictionaries(texts, values, max_size=4), text=texts, value=values, is_error=st.booleans())
def test_what_is_allowed_passes_byte_identical(
    args: dict[str, Any], text: str, value: Any, is_error: bool
) -> None:
    """The tool gets the arguments that were proposed, and the agent the result that the tool returned."""
    proposed = ToolCall.of("1", "echo", args)
    seen: list[ToolCall] = []

    async def tool(call: ToolCall) -> ToolResult:
        seen.append(call)
        return ToolResult(text, value, is_error)

    outcome = asyncio.run(Guard(PROGRAM).enforce(proposed, tool, session="s"))
    assert seen == [proposed]
    assert _same(seen[0].arguments(), args)
    assert outcome.result is not None
    assert (outcome.result.text, outcome.result.is_error) == (text, is_error)
    assert _same(outcome.result.value, value)
    assert canonical_json(outcome.result.value) == canonical_json(value)


def _same(left: Any, right: Any) -> bool:
    """Equal, and of equal types and signs all the way down (``1 == 1.0 == True``, ``0.0 == -0.0``)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(left == right)
